r"""Bilinear warps of images in the memory of this machine, in one compiled pass.

A block of about a thousand pixels at a time, so that everything but the images stays in the first level of cache: the
positions :math:`p - \tau(p)` of its pixels, from a field or from the sines of the ensemble,

.. math:: \tau_a(x, y) = \sum_i s_i(x)\, A_{ai}(y), \qquad A_{ai}(y) = \sum_j C_{aij}\, s_j(y),

then the cell and the place in the cell of each, in vectors, then the four neighbours: loaded as two pairs, blended along
y as pairs and along x as numbers, eight instructions per pixel and channel. No displacement and no grid is ever written.
"""

from functools import lru_cache

import numpy as np
import torch
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from quire.cores import arrays, compiled, each
from quire.diffeo.modes import sine_basis
from quire.types import Float, Tensor

__all__ = ["warp_bilinear"]

BLOCK = 1024  # pixels
UNROLLED = 4  # waves of the sum over i in one pass over a row


def warp_bilinear(
    images: Float[Tensor, "batch channel size size"],
    *,
    displacement: Float[Tensor, "batch 2 size size"] | None = None,
    coefficients: Float[Tensor, "batch 2 cutoff cutoff"] | None = None,
) -> Float[Tensor, "batch channel size size"] | None:
    """Read each image at p - τ(p), positions clamped to the frame; None where tensor code must do it.

    Args:
        images: in single or double precision.
        displacement: τ in pixels, (x, y); or else
        coefficients: C in pixels. Both have the dtype of the images.
    """
    batch, channels, size, _ = images.shape
    if displacement is None:
        cutoff = coefficients.shape[-1]
        displacement = images.new_empty(batch, 2, 0)
        waves = _waves(size, cutoff, images.dtype)
        padded = coefficients.new_zeros(batch, 2, len(waves), len(waves))
        padded[:, :, :cutoff, :cutoff] = coefficients
        coefficients = padded
    else:
        coefficients, waves = images.new_empty(batch, 2, 0, 0), images.new_empty(0, size)
    found = arrays(images, displacement, coefficients, waves) if size > 1 else None
    if found is None:
        return None
    result = torch.empty_like(images, memory_format=torch.contiguous_format)
    pixels, field, sums, waves = found
    pixels, out = (view.reshape(batch, channels, size**2) for view in (pixels, result.numpy()))
    field = field.reshape(batch, 2, size**2 if field.shape[2:] == (size, size) else 0)
    # three planes in one loop share the loads of the positions, unless they would drive each other out of the cache
    triples = channels // 3 * 3 if size > 64 else 0
    rows = max(1, BLOCK // size)

    def warp(part: slice) -> None:
        _warp(pixels[part], field[part], sums[part], waves, out[part], rows, triples)

    share = max(1, -(-batch // torch.get_num_threads()))
    each(warp, [slice(start, start + share) for start in range(0, batch, share)], device=images.device)
    return result


@lru_cache(maxsize=64)
def _waves(size: int, cutoff: int, dtype: torch.dtype) -> Float[Tensor, "wave size"]:
    """sin(iπu), filled up with zeros to a multiple of the unrolled waves."""
    waves = torch.zeros(-(-cutoff // UNROLLED) * UNROLLED, size, dtype=dtype)
    waves[:cutoff] = sine_basis(size, cutoff).T
    return waves


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


@compiled
def _warp(images, field, coefficients, waves, out, rows_per_block, triples):  # pragma: no cover (compiled)
    # unsigned: numba lets a signed index count from the end, at the price of a comparison for each access
    number, index = images.dtype.type, np.uint64
    size = waves.shape[1]
    n, one, two, three = index(size), index(1), index(2), index(3)
    zero, last, corner = number(0), number(size - 1), number(size - 2)
    given, num_waves = field.shape[2] > 0, waves.shape[0]
    along_y = np.empty((2, num_waves, size), images.dtype)
    x, y = np.empty(rows_per_block * size, images.dtype), np.empty(rows_per_block * size, images.dtype)
    cell = np.empty(rows_per_block * size, np.uint32)
    for member in range(images.shape[0]):
        along_y[:] = zero
        for axis in range(2):
            for i in range(num_waves):
                sum_over_j = along_y[axis, i]
                for j in range(num_waves):
                    amplitude, wave = coefficients[member, axis, i, j], waves[j]
                    for row in range(size):
                        sum_over_j[row] += amplitude * wave[row]

        for top in range(0, size, rows_per_block):
            bottom = min(size, top + rows_per_block)
            start, stop, count = index(top) * n, index(bottom) * n, index(bottom - top) * n
            for row in range(index(bottom - top)):
                for column in range(n):
                    x[row * n + column] = number(column)
                    y[row * n + column] = number(row + index(top))
            if given:
                for pixel in range(count):
                    x[pixel] -= field[member, 0, start + pixel]
                    y[pixel] -= field[member, 1, start + pixel]
            for i in range(index(0), index(num_waves), index(4)):
                s0, s1, s2, s3 = waves[i], waves[i + one], waves[i + two], waves[i + three]
                of_x, of_y = along_y[0], along_y[1]
                for row in range(index(top), index(bottom)):
                    base = (row - index(top)) * n
                    a0, a1, a2, a3 = of_x[i, row], of_x[i + one, row], of_x[i + two, row], of_x[i + three, row]
                    b0, b1, b2, b3 = of_y[i, row], of_y[i + one, row], of_y[i + two, row], of_y[i + three, row]
                    for column in range(n):
                        w0, w1, w2, w3 = s0[column], s1[column], s2[column], s3[column]
                        x[base + column] -= a0 * w0 + a1 * w1 + a2 * w2 + a3 * w3
                        y[base + column] -= b0 * w0 + b1 * w1 + b2 * w2 + b3 * w3

            for pixel in range(count):  # comparisons in an order that sends what is not a number to the frame
                u, v = x[pixel], y[pixel]
                u, v = u if u > zero else zero, v if v > zero else zero
                u, v = u if u < last else last, v if v < last else last
                column, row = np.int32(min(u, corner)), np.int32(min(v, corner))
                x[pixel], y[pixel] = u - number(column), v - number(row)
                cell[pixel] = np.uint32(row * np.int32(size) + column)

            for channel in range(0, triples, 3):
                plane0, plane1, plane2 = (
                    images[member, channel],
                    images[member, channel + 1],
                    images[member, channel + 2],
                )
                out0, out1 = out[member, channel, start:stop], out[member, channel + 1, start:stop]
                out2 = out[member, channel + 2, start:stop]
                for pixel in range(count):
                    at, u, v = index(cell[pixel]), x[pixel], y[pixel]
                    out0[pixel] = _blend(plane0, at, at + n, u, v)
                    out1[pixel] = _blend(plane1, at, at + n, u, v)
                    out2[pixel] = _blend(plane2, at, at + n, u, v)
            for channel in range(triples, images.shape[1]):
                plane, result = images[member, channel], out[member, channel, start:stop]
                for pixel in range(count):
                    at = index(cell[pixel])
                    result[pixel] = _blend(plane, at, at + n, x[pixel], y[pixel])
