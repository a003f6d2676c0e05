r"""A pair of perturbations of equal size: a diffeomorphism and an isotropic noise.

The noise is uniform on a sphere in pixel space. Its radius follows the displacement of the image, ‖τx -
x‖, by one of two conventions:

* ``"per_image"``: each image has its own radius ‖τ_i x_i - x_i‖ (the published code);
* ``"average"``: one radius for all, the mean of ‖τx - x‖ over the images (the text of petrini2021diffeo).

With Gaussian interpolation even τ = 0 smooths the image, so that the reference is smoothed by the same
kernel.
"""

from dataclasses import dataclass

from quire.cite import cites
from quire.diffeo.ensemble import MaxEntropyDiffeo
from quire.diffeo.fields import Temperature
from quire.types import Float, Tensor

__all__ = ["NOISE_MATCHING", "Perturbation", "perturb"]

NOISE_MATCHING = ("per_image", "average")


@dataclass(frozen=True)
class Perturbation:
    """Images as they are, warped, and with noise: x, τx and x + η."""

    reference: Float[Tensor, "batch channel size size"]
    warped: Float[Tensor, "batch channel size size"]
    noisy: Float[Tensor, "batch channel size size"]


@cites("petrini2021diffeo", "relative stability")
def perturb(
    images: Float[Tensor, "batch channel size size"],
    ensemble: MaxEntropyDiffeo,
    *,
    coefficients: Float[Tensor, "batch 2 cutoff cutoff"],
    noise: Float[Tensor, "batch channel size size"],
    temperature: Temperature,
    interpolation: str,
    noise_matching: str,
) -> Perturbation:
    """Warp the images, and add noise of the same norm.

    Args:
        images: x, after the normalisation that the network expects.
        ensemble: of the images' size.
        coefficients: one draw per image; reuse it across temperatures (common random numbers).
        noise: standard normal numbers, whose directions are used; reuse them too.
        temperature: T.
        interpolation: "bilinear", "gaussian" or "nearest".
        noise_matching: "per_image" or "average".

    Raises:
        ValueError: unknown noise matching.

    >>> import torch
    >>> ensemble, stream = MaxEntropyDiffeo(28, 3, rule="repo"), torch.Generator().manual_seed(0)
    >>> images, noise = torch.rand(2, 1, 28, 28), torch.randn(2, 1, 28, 28)
    >>> draw = perturb(images, ensemble, coefficients=ensemble.sample(2, stream), noise=noise,
    ...     temperature=1e-4, interpolation="bilinear", noise_matching="per_image")
    >>> distance = [(moved - draw.reference).flatten(1).norm(dim=1) for moved in (draw.warped, draw.noisy)]
    >>> torch.allclose(*distance, rtol=1e-4)
    True
    """
    if noise_matching not in NOISE_MATCHING:
        raise ValueError(f"noise_matching must be one of {NOISE_MATCHING}, got {noise_matching!r}")
    reference = images
    if interpolation == "gaussian":
        reference = ensemble.warp(images, coefficients, 0.0, interpolation=interpolation)
    warped = ensemble.warp(images, coefficients, temperature, interpolation=interpolation)
    radius = (warped - reference).flatten(1).norm(dim=1)
    if noise_matching == "average":
        radius = radius.mean().expand(len(radius))
    scale = radius / noise.flatten(1).norm(dim=1)
    return Perturbation(reference, warped, reference + scale.view(-1, 1, 1, 1) * noise)
