"""Fields and what is known of them without training a network: JSON arguments, rows of numbers."""

import math

import torch

from quire.diffeo import (
    MaxEntropyDiffeo,
    gradient_energy,
    mean_displacement,
    pooling_asymptotics,
    pooling_stability,
    typical_displacement,
)
from quire.rng import generator

__all__ = ["bijectivity", "laws", "pooling"]


def laws(*, cutoff: int, rule: str, num_fields: int, seed: int) -> list[dict]:
    """Monte-Carlo, exact and asymptotic energy and displacement, all at T = 1 and in units of the image's side.

    Args:
        cutoff, rule: of the ensemble.
        num_fields: fields that are averaged.
        seed: of the draws.

    Returns:
        One row for the gradient's energy and one for the squared displacement at the centre.
    """
    ensemble = MaxEntropyDiffeo(3, cutoff, rule=rule)  # three points along a side: the middle one is the centre
    draw = ensemble.sample(num_fields, generator("laws", cutoff, rule, seed), dtype=torch.float64)
    centre = (ensemble.displacement(draw, 1.0)[:, :, 1, 1] / 3).square().sum(1)
    measured = {"gradient energy": ensemble.gradient_energy(draw, 1.0), "squared displacement": centre}
    predicted = {
        "gradient energy": [gradient_energy(1.0, cutoff, law=law, rule=rule) for law in ("exact", "asymptotic")],
        "squared displacement": [
            typical_displacement(1.0, cutoff, size=1, law=law, rule=rule) ** 2 for law in ("exact", "asymptotic")
        ],
    }
    return [
        {
            "quantity": name,
            "measured": values.mean().item(),
            "stderr": (values.std() / math.sqrt(num_fields)).item(),
            "exact": predicted[name][0],
            "asymptotic": predicted[name][1],
            "image_mean": mean_displacement(1.0, cutoff, size=1, rule=rule) ** 2,
        }
        for name, values in measured.items()
    ]


def bijectivity(*, cutoff: int, rule: str, num_fields: int, multiples: list[float], seed: int) -> list[dict]:
    """Probability that a field is a diffeomorphism, at multiples of the largest admissible temperature.

    Args:
        cutoff, rule: of the ensemble.
        num_fields: fields that are drawn.
        multiples: temperatures in units of T_max.
        seed: of the draws.

    Returns:
        One row per multiple, with median_multiple: up to where half of the draws are diffeomorphisms.
    """
    ensemble = MaxEntropyDiffeo(2 * cutoff + 28, cutoff, rule=rule)
    stream = generator("bijectivity", cutoff, rule, seed)
    parts = [ensemble.critical_temperature(ensemble.sample(25, stream)) for _ in range(math.ceil(num_fields / 25))]
    critical = torch.cat(parts)[:num_fields].double() / ensemble.temperature_range().high
    rows = []
    for multiple in multiples:
        probability = (critical > multiple).double().mean().item()
        rows.append(
            {
                "multiple": multiple,
                "probability": probability,
                "stderr": math.sqrt(probability * (1 - probability) / num_fields),
                "median_multiple": critical.median().item(),
            }
        )
    return rows


def pooling(*, dim: int, filter_size: int, stride: int, size: int, depth: int) -> list[dict]:
    """Exact stability of the network with constant filters, and its large-depth limit for stride one.

    Args:
        dim: one or two.
        filter_size, stride, size, depth: of :func:`quire.diffeo.pooling_stability`.

    Returns:
        One row per number of layers.
    """
    exact = pooling_stability(size, depth, filter_size=filter_size, stride=stride, dim=dim)
    limit = pooling_asymptotics(depth, filter_size=filter_size, dim=dim) if stride == 1 else None
    rows = []
    for layer in range(depth):
        row = {"layers": layer + 1}
        for name in ("diffeo", "noise", "relative"):
            row[name] = getattr(exact, name)[layer].item()
            row[f"{name}_limit"] = getattr(limit, name)[layer].item() if limit else math.nan
        rows.append(row)
    return rows
