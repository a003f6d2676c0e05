r"""The patches that a one-dimensional convolutional layer sees.

Patch :math:`i` of an input :math:`x \in \mathbb{R}^d` is :math:`x_i = (x_{i\tau}, \ldots, x_{i\tau+s-1})` with filter
size :math:`s` and stride :math:`\tau`. Cyclic patches wrap around, so that there are :math:`d/\tau` of them; open ones
do not, and there are :math:`\lfloor (d-s)/\tau \rfloor + 1`.
"""

import torch

from quire.types import Float, Int, Tensor

__all__ = ["extract_patches", "patch_indices", "torus_embedding"]


def patch_indices(dim: int, *, filter_size: int, stride: int = 1, cyclic: bool = True) -> Int[Tensor, "patch filter"]:
    """Positions that each patch covers.

    Raises:
        ValueError: a length is not positive, the filter is larger than the input, or cyclic patches do not close.

    >>> patch_indices(4, filter_size=2).tolist()
    [[0, 1], [1, 2], [2, 3], [3, 0]]
    >>> patch_indices(4, filter_size=2, stride=2).tolist()
    [[0, 1], [2, 3]]
    """
    for name, value in (("dim", dim), ("filter_size", filter_size), ("stride", stride)):
        if value < 1:
            raise ValueError(f"{name} must be ≥ 1, got {value}: it counts pixels")
    if filter_size > dim:
        raise ValueError(f"filter_size must be ≤ dim = {dim}, got {filter_size}: lower it, or use longer inputs")
    if cyclic and dim % stride:
        raise ValueError(f"stride must divide dim = {dim} for cyclic patches, got {stride}: or take cyclic=False")
    starts = torch.arange(0, dim if cyclic else dim - filter_size + 1, stride)
    return (starts[:, None] + torch.arange(filter_size)) % dim


def extract_patches(
    inputs: Float[Tensor, "point features"],
    *,
    filter_size: int,
    stride: int = 1,
    cyclic: bool = True,
    channels: int = 1,
) -> Float[Tensor, "point patch features_of_patch"]:
    """Cut each input into patches.

    Args:
        inputs: one row per point; with several channels the features are (pixel, channel), channel fastest.
        filter_size: pixels per patch.
        stride: pixels between the first pixels of neighbouring patches.
        cyclic: whether patches wrap around.
        channels: features per pixel.

    Raises:
        ValueError: lengths as in :func:`patch_indices`, or inputs that are not finite.

    >>> extract_patches(torch.tensor([[1.0, 2.0, 3.0]]), filter_size=2).tolist()
    [[[1.0, 2.0], [2.0, 3.0], [3.0, 1.0]]]
    """
    if channels < 1 or inputs.shape[1] % channels:
        raise ValueError(
            f"channels must divide the {inputs.shape[1]} features, got {channels}: features are (pixel, channel)"
        )
    if not bool(torch.isfinite(inputs).all()):
        point, feature = (~torch.isfinite(inputs)).nonzero()[0].tolist()
        raise ValueError(f"inputs must be finite, got {inputs[point, feature]} at point {point}, feature {feature}")
    where = patch_indices(inputs.shape[1] // channels, filter_size=filter_size, stride=stride, cyclic=cyclic)
    pixels = inputs.unflatten(1, (-1, channels))[:, where.to(inputs.device)]
    return pixels.flatten(2)


def torus_embedding(angles: Float[Tensor, "point dim"]) -> Float[Tensor, "point features"]:
    r"""Put each coordinate of the unit torus on a unit circle: two channels per pixel.

    Euclidean distances become chords, :math:`|x-y|^2 = \sum_i 4\sin^2(\pi(u_i-v_i))`.

    >>> torus_embedding(torch.tensor([[0.0, 0.5]])).round().tolist()
    [[1.0, 0.0, -1.0, -0.0]]
    """
    phase = 2 * torch.pi * angles
    return torch.stack([phase.cos(), phase.sin()], -1).flatten(1)
