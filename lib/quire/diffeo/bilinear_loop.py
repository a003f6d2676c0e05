r"""The compiled loop of the bilinear warp, in passes over a block of pixels that stays in the first level of cache.

1. :func:`_sums_over_j`: the amplitudes :math:`A_{ai}(y) = \sum_j C_{aij}\,s_j(y)` of one member, once for all rows.
2. :func:`_places`: the pixels of a block, minus the given field.
3. :func:`_subtract_waves`: minus the sum over i of :math:`A_{ai}(y)\,s_i(x)`, four waves at a time.
4. :func:`_cells`: the cell that a position lies in and the place in the cell, in vectors.
5. :func:`_read_three` and :func:`_read_one`: the four neighbours, loaded as two pairs, blended along y as pairs and along x as
   numbers: eight instructions per pixel and channel.

Indices are unsigned: numba lets a signed index count from the end, at the price of a comparison for each access.
"""

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from quire.cores import compiled, compiled_pass

__all__ = ["UNROLLED", "warp_loop"]

UNROLLED = 4  # waves of the sum over i in one pass over a row


@compiled
def warp_loop(images, field, coefficients, waves, out, rows_per_block, triples):  # pragma: no cover (compiled)
    """Read every image at p - τ(p); ``field`` or ``coefficients`` is empty, and ``triples`` channels go three by three."""
    size, width = waves.shape[1], rows_per_block * waves.shape[1]
    along_y = np.empty((2, waves.shape[0], size), images.dtype)
    x, y = np.empty(width, images.dtype), np.empty(width, images.dtype)
    cell = np.empty(width, np.uint32)
    for member in range(images.shape[0]):
        _sums_over_j(coefficients[member], waves, along_y)
        for top in range(0, size, rows_per_block):
            bottom = min(size, top + rows_per_block)
            start, stop = top * size, bottom * size
            _places(field[member], top, bottom, size, x, y)
            _subtract_waves(along_y, waves, top, bottom, x, y)
            _cells(x, y, cell, stop - start, size)
            for channel in range(0, triples, 3):
                _read_three(images[member], out[member], channel, start, stop, cell, x, y, size)
            for channel in range(triples, images.shape[1]):
                _read_one(images[member, channel], out[member, channel, start:stop], cell, x, y, size)


@compiled_pass
def _sums_over_j(coefficients, waves, along_y):  # pragma: no cover (compiled)
    along_y[:] = along_y.dtype.type(0)
    num_waves, size = waves.shape
    for axis in range(2):
        for i in range(num_waves):
            sum_over_j = along_y[axis, i]
            for j in range(num_waves):
                amplitude, wave = coefficients[axis, i, j], waves[j]
                for row in range(size):
                    sum_over_j[row] += amplitude * wave[row]


@compiled_pass
def _places(field, top, bottom, size, x, y):  # pragma: no cover (compiled)
    number, index = x.dtype.type, np.uint64
    n, first = index(size), index(top)
    for row in range(index(bottom - top)):
        for column in range(n):
            x[row * n + column] = number(column)
            y[row * n + column] = number(row + first)
    if field.shape[1] > 0:
        start = first * n
        for pixel in range(index(bottom - top) * n):
            x[pixel] -= field[0, start + pixel]
            y[pixel] -= field[1, start + pixel]


@compiled_pass
def _subtract_waves(along_y, waves, top, bottom, x, y):  # pragma: no cover (compiled)
    index = np.uint64
    n, one, two, three = index(waves.shape[1]), index(1), index(2), index(3)
    of_x, of_y = along_y[0], along_y[1]
    for i in range(index(0), index(waves.shape[0]), index(UNROLLED)):
        s0, s1, s2, s3 = waves[i], waves[i + one], waves[i + two], waves[i + three]
        for row in range(index(top), index(bottom)):
            base = (row - index(top)) * n
            a0, a1, a2, a3 = of_x[i, row], of_x[i + one, row], of_x[i + two, row], of_x[i + three, row]
            b0, b1, b2, b3 = of_y[i, row], of_y[i + one, row], of_y[i + two, row], of_y[i + three, row]
            for column in range(n):
                w0, w1, w2, w3 = s0[column], s1[column], s2[column], s3[column]
                x[base + column] -= a0 * w0 + a1 * w1 + a2 * w2 + a3 * w3
                y[base + column] -= b0 * w0 + b1 * w1 + b2 * w2 + b3 * w3


@compiled_pass
def _cells(x, y, cell, count, size):  # pragma: no cover (compiled)
    number = x.dtype.type
    zero, last, corner = number(0), number(size - 1), number(size - 2)
    for pixel in range(np.uint64(count)):  # comparisons in an order that sends what is not a number to the frame
        u, v = x[pixel], y[pixel]
        u, v = u if u > zero else zero, v if v > zero else zero
        u, v = u if u < last else last, v if v < last else last
        column, row = np.int32(min(u, corner)), np.int32(min(v, corner))
        x[pixel], y[pixel] = u - number(column), v - number(row)
        cell[pixel] = np.uint32(row * np.int32(size) + column)


@compiled_pass
def _read_three(images, out, channel, start, stop, cell, x, y, size):  # pragma: no cover (compiled)
    index = np.uint64
    n = index(size)
    plane0, plane1, plane2 = images[channel], images[channel + 1], images[channel + 2]
    out0, out1, out2 = out[channel, start:stop], out[channel + 1, start:stop], out[channel + 2, start:stop]
    for pixel in range(index(stop - start)):
        at, u, v = index(cell[pixel]), x[pixel], y[pixel]
        out0[pixel] = _blend(plane0, at, at + n, u, v)
        out1[pixel] = _blend(plane1, at, at + n, u, v)
        out2[pixel] = _blend(plane2, at, at + n, u, v)


@compiled_pass
def _read_one(plane, out, cell, x, y, size):  # pragma: no cover (compiled)
    index = np.uint64
    n = index(size)
    for pixel in range(index(out.shape[0])):
        at = index(cell[pixel])
        out[pixel] = _blend(plane, at, at + n, x[pixel], y[pixel])


@intrinsic
def _blend(context, plane, cell, below, x, y):
    """(1-x)[(1-y) a + y c] + x [(1-y) b + y d], of the pairs a b at ``cell`` and c d at ``below``."""
    exact = {"flags": ["contract"]}

    def build(target, builder, signature, arguments):
        plane, cell, below, x, y = arguments
        data = target.make_array(signature.args[0])(target, builder, value=plane).data
        pair, index = ir.VectorType(data.type.pointee, 2), ir.IntType(32)
        undefined, first, second = ir.Constant(pair, ir.Undefined), ir.Constant(index, 0), ir.Constant(index, 1)

        def load(where):
            found = builder.load(builder.bitcast(builder.gep(data, [where]), pair.as_pointer()))
            found.align = signature.return_type.bitwidth // 8
            return found

        above, below = load(cell), load(below)
        twice = builder.shuffle_vector(
            builder.insert_element(undefined, y, first), undefined, ir.Constant(ir.VectorType(index, 2), [0, 0])
        )
        column = builder.fadd(above, builder.fmul(twice, builder.fsub(below, above, **exact), **exact), **exact)
        left, right = builder.extract_element(column, first), builder.extract_element(column, second)
        return builder.fadd(left, builder.fmul(x, builder.fsub(right, left, **exact), **exact), **exact)

    return plane.dtype(plane, types.uint64, types.uint64, plane.dtype, plane.dtype), build
