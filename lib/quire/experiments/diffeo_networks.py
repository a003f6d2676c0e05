"""Deep networks of the chapter on relative stability: a zoo of vision nets, and the detection of a scale on a ring."""

import torch
import torch.nn.functional as F

from quire.data import load
from quire.device import resolve
from quire.diffeo import (
    MaxEntropyDiffeo,
    filter_spectrum,
    layer_stability,
    perturb,
    pixel_pairs,
    pooling_stability,
    relative_stability,
    ring_images,
    scale_labels,
    shuffle_channels,
)
from quire.nets import PatchEnsemble, TreeConfig, build, tree_cnn
from quire.rng import generator
from quire.training import MemberData, TrainConfig, evaluate, random_shift, train
from quire.types import Float, Tensor

__all__ = ["network_stability", "scale_detection", "vision_data"]


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


def scale_detection(
    task: str, seed: int, *, num_networks: int, length: int, scale: int, gap: int, width: int, num_train: int, batch_size: int,
    learning_rate: float, stop_loss: float, max_steps: int, num_probes: int, device: str = "cpu",
) -> list[dict]:  # fmt: skip
    """Train networks to detect a scale on a ring and look at their filters and at the stability of their layers.

    Filters have two pixels and stride two, so that layer k sees patches of 2^k pixels and the last one the whole ring. The
    probed images, their displacements and noises are the same for all networks and all seeds.

    Args:
        task, length, scale, gap: of :func:`quire.diffeo.scale_labels`; the length is a power of two.
        seed: of the ``num_networks`` networks of this cell, each with its own training set of ``num_train`` pairs.
        width: channels of each layer.
        learning_rate: of stochastic gradient descent on the hinge loss, times the width (mean-field readout).
        stop_loss: training loss, averaged over an epoch, at which a network stops.
        max_steps: where all stop.
        num_probes: images, whose active pixels are at least three apart.

    Returns:
        one row per network, state and layer, with the values of the network with constant filters on one active pixel.
    """
    on, depth = resolve(device), length.bit_length() - 1
    pairs = pixel_pairs(length)
    labels = scale_labels(pairs, task=task, length=length, scale=scale, gap=gap)
    pairs, labels = pairs[labels != 0], labels[labels != 0]
    images = ring_images(pairs, length)
    names = [(task, seed, network) for network in range(num_networks)]
    orders = [torch.randperm(len(pairs), generator=generator("pairs", *name)) for name in names]
    training, test = (
        MemberData.concatenate([(images[part], labels[part]) for part in parts])
        for parts in ([order[:num_train] for order in orders], [order[num_train:] for order in orders])
    )
    config = TreeConfig(filter_size=2, depth=depth, width=width, num_classes=1, vocab=None, readout="mean_field")
    initial = tree_cnn(config, generators=[generator("weights", *name) for name in names]).to(on)
    run = train(
        initial, training, generators=[generator("batches", *name) for name in names],
        config=TrainConfig(
            learning_rate=learning_rate, max_steps=max_steps, batch_size=batch_size, loss="hinge", stop_loss=stop_loss
        ),
    )  # fmt: skip
    errors = evaluate(run.net, test.to(on), loss="hinge")["error"]
    theory = pooling_stability(length, depth, filter_size=2, stride=2, dim=1)
    probes = [one.to(on) for one in _ring_probes(length, num_probes)]
    rows = []
    for state, net in {"initial": initial, "trained": run.net}.items():
        with torch.no_grad():
            values = [net.features(batch) for batch in probes]
        for layer in range(depth):
            for network in range(num_networks):
                found = relative_stability(
                    *(value[f"layer{layer + 1}"][network] for value in values),
                    reduce="mean",
                    denominator="off_diagonal",
                )
                filters, start = _filters(net, layer, network), _filters(initial, layer, network)
                rows.append(
                    {
                        "network": network, "state": state, "layer": layer + 1, "patch": 2 ** (layer + 1),
                        "zero_mode": _zero_mode(filters), "zero_mode_of_change": _zero_mode(filters - start),
                        "diffeo": found.diffeo, "noise": found.noise, "relative": found.relative,
                        "diffeo_pooling": theory.diffeo[layer].item(), "noise_pooling": theory.noise[layer].item(),
                        "relative_pooling": theory.relative[layer].item(), "test_error": errors[network].item(),
                        "train_loss": run.train_loss[network].item(),
                    }
                )  # fmt: skip
    return rows


def _ring_probes(length: int, num_probes: int) -> tuple[Tensor, Tensor, Tensor]:
    """Images, the same with each active pixel moved by one to either side, and with noise of that displacement's norm."""
    pairs = pixel_pairs(length)
    distance = (pairs[:, 1] - pairs[:, 0]) % length
    pairs = pairs[(distance >= 3) & (distance <= length - 3)]  # so that moved pixels neither meet nor pass each other
    stream = generator("ring", length)
    pairs = pairs[torch.randperm(len(pairs), generator=stream)[:num_probes]]
    moved = pairs + 2 * torch.randint(2, pairs.shape, generator=stream) - 1
    noise = torch.randn((len(pairs), length), generator=stream)
    images, shifted = ring_images(pairs, length), ring_images(moved, length)
    radius = (shifted - images).norm(dim=1, keepdim=True)
    return images, shifted, images + radius * noise / noise.norm(dim=1, keepdim=True)


def _zero_mode(filters: Tensor) -> float:
    """Share of the power on the zero mode; not a number if there is none."""
    power = filter_spectrum(filters).power
    return (power[0] / power.sum()).item()


def _filters(net: PatchEnsemble, layer: int, network: int) -> Float[Tensor, "out_channel in_channel pixel"]:
    """Filters of one layer of one network; its inputs are ordered by pixel of the patch, then channel."""
    weight = net.weights[layer][network]
    return weight.view(net.patches[layer], -1, weight.shape[-1]).permute(2, 1, 0)


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
