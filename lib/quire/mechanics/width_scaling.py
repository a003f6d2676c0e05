r"""Maximal update parametrisation: hyperparameters that hold at every width (yang2022tensor, Table 3, Adam).

With a network of base width n₀, and the same one of width n, a weight matrix is told by which of its dimensions grow:

=========  ======================  ==============  ==================
matrix     grow                    learning rate   initial deviation
=========  ======================  ==============  ==================
input      outputs                 η               gain / √fan-in
hidden     inputs and outputs      η n₀/n          gain / √fan-in
output     inputs                  η n₀/n          √n₀ / fan-in
others     (vectors: biases, …)    η               as they are
=========  ======================  ==============  ==================

The standard parametrisation has η everywhere, and gain / √fan-in (the output: 1 / √fan-in). There are equivalent forms with multipliers;
they must not be mixed.
"""

import math

import torch
from torch import nn

from quire.types import Float, Tensor

__all__ = ["activation_sizes", "initialize_by_width", "parameter_groups", "rate_factors", "width_role"]


def width_role(shape: tuple[int, ...], base: tuple[int, ...]) -> str:
    """Which dimensions of a weight grow with the width: "input", "hidden", "output" or "other".

    Args:
        shape, base: of one parameter in the network and in the base network.

    Raises:
        ValueError: they have other numbers of dimensions.

    >>> [width_role(*pair) for pair in (((8, 3), (4, 3)), ((8, 8), (4, 4)), ((2, 8), (2, 4)), ((8,), (4,)))]
    ['input', 'hidden', 'output', 'other']
    """
    if len(shape) != len(base):
        raise ValueError(f"the base network is another one: a parameter has the shapes {list(shape)} and {list(base)}")
    if len(shape) < 2:
        return "other"
    outputs, inputs = shape[0] != base[0], shape[1] != base[1]
    return {(True, False): "input", (True, True): "hidden", (False, True): "output"}.get((outputs, inputs), "other")


def rate_factors(net: nn.Module, base: nn.Module, *, parametrisation: str = "maximal") -> dict[str, float]:
    """Of the learning rate of Adam, for each parameter by name: n₀/n for matrices whose inputs grow, one for others.

    Args:
        net: a network.
        base: the same of the base width.
        parametrisation: "maximal", or "standard": one for all.

    Raises:
        ValueError: the two have other parameters, or an unknown parametrisation.
    """
    _check(net, base, parametrisation)
    sizes, found = dict(base.named_parameters()), {}
    for name, parameter in net.named_parameters():
        grows = width_role(tuple(parameter.shape), tuple(sizes[name].shape)) in ("hidden", "output")
        smaller = grows and parametrisation == "maximal"
        found[name] = sizes[name].shape[1] / parameter.shape[1] if smaller else 1.0
    return found


def parameter_groups(
    net: nn.Module, base: nn.Module, learning_rate: float, *, parametrisation: str = "maximal"
) -> list[dict]:
    """Groups for an Adam of torch: one for each learning rate.

    Args:
        net, base, parametrisation: as for :func:`rate_factors`.
        learning_rate: η, that of the base network.
    """
    factors, groups = rate_factors(net, base, parametrisation=parametrisation), {}
    for name, parameter in net.named_parameters():
        groups.setdefault(learning_rate * factors[name], []).append(parameter)
    return [{"params": parameters, "lr": rate} for rate, parameters in groups.items()]


@torch.no_grad()
def initialize_by_width(
    net: nn.Module,
    base: nn.Module,
    *,
    gain: float,
    generator: torch.Generator,
    parametrisation: str = "maximal",
) -> nn.Module:
    """Draw all matrices of a network anew, in place; vectors stay as they are.

    Args:
        net, base, parametrisation: as for :func:`rate_factors`.
        gain: of the input and hidden matrices, √2 for ReLU.
        generator: of the normal numbers.

    Returns:
        The network.
    """
    _check(net, base, parametrisation)
    sizes = dict(base.named_parameters())
    for name, parameter in net.named_parameters():
        if parameter.ndim < 2:
            continue
        fan_in = parameter[0].numel()
        deviation = gain / math.sqrt(fan_in)
        if width_role(tuple(parameter.shape), tuple(sizes[name].shape)) == "output":
            base_fan_in = sizes[name][0].numel()
            deviation = math.sqrt(base_fan_in) / fan_in if parametrisation == "maximal" else 1 / math.sqrt(fan_in)
        noise = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
        parameter.copy_(deviation * noise)
    return net


@torch.no_grad()
def activation_sizes(net: nn.Module, inputs: Float[Tensor, "batch ..."]) -> dict[str, float]:
    """Mean absolute output of each layer that has weights: the coordinate check, flat in the width if the scaling is right."""
    found: dict[str, float] = {}
    layers = {name: one for name, one in net.named_modules() if list(one.parameters(recurse=False))}
    hooks = [
        layer.register_forward_hook(
            lambda _layer, _inputs, output, name=name: found.update({name: float(output.detach().abs().mean())})
        )
        for name, layer in layers.items()
    ]
    try:
        net(inputs)
    finally:
        for hook in hooks:
            hook.remove()
    return found


def _check(net: nn.Module, base: nn.Module, parametrisation: str) -> None:
    if parametrisation not in ("maximal", "standard"):
        raise ValueError(f'parametrisation must be "maximal" or "standard", got {parametrisation!r}')
    names = [name for name, _ in net.named_parameters()]
    if names != [name for name, _ in base.named_parameters()]:
        raise ValueError("net and base must be one architecture at two widths: their parameters have other names")
