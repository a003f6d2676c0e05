"""Networks that learn to detect a scale on a ring: JSON arguments, rows of numbers."""

import torch

from quire.device import resolve
from quire.diffeo import (
    RingProbes,
    filter_spectrum,
    pixel_pairs,
    relative_stability,
    ring_images,
    ring_pooling,
    ring_probes,
    scale_labels,
)
from quire.nets import PatchEnsemble, TreeConfig, tree_cnn
from quire.rng import generator
from quire.training import MemberData, TrainConfig, evaluate, train
from quire.types import Float, Tensor

__all__ = ["scale_detection"]


def scale_detection(
    *,
    task: str,
    seed: int,
    num_networks: int,
    length: int,
    scale: int,
    gap: int,
    width: int,
    num_train: int,
    batch_size: int,
    learning_rate: float,
    weight_decay: float,
    max_steps: int,
    num_probes: int,
    device: str = "cpu",
) -> list[dict]:
    """Train networks to detect a scale on a ring and look at their filters and at the stability of their layers.

    Filters have two pixels and stride two, so that layer k sees patches of 2^k pixels and the last one the whole ring. As in
    tomasini2022spatial training goes on long after the data are fitted, while the weights decay; there are no biases here.

    Args:
        task, length, scale, gap: of :func:`quire.diffeo.scale_labels`; the length is a power of two.
        seed: of the ``num_networks`` networks of this cell, each with its own training set of ``num_train`` pairs.
        width: channels of each layer.
        batch_size: pairs per step.
        learning_rate: of stochastic gradient descent on the hinge loss, times the width (mean-field readout).
        weight_decay: times the weights, added to their gradient.
        max_steps: where all stop.
        num_probes: images, whose active pixels are at least three apart; those of a seed are the same for its networks.
        device: where they are trained.

    Returns:
        One row per network, state, layer and reading of its channels ("each", or their "mean"), with the values of the
        network with constant filters on one active pixel.
    """
    on = resolve(device)
    names = [(task, seed, network) for network in range(num_networks)]
    training, test = _task_data(names, num_train, task=task, length=length, scale=scale, gap=gap)
    tree = TreeConfig(
        filter_size=2, depth=length.bit_length() - 1, width=width, num_classes=1, vocab=None, readout="mean_field"
    )
    initial = tree_cnn(tree, generators=[generator("weights", *name) for name in names]).to(on)
    config = TrainConfig(
        learning_rate=learning_rate, max_steps=max_steps, batch_size=batch_size, loss="hinge", weight_decay=weight_decay
    )
    run = train(initial, training, generators=[generator("batches", *name) for name in names], config=config)
    errors = evaluate(run.net, test.to(on), loss="hinge")["error"]
    probes = _probes(num_probes, length=length, scale=scale, seed=seed)
    rows = []
    for state, net in {"initial": initial, "trained": run.net}.items():
        for row in _layers(net, probes, length=length, scale=scale):
            network = row["network"]
            results = {"test_error": errors[network].item(), "train_loss": run.train_loss[network].item()}
            rows.append({"state": state, **row, **results})
    return rows


def _task_data(names: list[tuple], num_train: int, *, length: int, **task) -> tuple[MemberData, MemberData]:
    """The training pairs of each network, and all others."""
    pairs = pixel_pairs(length)
    labels = scale_labels(pairs, length=length, **task)
    pairs, labels = pairs[labels != 0], labels[labels != 0]
    images = ring_images(pairs, length)
    orders = [torch.randperm(len(pairs), generator=generator("pairs", *name)) for name in names]
    training, test = (
        MemberData.concatenate([(images[part], labels[part]) for part in parts])
        for parts in ([order[:num_train] for order in orders], [order[num_train:] for order in orders])
    )
    return training, test


def _layers(net: PatchEnsemble, probes: RingProbes, *, length: int, scale: int) -> list[dict]:
    """One row per layer, network and reading: filters, stability, and what constant filters would give."""
    theory = ring_pooling(length, scale=scale)
    with torch.no_grad():
        on = net.readout.device
        values = [net.features(batch.to(on)) for batch in (probes.images, probes.moved, probes.noisy)]
    rows = []
    for layer in range(len(net.patches)):
        constant = {f"{name}_pooling": getattr(theory, name)[layer].item() for name in ("diffeo", "noise", "relative")}
        for network in range(net.members):
            row = {"network": network, "layer": layer + 1, "patch": 2 ** (layer + 1)}
            row |= {"zero_mode": _zero_mode(_filters(net, layer, network))}
            each = [value[f"layer{layer + 1}"][network] for value in values]  # [probe, position, channel]
            for channels, read in {"each": each, "mean": [one.mean(-1) for one in each]}.items():
                found = relative_stability(*read, reduce="mean", denominator="off_diagonal")
                measured = {"diffeo": found.diffeo, "noise": found.noise, "relative": found.relative}
                rows.append(row | {"channels": channels} | measured | constant)
    return rows


def _probes(num_probes: int, *, length: int, scale: int, seed: int) -> RingProbes:
    """Pairs of active pixels that are at least three apart, moved and with noise."""
    pairs = pixel_pairs(length)
    distance = (pairs[:, 1] - pairs[:, 0]) % length
    pairs = pairs[(distance >= 3) & (distance <= length - 3)]
    stream = generator("ring", length, seed)
    pairs = pairs[torch.randperm(len(pairs), generator=stream)[:num_probes]]
    return ring_probes(pairs, length=length, scale=scale, generator=stream)


def _zero_mode(filters: Tensor) -> float:
    """Share of the power on the zero mode; not a number if there is none."""
    power = filter_spectrum(filters).power
    return (power[0] / power.sum()).item()


def _filters(net: PatchEnsemble, layer: int, network: int) -> Float[Tensor, "out_channel in_channel pixel"]:
    """Filters of one layer of one network; its inputs are ordered by pixel of the patch, then channel."""
    weight = net.weights[layer][network]
    return weight.view(net.patches[layer], -1, weight.shape[-1]).permute(2, 1, 0)
