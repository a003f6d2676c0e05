"""A law of φ⁴ fields, learned scale by scale from samples, and what is drawn from it: tensors that are kept, and their statistics."""

import torch

from quire.multiscale import averages, binder_cumulant, details_given, fit_scales, generate, sample_phi4
from quire.types import Float, Tensor

__all__ = ["drawn_by_scales", "first_fields", "histograms", "moments_by_scale", "spectra"]

MOMENTS = 4  # of the wavelet
# From noise; by longer chains; from the model; details given true averages.
SOURCES = ("generated", "longer", "true", "details")
LONGER = 4  # times the steps at the coarsest scale, to see that these are enough


def drawn_by_scales(
    *,
    side: int,
    coarsest: int,
    coupling: float,
    samples: int,
    loops: int,
    chains: int,
    coarse_steps: int,
    steps: int,
    seed: int,
    generator: torch.Generator,
) -> dict[str, Tensor]:
    """Fit the conditional laws of each scale to samples, and draw fields from the product.

    Args:
        side, coupling, loops: of the samples.
        coarsest: side of the coarsest averages.
        samples: that the laws are fitted to.
        chains: fields that are drawn.
        coarse_steps, steps: of Langevin's dynamics, at the coarsest scale and at each other.
        seed: names the draw.

    Returns:
        generated.<side>, true.<side>: fields at each scale, the true ones not those that the laws were fitted to; details.<side>: true
        averages of the coarser scale with generated details; longer.<coarsest>: as generated, by longer chains.
    """
    asked = dict(coupling=coupling, loops=loops, sweeps=3, step=1.3, generator=generator)
    scales = fit_scales(sample_phi4(samples, side, **asked), coarsest=coarsest, moments=MOMENTS)
    true = averages(sample_phi4(chains, side, **asked), coarsest=coarsest, moments=MOMENTS)
    common = dict(side=coarsest, steps=steps, generator=generator)
    drawn = generate(scales, chains, coarse_steps=coarse_steps, **common)
    longer = generate(scales[-1:], chains, coarse_steps=LONGER * coarse_steps, **common)
    found = {f"true.{one.shape[-1]}": one for one in true} | {f"generated.{one.shape[-1]}": one for one in drawn}
    found[f"longer.{coarsest}"] = longer[0]
    for scale, coarse in zip(scales[:-1], true[1:], strict=True):
        fine = details_given(coarse, scale, steps=steps, generator=generator)
        found[f"details.{fine.shape[-1]}"] = fine
    return found


def first_fields(*, fields: dict[str, Tensor], count: int) -> dict[str, Tensor]:
    """What a figure shows: so few that they are kept with the rows of record.

    Args:
        fields: of :func:`drawn_by_scales`.
        count: fields of each source and scale.

    Returns:
        generated.<side>, true.<side>: the first of them, in units of the root mean square of the model's at this scale.
    """
    shown = {}
    for source, scale, values in _named(fields):
        if source in ("generated", "true"):
            shown[f"{source}.{scale}"] = values[:count] / fields[f"true.{scale}"].square().mean().sqrt()
    return shown


def moments_by_scale(*, fields: dict[str, Tensor]) -> list[dict]:
    """Root mean square, kurtosis and Binder cumulant, at each scale, of what was drawn and of the model."""
    rows = []
    for source, scale, values in _named(fields):
        square = values.square().mean()
        kurtosis = float(values.pow(4).mean() / square.square())
        row = {"source": source, "scale": scale, "spread": float(square.sqrt()), "kurtosis": kurtosis}
        rows.append(row | {"binder": binder_cumulant(values)})
    return rows


def histograms(*, fields: dict[str, Tensor], bins: int) -> list[dict]:
    """Density of the values at each scale, in units of the true root mean square, between -2.5 and 2.5."""
    rows = []
    for source, scale, values in _named(fields):
        unit = fields[f"true.{scale}"].square().mean().sqrt()
        counts = torch.histc((values / unit).flatten(), bins=bins, min=-2.5, max=2.5)
        density = counts / values.numel() * bins / 5
        for place, height in enumerate(density.tolist()):
            centre = -2.5 + 5 * (place + 0.5) / bins
            rows.append({"source": source, "scale": scale, "field": centre, "density": height})
    return rows


def spectra(*, fields: dict[str, Tensor]) -> list[dict]:
    """Power of the finest fields against the frequency, the mean over directions, in waves per side."""
    side = max(scale for _, scale, _ in _named(fields))
    frequency = torch.fft.fftfreq(side, 1 / side)
    radius = (frequency[:, None].square() + frequency.square()).sqrt().round().long()
    rows = []
    for source, scale, values in _named(fields):
        if scale < side:
            continue
        power = torch.fft.fft2(values).abs().square().mean(0) / side**2
        for waves in range(side // 2 + 1):
            rows.append({"source": source, "waves": waves, "power": float(power[radius == waves].mean())})
    return rows


def _named(fields: dict[str, Tensor]) -> list[tuple[str, int, Float[Tensor, "samples side side"]]]:
    """Source, side and fields, finest first."""
    parts = [(*name.split("."), values) for name, values in fields.items()]
    named = [(source, int(side), values) for source, side, values in parts]
    return sorted(named, key=lambda one: (SOURCES.index(one[0]), -one[1]))
