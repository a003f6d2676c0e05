"""Cells of the mean field alone: the map, its fixed points, where there is a transition. JSON arguments to rows."""

import torch

from quire.diffusion import MeanField, correlation_exponent, length_exponent, mean_field_susceptibility

__all__ = ["fixed_points", "phase_diagram", "susceptibility_peak", "update_map"]


def update_map(*, vocab: int, num_rules: int, branching: int, points: int) -> list[dict]:
    """F(p) from nothing known to nothing lost, with the slope and a finite difference of F.

    Args:
        vocab, num_rules, branching: v, m, s of the grammar.
        points: of p between 1/v and 1.
    """
    theory = MeanField(vocab, num_rules, branching)
    beliefs = torch.linspace(1 / vocab, 1, points, dtype=torch.float64)
    step = 1e-6
    forward, backward = theory.update(beliefs + step), theory.update(beliefs - step)
    return [
        {"belief": belief, "updated": updated, "slope": theory.slope(belief), "difference": difference}
        for belief, updated, difference in zip(
            beliefs.tolist(),
            theory.update(beliefs).tolist(),
            ((forward - backward) / (2 * step)).tolist(),
            strict=True,
        )
    ]


def fixed_points(*, vocab: int, num_rules: int, branching: int) -> dict:
    """The critical belief in closed form and by bisection, the critical noise, and the exponents that follow."""
    theory = MeanField(vocab, num_rules, branching)
    return {
        "closed": theory.critical_belief(),
        "bisected": theory.bisected_belief(),
        "critical_noise": theory.critical_noise(),
        "sharpening": theory.sharpening(),
        "correlation_exponent": correlation_exponent(theory),
        "length_exponent": length_exponent(theory),
    }


def phase_diagram(*, vocabs: list, branching: int) -> list[dict]:
    """For every v and m whether there is a transition, and ε*, 0 where the class is lost at any noise, 1 where never quite."""
    rows = []
    for vocab in vocabs:
        for num_rules in range(1, vocab ** (branching - 1) + 1):
            theory = MeanField(vocab, num_rules, branching)
            exists = theory.has_transition()
            without = 0.0 if theory.slope(1.0) >= 1 else 1.0
            noise = theory.critical_noise() if exists else without
            rows.append({"vocab": vocab, "num_rules": num_rules, "exists": exists, "critical_noise": noise})
    return rows


def susceptibility_peak(*, vocab: int, num_rules: int, branching: int, depth: int) -> dict:
    """The largest χ of the mean field over ε, on a grid of 10^-4, and where it is."""
    theory = MeanField(vocab, num_rules, branching)
    noise = torch.linspace(0.01, 0.99, 9801, dtype=torch.float64)
    found = mean_field_susceptibility(theory, noise, depth)
    return {"peak": float(found.max()), "place": float(noise[found.argmax()])}
