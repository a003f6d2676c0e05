r"""The patches that a convolutional layer sees, of one-dimensional inputs or of images.

Patch :math:`i` of an input :math:`x \in \mathbb{R}^d` is :math:`x_i = (x_{i\tau}, \ldots, x_{i\tau+s-1})` with filter
size :math:`s` and stride :math:`\tau`. Cyclic patches wrap around, so that there are :math:`d/\tau` of them; open ones
do not, and there are :math:`\lfloor (d-s)/\tau \rfloor + 1`. Of an image, patches are squares of :math:`s \times s` pixels, with as many
positions in either direction.
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
    inputs: Float[Tensor, "point *shape"],
    *,
    filter_size: int,
    stride: int = 1,
    cyclic: bool = True,
    channels: int = 1,
) -> Float[Tensor, "point patch features_of_patch"]:
    """Cut each input into patches.

    Args:
        inputs: one row per point; with several channels the features are (pixel, channel), channel fastest. Or images in torch's layout,
            ``[point, channel, height, width]``.
        filter_size: pixels per patch.
        stride: pixels between the first pixels of neighbouring patches.
        cyclic: whether patches wrap around.
        channels: features per pixel; of images it is known.

    Raises:
        TypeError: no tensor of float32 or float64.
        ValueError: other axes than these, lengths as in :func:`patch_indices`, or inputs that are not finite.

    >>> extract_patches(torch.tensor([[1.0, 2.0, 3.0]]), filter_size=2).tolist()
    [[[1.0, 2.0], [2.0, 3.0], [3.0, 1.0]]]
    """
    _check_inputs(inputs)
    if inputs.ndim == 4:
        return _of_images(inputs, filter_size, stride, cyclic)
    if channels < 1 or inputs.shape[1] % channels:
        raise ValueError(
            f"channels must divide the {inputs.shape[1]} features, got {channels}: features are (pixel, channel)"
        )
    where = patch_indices(inputs.shape[1] // channels, filter_size=filter_size, stride=stride, cyclic=cyclic)
    pixels = inputs.unflatten(1, (-1, channels))[:, where.to(inputs.device)]
    return pixels.flatten(2)


def _of_images(
    images: Float[Tensor, "point channel height width"], filter_size: int, stride: int, cyclic: bool
) -> Float[Tensor, "point patch features_of_patch"]:
    """Square patches, row by row; within a patch the features are (row, column, channel), channel fastest."""
    cut = {"filter_size": filter_size, "stride": stride, "cyclic": cyclic}
    rows, columns = (patch_indices(length, **cut).to(images.device) for length in images.shape[2:])
    found = images[:, :, rows[:, None, :, None], columns[None, :, None, :]]  # point, channel, place, place, row, column
    return found.permute(0, 2, 3, 4, 5, 1).flatten(1, 2).flatten(2)


def _check_inputs(inputs: object) -> None:
    """Raise unless these are finite real points, or images."""
    if not isinstance(inputs, torch.Tensor):
        raise TypeError(
            f"inputs must be a torch tensor, got {type(inputs).__name__}: torch.as_tensor(inputs) makes one"
        )
    if inputs.dtype not in (torch.float32, torch.float64):
        raise TypeError(f"inputs must be of float32 or float64, got {inputs.dtype}: inputs.double() converts them")
    if inputs.ndim not in (2, 4):
        raise ValueError(
            f"inputs must be [point, features] or images [point, channel, height, width], got {list(inputs.shape)}: flatten "
            "(pixel, channel) into features, channel fastest (of [point, channel, pixel]: inputs.mT.flatten(1))"
        )
    if not bool(torch.isfinite(inputs).all()):
        where = (~torch.isfinite(inputs)).nonzero()[0].tolist()
        axes = ("point", "feature") if inputs.ndim == 2 else ("point", "channel", "row", "column")
        place = ", ".join(f"{axis} {index}" for axis, index in zip(axes, where, strict=True))
        raise ValueError(f"inputs must be finite, got {inputs[tuple(where)]} at {place}")


def torus_embedding(angles: Float[Tensor, "point dim"]) -> Float[Tensor, "point features"]:
    r"""Put each coordinate of the unit torus on a unit circle: two channels per pixel.

    Euclidean distances become chords, :math:`|x-y|^2 = \sum_i 4\sin^2(\pi(u_i-v_i))`.

    >>> torus_embedding(torch.tensor([[0.0, 0.5]])).round().tolist()
    [[1.0, 0.0, -1.0, -0.0]]
    """
    phase = 2 * torch.pi * angles
    return torch.stack([phase.cos(), phase.sin()], -1).flatten(1)
