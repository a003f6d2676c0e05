r"""Local kernels: a filter and a readout of its own for each patch (locally connected), at infinite width.

.. math::
    f(x) = \sqrt{\tfrac{2}{H N_p}} \sum_{h=1}^{H}\sum_{i=1}^{N_p} a_{h,i}\,
           \mathrm{relu}\!\left(\frac{w_{h,i}\cdot x_i}{\sqrt s}\right)
    \quad\Longrightarrow\quad
    K_{\rm LC}(x,y) = \frac{1}{N_p}\sum_{i=1}^{N_p} K_{\rm FC}(x_i, y_i)

Without weight sharing the parameters of one patch never see another: only equal positions are coupled. One patch that
covers the whole input is the fully-connected network.

Source: favero2021locality, Lemma on the NTK of locally-connected networks; favero2025physics, Lemma 2.3.1.
"""

from quire.cite import cites
from quire.kernels.constituent import Constituent
from quire.kernels.patches import extract_patches
from quire.kernels.tiles import diagonal_over_pairs, sum_over_pairs
from quire.types import Float, Tensor

__all__ = ["fully_connected", "local", "local_diagonal"]


@cites("favero2021locality", "Lemma: NTK of a one-hidden-layer locally-connected network")
@cites("favero2025physics", "Lemma 2.3.1")
def local(
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
    """Average a constituent over the patches at equal positions; arguments as in ``convolutional``.

    Shifting both inputs together changes nothing:

    >>> import torch; from quire.kernels import Laplacian
    >>> x = torch.randn(3, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    >>> gram = local(x, constituent=Laplacian(2.0), filter_size=2)
    >>> bool(torch.allclose(gram, local(x.roll(1, 1), constituent=Laplacian(2.0), filter_size=2), rtol=1e-14))
    True
    """
    cut = {"filter_size": filter_size, "stride": stride, "cyclic": cyclic, "channels": channels}
    rows = extract_patches(first, **cut)
    columns = None if second is None else extract_patches(second, **cut)
    total = sum_over_pairs(rows, columns, constituent=constituent, all_pairs=False, tile_size=tile_size)
    return total.div_(rows.shape[1])


def local_diagonal(
    inputs: Float[Tensor, "point *shape"],
    *,
    constituent: Constituent,
    filter_size: int,
    stride: int = 1,
    cyclic: bool = True,
    channels: int = 1,
) -> Float[Tensor, " point"]:
    """The kernel of each point with itself.

    >>> import torch; from quire.kernels import ReluNTK
    >>> local_diagonal(torch.eye(2), constituent=ReluNTK(), filter_size=1).tolist()
    [1.0, 1.0]
    """
    patches = extract_patches(inputs, filter_size=filter_size, stride=stride, cyclic=cyclic, channels=channels)
    return diagonal_over_pairs(patches, constituent=constituent, all_pairs=False).div_(patches.shape[1])


@cites("jacot2018ntk", "one hidden layer")
def fully_connected(
    first: Float[Tensor, "row *shape"],
    second: Float[Tensor, "column *other"] | None = None,
    *,
    constituent: Constituent,
    tile_size: int | None = None,
) -> Float[Tensor, "row column"]:
    """The constituent on whole inputs: one patch as large as the input.

    >>> import torch; from quire.kernels import ReluNTK
    >>> fully_connected(2 * torch.eye(4, dtype=torch.float64), constituent=ReluNTK()).diagonal().tolist()
    [2.0, 2.0, 2.0, 2.0]
    """
    first, second = first.flatten(1), None if second is None else second.flatten(1)  # of an image all pixels
    return local(first, second, constituent=constituent, filter_size=first.shape[1], cyclic=False, tile_size=tile_size)
