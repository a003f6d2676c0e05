"""Cells that train small networks on handwritten digits: the edge of stability, and learning rates at several widths."""

import math

import torch
from torch import nn
from torch.func import functional_call, grad_and_value, stack_module_state, vmap

from quire.device import resolve
from quire.experiments.mechanics.networks import digits, perceptron
from quire.mechanics import initialize_by_width, losses_at_rates, rate_factors, sharpnesses
from quire.rng import generator
from quire.types import Tensor

__all__ = ["edge_of_stability", "losses_by_rate"]


def edge_of_stability(
    *, rate: float, images: int, width: int, steps: int, every: int, seeds: list[int], device: str
) -> list[dict]:
    """Full-batch gradient descent on ½⟨‖f - y‖²⟩ of several networks at once, and their sharpness along the way.

    Args:
        rate: η.
        images: training images, standardised together.
        width: of two hidden tanh layers.
        steps: of descent.
        every: steps between two looks.
        seeds: one for the weights of each network.
        device: where they are trained.

    Returns:
        One row per look and network: seed, step, loss, sharpness, and product, the sharpness times η/2; rises, the fraction of the steps since
        the last look at which the loss went up.
    """
    x, y = digits(images)
    place = resolve(device)
    x, aim = x.to(place), nn.functional.one_hot(y, 10).float().to(place)
    nets = [perceptron(width, nn.Tanh, bias=True, stream=generator("mechanics", "edge", seed)) for seed in seeds]
    weights = {name: t.detach().to(place) for name, t in stack_module_state(nets)[0].items()}

    def loss(p: dict) -> Tensor:
        return 0.5 * (functional_call(nets[0], p, (x,)) - aim).square().sum(1).mean()

    slope, guess, rows = vmap(grad_and_value(loss)), None, []
    before, ups = torch.full((len(seeds),), math.inf, device=place), torch.zeros(len(seeds), device=place)
    for step in range(steps + 1):
        gradient, values = slope(weights)
        ups += values > before
        before = values
        if step % every == 0:
            most = 200 if guess is None else 8
            found, guess = sharpnesses(loss, weights, start=guess, most=most, generator=generator("mechanics", "guess"))
            rows += _looks(
                seeds, step, {"loss": values, "sharpness": found, "product": found * rate / 2, "rises": ups / every}
            )
            ups = torch.zeros_like(ups)
        weights = {name: tensor - rate * gradient[name] for name, tensor in weights.items()}
    return rows


def _looks(seeds: list[int], step: int, found: dict[str, Tensor]) -> list[dict]:
    """One row for each network."""
    numbers = {name: tensor.tolist() for name, tensor in found.items()}
    return [
        {"seed": seed, "step": step} | {name: each[member] for name, each in numbers.items()}
        for member, seed in enumerate(seeds)
    ]


def losses_by_rate(
    *,
    parametrisation: str,
    width: int,
    base_width: int,
    log_rates: list[float],
    steps: int,
    batch_size: int,
    seed: int,
    device: str,
) -> list[dict]:
    """Training loss after some steps of Adam at one width, for all learning rates at once.

    Args:
        parametrisation: "maximal" or "standard".
        width, base_width: n and n₀ of a network with two hidden ReLU layers and no biases.
        log_rates: binary logarithms of η.
        steps, batch_size: of Adam.
        seed: of weights and batches.
        device: where it is trained.

    Returns:
        One row per rate: log_rate, and loss: cross-entropy of all training images at the end; infinite losses are given as a large one,
        ln 10 · 100.
    """
    x, y = (one.to(resolve(device)) for one in digits(1797))
    net, base = (perceptron(n, nn.ReLU, bias=False, stream=torch.Generator()) for n in (width, base_width))
    drawn = generator("mechanics", "widths", width, seed)
    initialize_by_width(net, base, gain=math.sqrt(2), generator=drawn, parametrisation=parametrisation)
    found = losses_at_rates(
        net.to(x.device),
        x,
        y,
        rates=[2.0**one for one in log_rates],
        steps=steps,
        batch_size=batch_size,
        generator=generator("mechanics", "batches", seed),
        factors=rate_factors(net, base, parametrisation=parametrisation),
    )
    values = found.nan_to_num(nan=math.inf).clamp(max=100 * math.log(10))
    return [{"log_rate": rate, "loss": value} for rate, value in zip(log_rates, values.tolist(), strict=True)]
