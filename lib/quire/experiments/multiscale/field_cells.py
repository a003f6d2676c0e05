"""Cells on the φ⁴ model: phases, curvature of laws, energies from samples, how slowly chains move."""

import math
from dataclasses import dataclass

import torch

from quire.multiscale import (
    Band,
    Phi4,
    binder_cumulant,
    langevin,
    match_scores,
    metropolis_sweep,
    packet_band,
    sample_phi4,
    smallest_eigenvalues,
)
from quire.types import Float, Tensor

__all__ = ["curvatures", "detail_relaxation", "phases", "recovered", "sweep_relaxation"]

SWEEPS, STEP = 3, 1.3  # of the sampler, between two updates of clusters
MOMENTS = 4  # of the wavelet, unless a cell says otherwise
TILT_STEP = 0.02  # of the dynamics with a tilt: accepted four times out of five at side 8, half of the time at 16


def phases(*, side: int, coupling: float, chains: int, loops: int, seed: int, generator: torch.Generator) -> dict:
    """Binder cumulant and root mean square of independent fields.

    Args:
        side, coupling, loops: of the sampler.
        chains: fields.
        seed: names the draw.
    """
    fields = _drawn(chains, side, coupling, loops, generator)
    return {"binder": binder_cumulant(fields), "spread": float(fields.square().mean().sqrt())}


def curvatures(
    *,
    side: int,
    coupling: float,
    depth: int,
    band: int,
    moments: int,
    fields: int,
    loops: int,
    seed: int,
    generator: torch.Generator,
) -> list[dict]:
    """The smallest eigenvalue of the Hessian of -log p at each of some typical fields, and at the field zero.

    Args:
        side, coupling, loops: of the sampler.
        depth, band, moments: of the details whose law is meant, given all coarser coefficients; depth 0 is the joint law.
        fields: how many.
        seed: names the draw.
    """
    chosen = packet_band(side, depth=depth, band=band, moments=moments) if depth else None
    drawn = _drawn(fields, side, coupling, loops, generator)
    asked = dict(band=chosen, steps=120, generator=generator)
    least = smallest_eigenvalues(drawn, coupling, **asked)
    zero = float(smallest_eigenvalues(torch.zeros_like(drawn[:1]), coupling, **asked))
    return [{"number": number, "least": float(value), "at_zero": zero} for number, value in enumerate(least)]


def recovered(
    *,
    side: int,
    coupling: float,
    tilt: float,
    tilt_steps: int,
    fields: int,
    loops: int,
    seed: int,
    generator: torch.Generator,
) -> list[dict]:
    """Score matching of the energy, from fields of the model, or of the model with another law of its averages.

    Args:
        side, coupling, loops: of the sampler.
        tilt: γ of a term γ Σ (Gx)⁴ that is added to the energy; it depends on the averages alone.
        tilt_steps: of Langevin's dynamics under the tilted energy.
        fields: samples.
        seed: names the draw.

    Returns:
        One row per potential, for the scores of the whole field and (conditional) for those of the finest details given the averages:
        conditional, potential, value, truth of φ⁴; condition of the least squares.
    """
    drawn = _drawn(fields, side, coupling, loops, generator)
    octave = packet_band(side, depth=1, band=1, moments=MOMENTS)
    if tilt:
        law = Tilted(coupling, tilt, octave)
        drawn = langevin(drawn, law, band=None, step=TILT_STEP, steps=tilt_steps, generator=generator).fields
    rows = []
    for conditional in (False, True):
        fit = match_scores(drawn, band=octave if conditional else None)
        truth = {"bonds": coupling, "square": -1.0, "fourth": 1.0, "sixth": 0.0}
        for (name, right), value in zip(truth.items(), fit.parameters.tolist(), strict=True):
            row = {"conditional": conditional, "potential": name, "value": value, "truth": right}
            rows.append(row | {"condition": fit.condition})
    return rows


@dataclass(frozen=True)
class Tilted:
    """φ⁴ with γ Σ (Gx)⁴ added: another law of the averages, the same law of details given averages."""

    coupling: float
    tilt: float
    octave: Band

    def energy(self, fields: Float[Tensor, "samples side side"]) -> Float[Tensor, "samples"]:
        coarse = self.octave.average(fields)
        return Phi4(self.coupling).energy(fields) + self.tilt * coarse.pow(4).sum(-1)

    def gradient(self, fields: Float[Tensor, "samples side side"]) -> Float[Tensor, "samples side side"]:
        slope = fields.new_zeros(*fields.shape)
        slope[:, self.octave.coarser] = 4 * self.tilt * self.octave.average(fields).pow(3)
        matrix = self.octave.matrix
        return Phi4(self.coupling).gradient(fields) + matrix.T @ slope @ matrix


def sweep_relaxation(
    *, side: int, coupling: float, chains: int, loops: int, sweeps: int, seed: int, generator: torch.Generator
) -> dict:
    """How many local Metropolis sweeps it takes the mean of a field to be forgotten.

    Args:
        side, coupling, loops: of the sampler that gives the starts, in equilibrium.
        chains: fields.
        sweeps: that are followed.
        seed: names the draw.

    Returns:
        time: sweeps for a factor e, from a straight line through log C(t) where 0.6 < C < 0.9; nan if C does not fall to 0.6.
    """
    fields = _drawn(chains, side, coupling, loops, generator)
    start, overlaps = fields.mean((1, 2)), []
    for _ in range(sweeps):
        fields = metropolis_sweep(fields, coupling, step=STEP, generator=generator)
        overlaps.append(float((start * fields.mean((1, 2))).mean() / start.square().mean()))
        if overlaps[-1] < 0.55:
            break
    overlap = torch.tensor(overlaps, dtype=torch.float64)
    inside = (overlap > 0.6) & (overlap < 0.9)
    if float(overlap.min()) > 0.6 or int(inside.sum()) < 2:
        return {"time": math.nan}
    after = (torch.arange(len(overlap)) + 1.0).double()[inside]
    logs = overlap[inside].log()
    slope = ((after - after.mean()) * (logs - logs.mean())).sum() / (after - after.mean()).square().sum()
    return {"time": float(-1 / slope)}


def detail_relaxation(
    *,
    side: int,
    coupling: float,
    chains: int,
    loops: int,
    step: float,
    steps: int,
    seed: int,
    generator: torch.Generator,
) -> dict:
    """How long the finest details, given the averages, take to forget where they were, in exact Langevin dynamics.

    Args:
        side, coupling, loops: of the sampler that gives the starts, in equilibrium.
        chains: fields.
        step: h, of physical time.
        steps: that are followed; the last third says how much is never forgotten, as the averages stay.
        seed: names the draw.

    Returns:
        time: physical time until the part of the overlap that is forgotten has fallen by e (nan if it does not); kept: the other
        part; acceptance.
    """
    fields = _drawn(chains, side, coupling, loops, generator)
    octave = packet_band(side, depth=1, band=1, moments=MOMENTS)
    run = langevin(fields, Phi4(coupling), band=octave, step=step, steps=steps, generator=generator)
    overlap = run.overlaps / run.overlaps[0]
    kept = float(overlap[-max(1, steps // 3) :].mean())
    passed = ((overlap - kept) / (1 - kept) < math.exp(-1)).nonzero()
    time = float(passed[0]) * step if len(passed) else math.nan
    return {"time": time, "kept": kept, "acceptance": run.acceptance}


def _drawn(chains: int, side: int, coupling: float, loops: int, generator: torch.Generator) -> Tensor:
    asked = dict(coupling=coupling, loops=loops, sweeps=SWEEPS, step=STEP)
    return sample_phi4(chains, side, **asked, generator=generator)
