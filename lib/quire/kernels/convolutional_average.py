r"""Convolutional kernels: shared filters and global average pooling, at infinite width.

.. math::
    f(x) = \sqrt{\tfrac{2}{H}} \sum_{h=1}^{H} a_h \frac{1}{N_p}\sum_{i=1}^{N_p}
           \mathrm{relu}\!\left(\frac{w_h\cdot x_i}{\sqrt s}\right)
    \quad\Longrightarrow\quad
    K_{\rm CN}(x,y) = \frac{1}{N_p^2}\sum_{i,j=1}^{N_p} K_{\rm FC}(x_i, y_j)

Each filter is applied to all of the :math:`N_p` patches, so that its gradient couples every patch of :math:`x` with
every patch of :math:`y`: the neural tangent kernel is the fully-connected one averaged over all pairs.

Source: favero2021locality, Lemma on the NTK of one-hidden-layer CNNs; favero2025physics, Lemma 2.3.1.
"""

from quire.cite import cites
from quire.kernels.constituent import Constituent
from quire.kernels.patches import extract_patches
from quire.kernels.tiles import diagonal_over_pairs, sum_over_pairs
from quire.types import Float, Tensor

__all__ = ["convolutional", "convolutional_diagonal"]


@cites("favero2021locality", "Lemma: NTK of a one-hidden-layer CNN")
@cites("favero2025physics", "Lemma 2.3.1")
def convolutional(
    first: Float[Tensor, "row *shape"],
    second: Float[Tensor, "column *other"] | None = None,
    *,
    constituent: Constituent,
    filter_size: int,
    stride: int = 1,
    cyclic: bool = True,
    channels: int = 1,
    tile_size: int | None = None,
) -> Float[Tensor, "row column"]:
    """Average a constituent over all pairs of patches.

    Args:
        first: points of the rows, or images ``[row, channel, height, width]``, whose patches are squares.
        second: points of the columns; None means the rows, and then the diagonal is exact.
        constituent: kernel of one pair of patches, such as ``ReluNTK()`` or ``Laplacian(filter_size)``.
        filter_size: pixels per patch.
        stride: pixels between neighbouring patches; equal to the filter size, patches do not overlap.
        cyclic: whether patches wrap around.
        channels: features per pixel.
        tile_size: points per side of a tile; changes memory and speed, not the result.

    Raises:
        TypeError: inputs are no tensors of float32 or float64, or the constituent is a class.
        ValueError: impossible lengths, other axes, or inputs that are not finite.
        MemoryError: the matrix does not fit.

    A cyclic shift of one input changes nothing:

    >>> import torch; from quire.kernels import ReluNTK
    >>> x = torch.randn(3, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    >>> gram = convolutional(x, x.roll(2, 1), constituent=ReluNTK(), filter_size=3)
    >>> bool(torch.allclose(gram, convolutional(x, constituent=ReluNTK(), filter_size=3), atol=1e-7))
    True
    """
    cut = {"filter_size": filter_size, "stride": stride, "cyclic": cyclic, "channels": channels}
    rows = extract_patches(first, **cut)
    columns = None if second is None else extract_patches(second, **cut)
    total = sum_over_pairs(rows, columns, constituent=constituent, all_pairs=True, tile_size=tile_size)
    return total.div_(rows.shape[1] ** 2)


def convolutional_diagonal(
    inputs: Float[Tensor, "point *shape"],
    *,
    constituent: Constituent,
    filter_size: int,
    stride: int = 1,
    cyclic: bool = True,
    channels: int = 1,
) -> Float[Tensor, " point"]:
    """The kernel of each point with itself, which the exact average over teachers needs at the test points.

    >>> import torch; from quire.kernels import Laplacian
    >>> x = torch.tensor([[0.0, 1.0, 3.0]], dtype=torch.float64)
    >>> gram = convolutional(x, constituent=Laplacian(2.0), filter_size=1)
    >>> bool(torch.allclose(convolutional_diagonal(x, constituent=Laplacian(2.0), filter_size=1), gram[0]))
    True
    """
    patches = extract_patches(inputs, filter_size=filter_size, stride=stride, cyclic=cyclic, channels=channels)
    return diagonal_over_pairs(patches, constituent=constituent, all_pairs=True).div_(patches.shape[1] ** 2)
