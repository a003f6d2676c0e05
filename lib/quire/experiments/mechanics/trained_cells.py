"""Cells that train small networks on handwritten digits: the edge of stability, and learning rates at several widths."""

import math

import torch
from torch import nn
from torch.func import functional_call, grad_and_value

from quire.device import resolve
from quire.experiments.mechanics.networks import digits, perceptron
from quire.mechanics import initialize_by_width, parameter_groups, sharpness
from quire.rng import generator
from quire.types import Tensor

__all__ = ["edge_of_stability", "loss_at_rate"]


def edge_of_stability(
    *, rate: float, images: int, width: int, steps: int, every: int, seed: int, device: str
) -> list[dict]:
    """Full-batch gradient descent on ½⟨‖f - y‖²⟩, and the sharpness along the way.

    Args:
        rate: η.
        images: training images, standardised together.
        width: of two hidden tanh layers.
        steps: of descent.
        every: steps between two looks.
        seed: of the weights.
        device: where it is trained.

    Returns:
        One row per look: step, loss, sharpness, and product, the sharpness times η/2; rises, the fraction of the steps since the last look at
        which the loss went up.
    """
    x, y = digits(images)
    place = resolve(device)
    x, aim = x.to(place), nn.functional.one_hot(y, 10).float().to(place)
    net = perceptron(width, nn.Tanh, bias=True, stream=generator("mechanics", "edge", seed)).to(place)
    weights = {name: parameter.detach() for name, parameter in net.named_parameters()}

    def loss(p: dict) -> Tensor:
        return 0.5 * (functional_call(net, p, (x,)) - aim).square().sum(1).mean()

    slope, guess, before, ups, rows = grad_and_value(loss), None, math.inf, 0, []
    for step in range(steps + 1):
        gradient, value = slope(weights)
        ups += float(value) > before
        before = float(value)
        if step % every == 0:
            found, guess = sharpness(
                loss,
                weights,
                start=guess,
                most=200 if guess is None else 8,
                generator=generator("mechanics", "guess", seed),
            )
            row = {"step": step, "loss": before, "sharpness": found, "product": found * rate / 2}
            rows.append(row | {"rises": ups / every})
            ups = 0
        weights = {name: tensor - rate * gradient[name] for name, tensor in weights.items()}
    return rows


def loss_at_rate(
    *,
    parametrisation: str,
    width: int,
    base_width: int,
    log_rate: float,
    steps: int,
    batch_size: int,
    seed: int,
    device: str,
) -> dict:
    """Training loss after some steps of Adam at one width and one learning rate.

    Args:
        parametrisation: "maximal" or "standard".
        width, base_width: n and n₀ of a network with two hidden ReLU layers and no biases.
        log_rate: binary logarithm of η.
        steps, batch_size: of Adam.
        seed: of weights and batches.
        device: where it is trained.

    Returns:
        loss: cross-entropy of all training images at the end; infinite losses are given as a large one, ln 10 · 100.
    """
    x, y = (one.to(resolve(device)) for one in digits(1797))
    net, base = (perceptron(n, nn.ReLU, bias=False, stream=torch.Generator()) for n in (width, base_width))
    drawn = generator("mechanics", "widths", width, seed)
    initialize_by_width(net, base, gain=math.sqrt(2), generator=drawn, parametrisation=parametrisation)
    net = net.to(x.device)
    groups = parameter_groups(net, base, 2.0**log_rate, parametrisation=parametrisation)
    optimizer, order = torch.optim.Adam(groups), generator("mechanics", "batches", seed)
    for _ in range(steps):
        batch = torch.randint(len(y), (batch_size,), generator=order).to(x.device)
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(x[batch]), y[batch]).backward()
        optimizer.step()
    with torch.no_grad():
        value = float(nn.functional.cross_entropy(net(x), y))
    return {"loss": value if math.isfinite(value) else 100 * math.log(10)}
