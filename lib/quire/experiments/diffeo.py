"""What the chapter on relative stability runs: the ensemble and its laws, trained networks, pooling theory, stripes."""

import math

import torch
import torch.nn.functional as F

from quire.data import load
from quire.device import resolve
from quire.diffeo import (
    MaxEntropyDiffeo,
    gradient_energy,
    layer_stability,
    mean_displacement,
    perturb,
    pooling_asymptotics,
    pooling_stability,
    shuffle_channels,
    stripe_labels,
    stripe_relative_stability,
    train_stripes,
    typical_displacement,
)
from quire.nets import build
from quire.rng import generator
from quire.training import MemberData, TrainConfig, random_shift, train
from quire.types import Float, Tensor

__all__ = ["bijectivity", "gallery", "laws", "network_stability", "pooling", "stripes", "vision_data"]


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


def network_stability(
    dataset: str, architecture: str, num_train: int, seed: int, *, num_test: int, num_probes: int, num_steps: int,
    batch_size: int, learning_rate: float, optimizer: str, weight_decay: float, schedule_period: float, max_shift: int,
    flip: bool, displacements: list[float], interpolations: list[str], cutoff: int, rule: str, law: str, reduce: str,
    denominator: str, noise_matching: str, initial_normalization: str, shuffled_normalization: str, every_layer: bool,
    device: str = "cpu",
) -> list[dict]:  # fmt: skip
    """Train one network and measure its stability before, after, and with shuffled channels.

    Args:
        dataset: of :func:`vision_data`.
        architecture: of :func:`quire.nets.build`.
        num_train: P.
        seed: of the weights, the training set and its order; fields, noises and probed images do not depend on it.
        num_test: images for the test error; the first ``num_probes`` of them are probed.
        num_steps: gradient steps, with a cosine schedule of period ``schedule_period``; the last weights are used.
        max_shift: random translation in training, in pixels; ``flip`` adds reflections.
        displacements: nominal typical displacements in pixels, under ``law``; common random numbers.
        interpolations: of the warp.
        cutoff, rule, reduce, denominator, noise_matching: conventions of :mod:`quire.diffeo`.
        initial_normalization, shuffled_normalization: what batch normalisation does in those states; after training it uses
            its running averages.
        every_layer: also measure hidden layers, and the network with shuffled channels.

    Returns:
        one row per state, layer, interpolation and displacement.
    """
    on = resolve(device)
    inputs, targets, test_inputs, test_targets, blank = vision_data(dataset, num_train, num_test, seed)
    classes = int(max(targets.max(), test_targets.max())) + 1
    shape = tuple(inputs.shape[1:])
    initial = build(
        architecture, input_shape=shape, num_classes=classes, generator=generator("weights", architecture, seed)
    ).to(on)
    run = train(
        initial,
        MemberData.shared(inputs, targets, sizes=[num_train]),
        config=TrainConfig(
            learning_rate=learning_rate, max_steps=num_steps, batch_size=batch_size, optimizer=optimizer,
            weight_decay=weight_decay, schedule="cosine", schedule_period=schedule_period,
        ),
        generators=[generator("batches", dataset, architecture, num_train, seed)],
        augment=random_shift(max_shift, flip=flip, fill=blank) if max_shift or flip else None,
    )  # fmt: skip
    trained = run.net
    errors = {
        name: _error(trained, images, labels)
        for name, (images, labels) in {"train": (inputs, targets), "test": (test_inputs, test_targets)}.items()
    }
    states = {"initial": (initial, initial_normalization), "trained": (trained, "running")}
    if every_layer:
        shuffled = shuffle_channels(trained, generator("shuffle", architecture, seed))
        states["shuffled"] = (shuffled, shuffled_normalization)

    ensemble = MaxEntropyDiffeo(shape[-1], cutoff, rule=rule)
    stream = generator("probes", dataset, cutoff, rule)
    probes = test_inputs[:num_probes].to(on)
    coefficients = ensemble.sample(len(probes), stream, device=on)
    noise = torch.randn(probes.shape, generator=stream).to(on)
    conventions = {"reduce": reduce, "denominator": denominator}
    rows = []
    for interpolation in interpolations:
        for displacement in displacements:
            perturbation = perturb(
                probes, ensemble, coefficients=coefficients, noise=noise, interpolation=interpolation,
                temperature=ensemble.temperature(displacement, law=law), noise_matching=noise_matching,
            )  # fmt: skip
            for state, (network, normalization) in states.items():
                layers = [name for name in network.probe_layers if name != "output"] if every_layer else []
                found = layer_stability(
                    network, perturbation, layers=layers, normalization=normalization, **conventions
                )
                rows += [
                    {
                        "state": state, "layer": name, "depth": (position + 1) / len(found), "interpolation": interpolation,
                        "displacement": displacement, "relative": value.relative, "diffeo": value.diffeo, "noise": value.noise,
                        "test_error": errors["test"], "train_error": errors["train"],
                        "train_loss": run.train_loss[0].item(),
                    }
                    for position, (name, value) in enumerate(found.items())
                ]  # fmt: skip
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


def vision_data(
    dataset: str, num_train: int, num_test: int, seed: int
) -> tuple[Float[Tensor, "train channel size size"], Tensor, Float[Tensor, "test channel size size"], Tensor, float]:
    """Standardised training and test images, their labels, and the value of a blank pixel.

    "digits" (8 × 8) are enlarged to 20 × 20 by bicubic interpolation and padded to 28 × 28: at their native size a
    displacement of one pixel is not a diffeomorphism. The test images do not depend on the seed.

    Raises:
        ValueError: the data set has fewer images than asked.
    """
    options = {"num_samples": num_train, "num_test": num_test, "size": 28, "start": 10**6 * seed}
    data = load(dataset, **options) if dataset == "glyphs" else load(dataset)
    images, labels = _channels_first(data.inputs, data.peak), torch.from_numpy(data.labels)
    if data.test_inputs is None:
        order = torch.randperm(len(images), generator=generator("split", dataset))
        test_images, test_labels = images[order[:num_test]], labels[order[:num_test]]
        images, labels = images[order[num_test:]], labels[order[num_test:]]
    else:
        test_images = _channels_first(data.test_inputs[:num_test], data.peak)
        test_labels = torch.from_numpy(data.test_labels[:num_test])
    if len(images) < num_train or len(test_images) < num_test:
        raise ValueError(
            f"{dataset} has {len(images)} training and {len(test_images)} test images, asked {num_train} and {num_test}"
        )
    mean = images.mean((0, 2, 3), keepdim=True)
    deviation = images.std((0, 2, 3), keepdim=True)
    chosen = torch.randperm(len(images), generator=generator("subset", dataset, seed))[:num_train]
    blank = float((-mean / deviation).mean())
    return (images[chosen] - mean) / deviation, labels[chosen], (test_images - mean) / deviation, test_labels, blank


def _channels_first(pixels, peak: int) -> Tensor:
    images = torch.from_numpy(pixels).float() / peak
    images = images.unsqueeze(1) if images.ndim == 3 else images.permute(0, 3, 1, 2)
    if images.shape[-1] == 8:
        images = F.pad(F.interpolate(images, size=20, mode="bicubic", align_corners=False), [4] * 4)
    return images.contiguous()


@torch.no_grad()
def _error(network: torch.nn.Module, images: Tensor, labels: Tensor) -> float:
    """Fraction misclassified, in evaluation mode."""
    network.eval()
    place = next(network.parameters()).device
    wrong = [
        (network(part.to(place)).argmax(1).cpu() != truth).sum()
        for part, truth in zip(images.split(1000), labels.split(1000), strict=True)
    ]
    return (torch.stack(wrong).sum() / len(labels)).item()
