"""Cells that compare: a network with itself before training, and two networks that share nothing but the data."""

import math

import torch
from torch import nn

from quire.device import resolve
from quire.experiments.mechanics.networks import digits, perceptron
from quire.mechanics import alignment_error, linear_cka, train_at_scales
from quire.nets import stack
from quire.rng import generator
from quire.tangent import tangent_gram
from quire.training import MemberData, TrainConfig, train
from quire.types import Tensor

__all__ = ["kernel_change", "likeness"]

TRAINED = 1297  # digits that networks are trained on; the others are left to compare them


def kernel_change(
    *, scales: list[float], width: int, images: int, target_loss: float, most_steps: int, seed: int, device: str
) -> list[dict]:
    """How much the tangent kernel of a network changes while α(f - f₀) is fitted, with the loss over α²; for all α at once.

    Args:
        scales: the α.
        width: of one hidden tanh layer.
        images: handwritten digits, even or odd (±1).
        target_loss: ½⟨(α(f - f₀) - y)²⟩ at which training ends.
        most_steps: of gradient descent at most, at half of what is stable at first.
        seed: of the weights.
        device: where it is trained.

    Returns:
        One row per α: scale, change: ‖K_T - K_0‖ / ‖K_0‖; fitted: the loss at the end; steps.
    """
    x, y = digits(images)
    x, aim = x.to(resolve(device)).double(), (1 - 2 * (y % 2)).to(resolve(device)).double()[:, None]
    drawn = generator("mechanics", "scaled", width, seed)
    net = nn.Sequential(nn.Linear(64, width), nn.Tanh(), nn.Linear(width, 1)).double().to(x.device)
    for layer in (net[0], net[2]):
        noise = torch.randn(layer.weight.shape, generator=drawn, dtype=torch.float64)
        layer.weight.data.copy_(noise / math.sqrt(layer.in_features))
        layer.bias.data.zero_()
    before = tangent_gram(net, x)
    rate = len(x) / float(torch.linalg.eigvalsh(before)[-1])
    end = train_at_scales(net, x, aim, scales=scales, rate=rate, target_loss=target_loss, most_steps=most_steps)
    rows = []
    for place, (scale, loss, steps) in enumerate(zip(scales, end.losses.tolist(), end.steps.tolist(), strict=True)):
        net.load_state_dict({name: tensor[place] for name, tensor in end.weights.items()})
        change = float((tangent_gram(net, x) - before).norm() / before.norm())
        rows.append({"scale": scale, "change": change, "fitted": loss, "steps": steps})
    return rows


def likeness(*, width: int, epochs: int, seeds: list[int], device: str) -> list[dict]:
    """How alike two networks are that share nothing but the data: two hidden ReLU layers, before or after training.

    Args:
        width: of the layers.
        epochs: of stochastic gradient descent on 1,297 digits; none: the networks as they were drawn.
        seeds: one for each pair of networks, which draw from streams of their own; all are trained at once.
        device: where they are trained.

    Returns:
        One row per pair and layer: seed, layer, the alignment error, its squared kernel distance, and one less linear CKA, on the other 500
        digits.
    """
    x, y = (one.to(resolve(device)) for one in digits(1797))
    features = _features(width, epochs, [(seed, member) for seed in seeds for member in (0, 1)], x, y)
    rows = []
    for pair, seed in enumerate(seeds):
        for layer, name in enumerate(("1", "3")):
            a, b = features[name][2 * pair : 2 * pair + 2].cpu()
            grams = [one.double() @ one.double().T / width for one in (a, b)]
            distance = (grams[0] - grams[1]).square().sum() / grams[0].square().sum()
            row = {"seed": seed, "layer": layer + 1, "alignment": alignment_error(a, b), "kernel": float(distance)}
            rows.append(row | {"unlike": 1 - linear_cka(a, b)})
    return rows


def _features(width: int, epochs: int, names: list[tuple], x: Tensor, y: Tensor) -> dict[str, Tensor]:
    """What the hidden layers of networks, ``[networks, digits, width]``, say to the digits that they were not trained on."""
    nets = []
    for own in names:
        drawn = generator("mechanics", "likeness", width, *own)
        net = perceptron(width, nn.ReLU, bias=False, stream=torch.Generator())
        with torch.no_grad():
            for layer in (net[0], net[2], net[4]):
                layer.weight.copy_(torch.randn(layer.weight.shape, generator=drawn) * math.sqrt(2 / layer.in_features))
        net.probe_layers = ("1", "3")
        nets.append(net.to(x.device))
    both = stack(nets, strategy="vmap")
    if epochs:
        config = TrainConfig(learning_rate=0.05, max_epochs=epochs, batch_size=128, optimizer="momentum")
        samples = MemberData.shared(x[:TRAINED], y[:TRAINED], sizes=[TRAINED] * len(nets))
        order = [generator("mechanics", "order", width, *own) for own in names]
        both = train(both, samples, config=config, generators=order).net
    with torch.no_grad():
        return both.features(x[TRAINED:].expand(len(nets), -1, -1))
