"""Cells that compare: a network with itself before training, and two networks that share nothing but the data."""

import math

import torch
from torch import nn

from quire.device import resolve
from quire.experiments.mechanics.networks import digits, perceptron
from quire.mechanics import alignment_error, linear_cka, train_scaled
from quire.rng import generator
from quire.tangent import tangent_gram
from quire.training import MemberData, TrainConfig, train
from quire.types import Tensor

__all__ = ["kernel_change", "likeness"]

TRAINED = 1297  # digits that networks are trained on; the others are left to compare them


def kernel_change(
    *, scale: float, width: int, images: int, target_loss: float, most_steps: int, seed: int, device: str
) -> dict:
    """How much the tangent kernel of a network changes while α(f - f₀) is fitted, with the loss over α².

    Args:
        scale: α.
        width: of one hidden tanh layer.
        images: handwritten digits, even or odd (±1).
        target_loss: ½⟨(α(f - f₀) - y)²⟩ at which training ends.
        most_steps: of gradient descent at most, at half of what is stable at first.
        seed: of the weights.
        device: where it is trained.

    Returns:
        change: ‖K_T - K_0‖ / ‖K_0‖; fitted: the loss at the end; steps.
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
    loss, step = train_scaled(net, x, aim, scale=scale, rate=rate, target_loss=target_loss, most_steps=most_steps)
    after = tangent_gram(net, x)
    return {"change": float((after - before).norm() / before.norm()), "fitted": loss, "steps": step}


def likeness(*, width: int, epochs: int, seed: int, device: str) -> list[dict]:
    """How alike two networks are that share nothing but the data: two hidden ReLU layers, before and after training.

    Args:
        width: of the layers.
        epochs: of stochastic gradient descent on 1,297 digits; none: the networks as they were drawn.
        seed: of both networks, which draw from streams of their own.
        device: where they are trained.

    Returns:
        One row per layer: the alignment error, its squared kernel distance, and one less linear CKA, on the other 500 digits.
    """
    x, y = (one.to(resolve(device)) for one in digits(1797))
    features = [_features(width, epochs, (seed, member), x, y) for member in (0, 1)]
    rows = []
    for layer in (0, 1):
        a, b = (one[layer] for one in features)
        grams = [one.double() @ one.double().T / width for one in (a, b)]
        distance = (grams[0] - grams[1]).square().sum() / grams[0].square().sum()
        row = {"layer": layer + 1, "alignment": alignment_error(a, b), "kernel": float(distance)}
        rows.append(row | {"unlike": 1 - linear_cka(a, b)})
    return rows


def _features(width: int, epochs: int, names: tuple, x: Tensor, y: Tensor) -> list[Tensor]:
    """What the two hidden layers of a network say to the digits that it was not trained on."""
    net = perceptron(width, nn.ReLU, bias=False, stream=torch.Generator())
    drawn = generator("mechanics", "likeness", width, *names)
    with torch.no_grad():
        for layer in (net[0], net[2], net[4]):
            layer.weight.copy_(torch.randn(layer.weight.shape, generator=drawn) * math.sqrt(2 / layer.in_features))
    net = net.to(x.device)
    if epochs:
        config = TrainConfig(learning_rate=0.05, max_epochs=epochs, batch_size=128, optimizer="momentum")
        samples = MemberData.shared(x[:TRAINED], y[:TRAINED], sizes=[TRAINED])
        net = train(net, samples, config=config, generators=[generator("mechanics", "order", width, *names)]).net
    with torch.no_grad():
        first = net[1](net[0](x[TRAINED:]))
        return [first, net[3](net[2](first))]
