"""What the chapter on relative stability runs without a deep network: fields and their laws, pooling theory, stripes."""

import math

import torch

from quire.device import resolve
from quire.diffeo import (
    MaxEntropyDiffeo,
    gradient_energy,
    mean_displacement,
    pooling_asymptotics,
    pooling_stability,
    stripe_labels,
    stripe_relative_stability,
    train_stripes,
    typical_displacement,
)
from quire.rng import generator

__all__ = ["bijectivity", "gallery", "laws", "pooling", "stripes"]


def gallery(cutoff: int, multiple: float, *, rule: str, size: int, seed: int) -> list[dict]:
    """One row per pixel of a ruled picture, warped at ``multiple`` times the largest admissible temperature.

    One seed is one draw of coefficients: every temperature scales the same field.
    """
    ensemble = MaxEntropyDiffeo(size, cutoff, rule=rule)
    axis = torch.linspace(0, 1, size)
    lines = torch.sin(8 * math.pi * axis).abs() ** 10
    picture = torch.maximum(lines[:, None], lines[None, :]) * (0.35 + 0.65 * axis[:, None])
    draw = ensemble.sample(1, generator("gallery", cutoff, seed))
    temperature = multiple * ensemble.temperature_range().high
    warped = ensemble.warp(picture.view(1, 1, size, size), draw, temperature, interpolation="bilinear")[0, 0]
    return [
        {"row": row, "column": column, "brightness": value}
        for row, line in enumerate(warped.tolist())
        for column, value in enumerate(line)
    ]


def laws(cutoff: int, *, rule: str, num_fields: int, seed: int) -> list[dict]:
    """Monte-Carlo, exact and asymptotic energy and displacement, all at T = 1 and in units of the image's side."""
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


def bijectivity(cutoff: int, *, rule: str, num_fields: int, multiples: list[float], seed: int) -> list[dict]:
    """Probability that a field is a diffeomorphism, at multiples of the largest admissible temperature."""
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


def pooling(dim: int, filter_size: int, stride: int, *, size: int, depth: int) -> list[dict]:
    """One row per depth: exact stability of the constant-filter network, and its large-depth limit for stride one."""
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


def stripes(
    num_train: int,
    seed: int,
    *,
    num_networks: int,
    dim: int,
    num_hidden: int,
    initial_scale: float,
    learning_rate: float,
    target_loss: float,
    max_steps: int,
    num_test: int,
    noises: list[float],
    device: str = "cpu",
) -> list[dict]:
    """Train networks on the stripe model and compare three measures of its linear invariance.

    Args:
        num_train: P.
        seed: of the ``num_networks`` networks of this cell, each with its own data.
        noises: norms of the perturbations in units of √d, one row each.
    """
    on = resolve(device)
    stream = generator("stripes", num_train, seed)
    draw = torch.randn((3, num_networks, max(num_train, num_test), dim), generator=stream).to(on)
    training, test, noise = draw[0, :, :num_train], draw[1, :, :num_test], draw[2, :, :num_test]
    run = train_stripes(
        training, num_hidden=num_hidden, initial_scale=initial_scale, learning_rate=learning_rate,
        target_loss=target_loss, max_steps=max_steps, generator=stream,
    )  # fmt: skip
    errors = (run.network(test) * stripe_labels(test) <= 0).double().mean(1)
    compression, anisotropy = run.network.compression(), run.network.gradient_anisotropy(test)
    rows = []
    for norm in noises:
        relative = stripe_relative_stability(run.network, test, noise=noise, norm=norm)
        for network in range(num_networks):
            rows.append(
                {
                    "network": network,
                    "noise_norm": norm,
                    "compression": compression[network].item(),
                    "gradient_anisotropy": anisotropy[network].item(),
                    "relative": relative[network].item(),
                    "predicted": (dim / (anisotropy[network] ** 2 + dim - 1)).item(),
                    "from_weights": (dim / (compression[network] ** 2 + dim - 1)).item(),
                    "test_error": errors[network].item(),
                    "converged": bool(run.converged[network]),
                    "steps": run.num_steps,
                }
            )
    return rows
