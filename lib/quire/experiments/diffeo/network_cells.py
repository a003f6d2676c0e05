"""How stable a trained network is, at its output or layer by layer: handles and JSON arguments, rows of numbers."""

import copy
from collections.abc import Mapping

import torch
from torch import nn

from quire.device import resolve
from quire.diffeo import MaxEntropyDiffeo, Perturbation, layer_stability, perturb, shuffle_channels
from quire.experiments.diffeo.images import probe_images
from quire.experiments.diffeo.made import initial_network
from quire.rng import generator
from quire.types import Float, Tensor

__all__ = ["network_stability"]

OUTPUT = "output"


def network_stability(
    *,
    network: Mapping[str, Tensor],
    dataset: str,
    architecture: str,
    seed: int,
    num_probes: int,
    displacement: float,
    interpolation: str,
    cutoff: int,
    rule: str,
    law: str,
    reduce: str,
    denominator: str,
    noise_matching: str,
    normalizations: list,
    every_layer: bool,
    device: str = "cpu",
) -> list[dict]:
    """Stability of one network before and after training, and with shuffled channels.

    Fields, noises and probed images depend on none of the network's arguments but its data set and its seed, and not on the
    displacement: architectures of one seed are compared on the same draws, and seeds share none.

    Args:
        network: of :func:`quire.experiments.diffeo.made.trained_network`.
        dataset, architecture, seed: those that the network was made with.
        num_probes: test images that are deformed.
        displacement: nominal typical displacement in pixels, under ``law``.
        interpolation: of the warp.
        cutoff, rule, reduce, denominator, noise_matching: conventions of :mod:`quire.diffeo`.
        normalizations: what batch normalisation does: each state is measured under each of "reference" (the statistics of the
            images as they are, kept fixed), "batch" (those of whatever batch passes), and, for trained networks, "running".
        every_layer: also measure hidden layers, and the network with shuffled channels.
        device: where it is measured.

    Returns:
        One row per state and layer, with the losses and errors of the trained network.
    """
    on = resolve(device)
    probes = probe_images(dataset, num_probes, seed=seed, mean=network["mean"], deviation=network["deviation"])
    probes = probes.to(on)
    ensemble = MaxEntropyDiffeo(probes.shape[-1], cutoff, rule=rule)
    coefficients, noise = _draws(ensemble, probes, generator("probes", dataset, cutoff, rule, seed))
    drawn = {"coefficients": coefficients, "noise": noise, "temperature": ensemble.temperature(displacement, law=law)}
    perturbation = perturb(probes, ensemble, **drawn, interpolation=interpolation, noise_matching=noise_matching)
    initial, trained = (net.to(on) for net in _before_and_after(network, architecture, tuple(probes.shape[1:]), seed))
    states = {"initial": initial, "trained": trained}
    if every_layer:
        states["shuffled"] = shuffle_channels(trained, generator("shuffle", architecture, seed))
    averages = {"reduce": reduce, "denominator": denominator}
    rows = []
    for state, net in states.items():
        for normalization in normalizations:
            if state == "trained" or normalization != "running":  # only training makes running averages
                found = _layers(net, perturbation, every_layer, normalization=normalization, **averages)
                rows += [{"state": state, "normalization": normalization, **row} for row in found]
    results = {name: network[name].item() for name in ("test_error", "train_error", "train_loss")}
    return [{**row, **results} for row in rows]


def _draws(
    ensemble: MaxEntropyDiffeo, probes: Tensor, stream: torch.Generator
) -> tuple[Float[Tensor, "probe 2 cutoff cutoff"], Float[Tensor, "probe channel size size"]]:
    """Coefficients of a field and a noise for each image."""
    coefficients = ensemble.sample(len(probes), stream, device=probes.device)
    return coefficients, torch.randn(probes.shape, generator=stream).to(probes.device)


def _before_and_after(
    network: Mapping[str, Tensor], architecture: str, shape: tuple[int, ...], seed: int
) -> tuple[nn.Module, nn.Module]:
    """The network with the weights that it was drawn with, and with those that it has learnt."""
    weights = {name.removeprefix("trained."): tensor for name, tensor in network.items() if name.startswith("trained.")}
    initial = initial_network(architecture, shape=shape, num_classes=len(weights["output.bias"]), seed=seed)
    trained = copy.deepcopy(initial)
    trained.load_state_dict(weights)
    return initial, trained.eval()


def _layers(network: nn.Module, perturbation: Perturbation, every_layer: bool, **conventions: str) -> list[dict]:
    """One row per layer, the output last."""
    hidden = [name for name in network.probe_layers if name != OUTPUT] if every_layer else []
    found = layer_stability(network, perturbation, layers=hidden, **conventions)
    return [
        {
            "layer": name,
            "depth": (position + 1) / len(found),
            "relative": value.relative,
            "diffeo": value.diffeo,
            "noise": value.noise,
        }
        for position, (name, value) in enumerate(found.items())
    ]
