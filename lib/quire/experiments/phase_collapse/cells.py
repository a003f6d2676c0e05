"""Cells: what is left of class means under shifts, textures that no odd function tells apart, and fixed scattering of digits."""

from collections.abc import Mapping

import torch
from sklearn.linear_model import RidgeClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from quire.experiments.phase_collapse.torus_images import SIDE, digits_on_torus, shifted
from quire.multiscale import sample_phi4
from quire.scattering import applied, morlet_bank, scattering, wavelet_coefficients
from quire.types import Float, Int, Tensor

__all__ = ["class_means", "digit_errors", "drawn_textures", "phase_shifts", "textures"]

DISPLACEMENTS = 12  # at which the law of shifted phases is measured


def class_means(*, nonlinearity: str, quantile: float, scales: int, angles: int, part: int, parts: int) -> list[dict]:
    """Energy of the class means, over all energy, of coefficients of digits that are shifted uniformly around the torus.

    Uniform shifts turn a mean over images into one over images and places, which is taken exactly.

    Args:
        nonlinearity: see :func:`quire.scattering.applied`.
        quantile: of the amplitudes of each wavelet, which is its threshold.
        scales, angles: of the wavelets.
        part: which of so many ``parts`` of the images.

    Returns:
        ratio: Σ|mean over a class|² / Σ⟨|·|²⟩, classes weighted by their size.
    """
    images, labels = (one[part::parts] for one in digits_on_torus())
    bank = morlet_bank(SIDE, scales=scales, angles=angles)
    z = wavelet_coefficients(images, bank)
    threshold = z.abs().movedim(0, 2).flatten(2).quantile(quantile, dim=2)  # [scales, angles]
    found = applied(z, nonlinearity, threshold[..., None, None] if quantile else 0.0)
    present, counts = labels.unique(return_counts=True)
    means = torch.stack([found[labels == label].mean((0, 3, 4)) for label in present])
    weights = counts.double() / len(labels)
    energy = found.abs().square().mean((0, 3, 4)).sum()
    return [{"ratio": float((weights[:, None, None] * means.abs().square()).sum() / energy)}]


def phase_shifts(*, scale: int, scales: int, angles: int) -> list[dict]:
    """How far coefficients of a shifted image are from coefficients whose phase is turned, and how far they may be.

    Args:
        scale: of the wavelets.
        scales, angles: of the bank.

    Returns:
        Rows of displacement τ (pixels), ratio: the root mean square of x(· - τ) ∗ ψ - e^(-iξ·τ) x ∗ ψ over that of x ∗ ψ, and bound: τ times the
        root mean square distance of the frequencies of x ∗ ψ from ξ along τ.
    """
    images, _ = digits_on_torus()
    bank = morlet_bank(SIDE, scales=scales, angles=angles)
    frequency = 2 * torch.pi * torch.fft.fftfreq(SIDE, dtype=torch.float64)
    grid = torch.stack(torch.meshgrid(frequency, frequency, indexing="ij"))
    spectra = torch.fft.fft2(images)[:, None] * bank.bands[scale]
    energy = spectra.abs().square().mean(0)  # [angles, side, side]
    centre = bank.frequencies[scale]
    direction = centre / centre.norm(dim=1, keepdim=True)
    along = torch.einsum("ad,dij->aij", direction, grid) - centre.norm(dim=1)[:, None, None]
    bandwidth = (energy * along.square()).sum() / energy.sum()
    rows = []
    for step in range(1, DISPLACEMENTS + 1):
        tau = 2.0**scale * step / DISPLACEMENTS
        off = 2 - 2 * torch.cos(tau * along)  # |e^(-iω·τ) - e^(-iξ·τ)|²
        ratio = ((energy * off).sum() / energy.sum()).sqrt()
        rows.append({"displacement": tau, "ratio": float(ratio), "bound": float(tau * bandwidth.sqrt())})
    return rows


def drawn_textures(
    *, side: int, couplings: list[float], fields: int, loops: int, seed: int, generator: torch.Generator
) -> dict[str, Tensor]:
    """φ⁴ fields of several couplings, each scaled to unit variance.

    Args:
        side: of the lattice.
        couplings: β of each class.
        fields: of each class.
        loops: of the sampler.
        seed: names the draw.

    Returns:
        fields: ``[classes, fields, side, side]``.
    """
    asked = dict(loops=loops, sweeps=3, step=1.3, generator=generator)
    drawn = [sample_phi4(fields, side, coupling=coupling, **asked) for coupling in couplings]
    return {"fields": torch.stack([one / one.square().mean().sqrt() for one in drawn]).float()}


def textures(*, fields: Mapping[str, Tensor], features: str, quantile: float) -> dict:
    """Test error of a linear classifier of φ⁴ fields by their coupling; the last third of each class is for the test.

    Args:
        fields: of :func:`drawn_textures`.
        features: "pixels", or a nonlinearity of :data:`quire.scattering.NONLINEARITIES`: averages of coefficients over 4 × 4 pixels.
        quantile: of the amplitudes of each wavelet, which is its threshold.
    """
    drawn = fields["fields"].double()
    classes, number, side, _ = drawn.shape
    images = drawn.transpose(0, 1).flatten(0, 1)  # classes in turn, so that each has its part at the end
    if features == "pixels":
        values = images.flatten(1)
    else:
        bank = morlet_bank(side, scales=2, angles=4)
        values = scattering(images, bank, order=1, nonlinearity=features, quantile=quantile).flatten(1)
    labels = torch.arange(classes).repeat(number)
    return {"error": _error(values, labels, test=classes * (number // 3))}


def digit_errors(
    *,
    nonlinearity: str,
    order: int,
    quantile: float,
    shift: int,
    pooled: bool,
    seed: int,
    generator: torch.Generator,
) -> dict:
    """Test error of a linear classifier of digits by their scattering coefficients.

    Args:
        nonlinearity, order, quantile: see :func:`quire.scattering.scattering`.
        shift: pixels by which each digit is moved at most, in each direction.
        pooled: averages over the whole image, in place of 4 × 4 pixels.
        seed: of shifts and of the split.

    Returns:
        error; inputs: numbers that the classifier gets.
    """
    images, labels = digits_on_torus()
    mixed = torch.randperm(len(images), generator=generator)
    images, labels = shifted(images[mixed], shift, generator=generator), labels[mixed]
    bank = morlet_bank(SIDE, scales=2, angles=4)
    values = scattering(images, bank, order=order, nonlinearity=nonlinearity, quantile=quantile)
    values = values.mean((2, 3)) if pooled else values.flatten(1)
    return {"error": _error(values, labels, test=500), "inputs": values.shape[1]}


def _error(values: Float[Tensor, "images features"], labels: Int[Tensor, " images"], *, test: int) -> float:
    """Of ridge regression on standardised features, tested on the last images."""
    model = make_pipeline(StandardScaler(), RidgeClassifier(alpha=1.0))
    model.fit(values[:-test].numpy(), labels[:-test].numpy())
    return float((model.predict(values[-test:].numpy()) != labels[-test:].numpy()).mean())
