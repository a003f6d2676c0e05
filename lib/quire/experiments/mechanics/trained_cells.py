"""Cells that train small networks on handwritten digits: the edge of stability, and learning rates at several widths."""

import math

import torch
from torch import nn
from torch.func import functional_call, grad_and_value

from quire.data import load
from quire.device import resolve
from quire.mechanics import alignment_error, initialize_by_width, linear_cka, parameter_groups, sharpness
from quire.rng import generator
from quire.tangent import tangent_gram
from quire.training import MemberData, TrainConfig, train
from quire.types import Float, Int, Tensor

TRAINED = 1297  # digits that networks are trained on; the others are left to compare them

__all__ = ["edge_of_stability", "kernel_change", "likeness", "loss_at_rate"]


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
    x, y = _digits(images)
    place = resolve(device)
    x, aim = x.to(place), nn.functional.one_hot(y, 10).float().to(place)
    net = _perceptron(width, nn.Tanh, bias=True, stream=generator("mechanics", "edge", seed)).to(place)
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
    x, y = (one.to(resolve(device)) for one in _digits(1797))
    net, base = (_perceptron(n, nn.ReLU, bias=False, stream=torch.Generator()) for n in (width, base_width))
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
    x, y = _digits(images)
    x, aim = x.to(resolve(device)).double(), (1 - 2 * (y % 2)).to(resolve(device)).double()[:, None]
    drawn = generator("mechanics", "scaled", width, seed)
    net = nn.Sequential(nn.Linear(64, width), nn.Tanh(), nn.Linear(width, 1)).double().to(x.device)
    for layer in (net[0], net[2]):
        noise = torch.randn(layer.weight.shape, generator=drawn, dtype=torch.float64)
        layer.weight.data.copy_(noise / math.sqrt(layer.in_features))
        layer.bias.data.zero_()
    with torch.no_grad():
        first = net(x)
    before = tangent_gram(net, x)
    rate = len(x) / float(torch.linalg.eigvalsh(before)[-1])
    loss, step = math.inf, 0
    while step < most_steps:
        error = scale * (net(x) - first) - aim
        value = 0.5 * error.square().mean()
        loss = float(value.detach())
        if loss <= target_loss:
            break
        net.zero_grad()
        (value / scale**2).backward()
        with torch.no_grad():
            for parameter in net.parameters():
                parameter -= rate * parameter.grad
        step += 1
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
    x, y = (one.to(resolve(device)) for one in _digits(1797))
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
    net = _perceptron(width, nn.ReLU, bias=False, stream=torch.Generator())
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


def _digits(number: int) -> tuple[Float[Tensor, "images 64"], Int[Tensor, " images"]]:
    data = load("digits")
    images = torch.from_numpy(data.inputs[:number]).float().flatten(1)
    return (images - images.mean()) / images.std(), torch.from_numpy(data.labels[:number]).long()


def _perceptron(width: int, nonlinearity: type[nn.Module], *, bias: bool, stream: torch.Generator) -> nn.Sequential:
    """64 inputs, two hidden layers, ten outputs; torch's uniform weights ± 1/√fan-in, from a stream."""
    sizes = [64, width, width, 10]
    layers: list[nn.Module] = []
    for fan_in, fan_out in zip(sizes[:-1], sizes[1:], strict=True):
        layers += [nn.Linear(fan_in, fan_out, bias=bias), nonlinearity()]
    net = nn.Sequential(*layers[:-1])
    for layer in net:
        for parameter in layer.parameters(recurse=False):
            bound = 1 / math.sqrt(layer.in_features)
            parameter.data.uniform_(-bound, bound, generator=stream)
    return net
