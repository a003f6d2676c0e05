"""A law of fields as a product over scales: p(x) = p(x_J) Π_j p(x̄_j | x_j). Fit each factor by score matching; draw from the coarsest down.

One orthogonal wavelet step takes a field to averages x_j on half the lattice and details x̄_j, so that the product needs no Jacobian. Every
factor is the exponential of an energy of its own, of which only the dependence on the details counts.

Source: marchand2022conditional, guth2023cslc (there with many windowed potentials per scale; here with four).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from quire.multiscale.adjusted_langevin import Law, langevin
from quire.multiscale.potentials import COARSE_POTENTIALS, Potentials
from quire.multiscale.score_matching import match_scores
from quire.multiscale.wavelets import Band, packet_band
from quire.types import Float, Tensor

__all__ = ["Scale", "averages", "details_given", "fit_scales", "generate", "with_details"]

ROUND = 10  # steps between two changes of a step that is being tuned
ACCEPTED = 0.57  # of Metropolis-adjusted Langevin steps, at best


@dataclass(frozen=True)
class Scale:
    """One factor of the law.

    Attributes:
        law: an energy of the field at this scale.
        band: of its details; None at the coarsest scale, where all of the field is drawn.
        spread: standard deviation of what is drawn.
    """

    law: Law
    band: Band | None
    spread: float


def averages(
    fields: Float[Tensor, "samples side side"], *, coarsest: int, moments: int
) -> list[Float[Tensor, "samples coarse coarse"]]:
    """The field and its averages on lattices of half the side, and half again, down to ``coarsest``.

    Raises:
        ValueError: a side that is not ``coarsest`` times a power of two, or as :func:`quire.multiscale.packet_band`.
    """
    ratio = fields.shape[-1] / coarsest if coarsest > 0 else 0
    if ratio < 1 or not math.log2(ratio).is_integer():
        raise ValueError(f"expected a side of {coarsest} times a power of two, got {fields.shape[-1]}")
    found = [fields]
    while (side := found[-1].shape[-1]) > coarsest:
        coarse = packet_band(side, depth=1, band=1, moments=moments).average(found[-1])
        found.append(coarse.reshape(len(fields), side // 2, side // 2))
    return found


def fit_scales(
    fields: Float[Tensor, "samples side side"],
    *,
    coarsest: int,
    moments: int,
    potentials: Potentials = COARSE_POTENTIALS,
) -> list[Scale]:
    """Fit an energy to the details of each scale, and to the whole of the coarsest, finest first.

    Args:
        fields: samples.
        coarsest: side of the coarsest lattice.
        moments: vanishing moments of the wavelet.
        potentials: of every scale.

    Raises:
        ValueError: as :func:`averages` and :func:`match_scores`.
    """
    scales = []
    for level in averages(fields, coarsest=coarsest, moments=moments):
        side = level.shape[-1]
        band = packet_band(side, depth=1, band=1, moments=moments) if side > coarsest else None
        drawn = level if band is None else band.analyse(level)
        scales.append(Scale(match_scores(level, band=band, potentials=potentials).law, band, float(drawn.std())))
    return scales


def generate(
    scales: Sequence[Scale], samples: int, *, side: int, coarse_steps: int, steps: int, generator: torch.Generator
) -> list[Float[Tensor, "samples side side"]]:
    """Draw fields scale by scale, from the coarsest; what was drawn at every scale, finest first.

    Args:
        scales: finest first; the last is the coarsest.
        samples: how many.
        side: of the coarsest lattice.
        coarse_steps: of Langevin's dynamics of the coarsest field, whose barriers take longer to cross than any details.
        steps: of that of the details of each scale. In both the first half tunes the length of a step.
        generator: of all random numbers.

    The energies are even, so that a field and its negative are as likely: each gets a random sign, as no chain would change it in time.
    """
    coarsest = scales[-1]
    start = coarsest.spread * torch.randn(samples, side, side, dtype=torch.float64, generator=generator)
    drawn = _equilibrated(start, coarsest, coarse_steps, generator)
    drawn = drawn * (2 * torch.randint(2, (samples, 1, 1), generator=generator) - 1)
    found = [drawn]
    for scale in reversed(scales[:-1]):
        found.insert(0, details_given(found[0], scale, steps=steps, generator=generator))
    return found


def details_given(
    coarse: Float[Tensor, "samples coarse coarse"], scale: Scale, *, steps: int, generator: torch.Generator
) -> Float[Tensor, "samples side side"]:
    """Fields with these averages, and with details that are drawn: chains that start without details."""
    if scale.band is None:
        raise ValueError("the coarsest scale has no details: it is drawn as a whole, by generate")
    return _equilibrated(with_details(coarse, None, scale.band), scale, steps, generator)


def with_details(
    coarse: Float[Tensor, "samples coarse coarse"], details: Float[Tensor, "samples coefficients"] | None, band: Band
) -> Float[Tensor, "samples side side"]:
    """The field with these averages and details (None: no details).

    Raises:
        ValueError: averages that are not those of the band's lattice.
    """
    expected = int(band.coarser.sum())
    if coarse[0].numel() != expected:
        raise ValueError(f"the band has {expected} averages, got {coarse[0].numel()}")
    whole = coarse.new_zeros(len(coarse), *band.details.shape)
    whole[:, band.coarser] = coarse.flatten(1)
    if details is not None:
        whole[:, band.details] = details
    return band.matrix.T @ whole @ band.matrix


def _equilibrated(fields: Tensor, scale: Scale, steps: int, generator: torch.Generator) -> Tensor:
    """The fields after ``steps`` steps, half of them in rounds that tune the step, half with the last one of these."""
    step, rounds = 0.05 * scale.spread**2, max(1, steps // (2 * ROUND))
    common = dict(band=scale.band, generator=generator)
    for _ in range(rounds):
        run = langevin(fields, scale.law, step=step, steps=ROUND, **common)
        fields, step = run.fields, step * math.exp(2 * (run.acceptance - ACCEPTED))
    return langevin(fields, scale.law, step=step, steps=max(1, steps - rounds * ROUND), **common).fields
