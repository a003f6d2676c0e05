r"""Inputs on products of unit spheres: p patches of s components, each patch uniform on :math:`S^{s-1}`.

On these inputs the kernels of ReLU networks depend on the patches' cosines alone. The architecture decides where the
patches are; an input whose patches do not have unit norm is refused, or normalised when asked.

Source: cagnetta2023deep (inputs on the "multi-sphere").
"""

import torch

from quire.deep_kernels.architecture import Architecture
from quire.types import Float, Tensor

__all__ = ["as_patches", "sample_spheres"]


def sample_spheres(
    num_samples: int,
    num_patches: int,
    *,
    patch_size: int,
    generator: torch.Generator,
    dtype: torch.dtype = torch.float64,
) -> Float[Tensor, "samples length"]:
    """Draw inputs of ``num_patches`` patches, each uniform on the unit sphere in ``patch_size`` dimensions.

    Drawn on the CPU in float64 whatever ``dtype``, so that the same generator gives the same inputs everywhere.

    >>> x = sample_spheres(3, 4, patch_size=2, generator=torch.Generator().manual_seed(0))
    >>> x.shape, bool(torch.allclose(x.unflatten(1, (4, 2)).norm(dim=2), x.new_ones(3, 4)))
    (torch.Size([3, 8]), True)
    """
    if min(num_samples, num_patches, patch_size) < 1:
        raise ValueError(
            "num_samples, num_patches and patch_size must be ≥ 1, "
            f"got {num_samples}, {num_patches} and {patch_size}: ask for at least one of each"
        )
    normal = torch.randn(num_samples, num_patches, patch_size, generator=generator, dtype=torch.float64)
    return (normal / normal.norm(dim=2, keepdim=True)).flatten(1).to(dtype)


def as_patches(
    inputs: Float[Tensor, "samples length"], *, architecture: Architecture, normalise: bool
) -> Float[Tensor, "patches samples size"]:
    """Cut inputs into the patches of the first layer, patches first, each of unit norm.

    A patch that holds several unit spheres (a fully-connected student on inputs of a product of spheres) has a norm
    that is not one: ``normalise=True`` divides by it, which only rescales a homogeneous network's inputs.

    Raises:
        ValueError: wrong length, non-finite values, or a patch off the unit sphere without ``normalise``.
    """
    architecture.require_length(inputs.shape[1])
    patches = inputs.unflatten(1, (-1, architecture.filter_sizes[0])).transpose(0, 1)
    norms = patches.norm(dim=2, keepdim=True)
    if not bool(torch.isfinite(norms).all()):
        raise ValueError("inputs must be finite, got NaN or infinity: drop or repair these inputs")
    if normalise:
        if inputs.shape[0] and float(norms.min()) == 0:
            raise ValueError("a patch is zero and has no direction: drop it, or add a constant component to each patch")
        return (patches / norms).contiguous()
    off = (norms - 1).abs()
    if inputs.shape[0] and float(off.max()) > torch.finfo(inputs.dtype).eps ** 0.5:
        worst = off.argmax()
        patch, sample, _ = (int(place) for place in torch.unravel_index(worst, off.shape))
        raise ValueError(
            f"each patch of {architecture.filter_sizes[0]} inputs must have norm 1, got "
            f"{float(norms.flatten()[worst]):.6g} at sample {sample}, patch {patch}: "
            "pass normalise=True to divide each patch by its norm"
        )
    return patches.contiguous()
