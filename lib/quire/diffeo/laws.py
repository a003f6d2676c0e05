r"""Temperature and typical displacement of maximum-entropy diffeomorphisms.

With ⟨C_ij²⟩ = T/(i² + j²) for every mode of the set K_c and the two components independent:

    E‖∇τ‖²                  = (π²/2) T |K_c|                      ~  π³ c² T / 8         (the energy)
    n² E|τ(½, ½)|²          = 2 n² T Σ_{i, j odd} 1/(i² + j²)     ~  (π/4) n² T ln c     (δ², at the centre)
    n² E∫|τ|²               = ½ n² T Σ 1/(i² + j²)                ~  (π/4) n² T ln c     (mean over the image)

``law="asymptotic"`` is the right-hand side, the convention of petrini2021diffeo: δ = (n/2) √(π T ln c). At
c = 3 with the repo rule the field at the centre is 27 % larger than that nominal δ; ``law="exact"`` is the
left-hand side and needs the rule. Displacements are in pixels and are root-mean-squares of the norm of the
two-component vector.
"""

import math
from dataclasses import dataclass

from quire.cite import cites
from quire.diffeo.modes import active_modes, wave_numbers

__all__ = [
    "TemperatureRange",
    "gradient_energy",
    "mean_displacement",
    "num_modes",
    "temperature",
    "temperature_range",
    "typical_displacement",
]

LAWS = ("asymptotic", "exact")


@dataclass(frozen=True)
class TemperatureRange:
    """Between ``low`` (δ = ½ pixel) and ``high`` (fields cease to be invertible about there)."""

    low: float
    high: float


def num_modes(cutoff: int, *, rule: str) -> int:
    """|K_c|, about πc²/4.

    >>> num_modes(10, rule="paper"), num_modes(10, rule="repo")
    (69, 77)
    """
    return int(active_modes(cutoff, rule).sum())


@cites("petrini2021diffeo", "maximum-entropy diffeomorphisms")
def gradient_energy(temperature: float | int, cutoff: int, *, law: str, rule: str | None = None) -> float:
    """E∫|∇τ|² over the unit square, both components.

    Args:
        temperature: T.
        cutoff: c.
        law: "exact", (π²/2) T |K_c|, or "asymptotic", π³ c² T / 8.
        rule: "paper" or "repo"; only the exact law needs it.

    >>> round(gradient_energy(1.0, 3, law="exact", rule="repo"), 2)
    29.61
    """
    if _exact(law, rule):
        return 0.5 * math.pi**2 * temperature * num_modes(cutoff, rule=rule)
    return math.pi**3 * cutoff**2 * temperature / 8


@cites("petrini2021diffeo", "typical displacement")
def typical_displacement(
    temperature: float | int, cutoff: int, *, size: int, law: str, rule: str | None = None
) -> float:
    """Root-mean-square displacement δ at the centre, in pixels.

    Args:
        temperature: T.
        cutoff: c.
        size: n, pixels along one side.
        law: "asymptotic", (n/2)√(πT ln c), the nominal δ of the literature, or "exact".
        rule: "paper" or "repo"; only the exact law needs it.

    Raises:
        ValueError: the asymptotic law at c = 1 (ln c = 0), an unknown law, or the exact law without a rule.

    >>> nominal = typical_displacement(1e-4, 3, size=28, law="asymptotic")
    >>> round(typical_displacement(1e-4, 3, size=28, law="exact", rule="repo") / nominal, 3)
    1.274
    """
    return size * math.sqrt(_centre(cutoff, law, rule) * temperature)


def mean_displacement(temperature: float | int, cutoff: int, *, size: int, rule: str) -> float:
    """Root-mean-square displacement over the whole image (continuum average, exact), in pixels.

    >>> round(mean_displacement(temperature(1.0, 3, size=28, law="asymptotic"), 3, size=28, rule="repo"), 2)
    0.84
    """
    amplitude = (active_modes(cutoff, rule) / wave_numbers(cutoff)).sum().item()
    return size * math.sqrt(0.5 * amplitude * temperature)


@cites("petrini2021diffeo", "typical displacement")
def temperature(displacement: float | int, cutoff: int, *, size: int, law: str, rule: str | None = None) -> float:
    """The temperature whose typical displacement is δ: T = 4δ²/(π n² ln c) for the asymptotic law.

    Args:
        displacement: δ in pixels.
        cutoff: c.
        size: n, pixels along one side.
        law: "asymptotic" or "exact".
        rule: "paper" or "repo"; only the exact law needs it.

    >>> typical_displacement(temperature(2.0, 5, size=32, law="asymptotic"), 5, size=32, law="asymptotic")
    2.0
    """
    return (displacement / size) ** 2 / _centre(cutoff, law, rule)


@cites("petrini2021diffeo", "range of temperatures")
def temperature_range(cutoff: int, *, size: int) -> TemperatureRange:
    """T_min = 1/(π n² ln c) (δ = ½ pixel) and T_max = 4/(π³ c² ln c) (half of the draws invertible).

    On the nominal δ, T/T_max = (πcδ/n)²: the largest admissible displacement is n/(πc).

    Raises:
        ValueError: c = 1, or an empty range (n ≤ πc/2).

    >>> limits = temperature_range(3, size=28)
    >>> round(typical_displacement(limits.low, 3, size=28, law="asymptotic"), 6)
    0.5
    """
    logarithm = _logarithm(cutoff)
    limits = TemperatureRange(1 / (math.pi * size**2 * logarithm), 4 / (math.pi**3 * cutoff**2 * logarithm))
    if limits.low >= limits.high:
        raise ValueError(
            f"no temperature moves pixels by ½ and stays invertible at size={size}, cutoff={cutoff}: "
            f"size must exceed πc/2 = {math.pi * cutoff / 2:.1f}; upsample the images or lower the cutoff"
        )
    return limits


def _centre(cutoff: int, law: str, rule: str | None) -> float:
    """E|τ(½, ½)|² at T = 1: only modes with i and j odd are non-zero there."""
    if _exact(law, rule):
        mask = active_modes(cutoff, rule)[::2, ::2]
        return 2 * (mask / wave_numbers(cutoff)[::2, ::2]).sum().item()
    return math.pi / 4 * _logarithm(cutoff)


def _exact(law: str, rule: str | None) -> bool:
    if law not in LAWS:
        raise ValueError(f'law must be "asymptotic" (the nominal one of the literature) or "exact", got {law!r}')
    if law == "exact" and rule is None:
        raise ValueError('the exact law depends on the modes that are kept: give rule="paper" or rule="repo"')
    return law == "exact"


def _logarithm(cutoff: int) -> float:
    if isinstance(cutoff, bool) or not isinstance(cutoff, int) or cutoff < 2:
        raise ValueError(
            f"the asymptotic law contains ln c and needs an integer cutoff ≥ 2, "
            f'got {cutoff!r}: use law="exact" at c = 1'
        )
    return math.log(cutoff)
