r"""The empirical tangent kernel :math:`\Theta(x, x') = \sum_c \nabla f_c(x) \cdot \nabla f_c(x')`, without Jacobians.

The gradient with respect to the weight of a dense layer is :math:`g\, a^\top`, activations before it and gradients after it, so that

.. math:: \Theta = \sum_\mathrm{layers} (A A^\top + 1) \circ \sum_c G_c G_c^\top,

with the one for the bias: products of [samples × width] in place of a Jacobian of [samples · outputs × weights]. With positions (tokens,
or the places of a convolution) gradients are sums over them, and are contracted to weights first, one output at a time. Layer norms have
few parameters: their gradients are formed. Source: ortizjimenez2023tangent, Sec. 5 (the kernel); Novak et al. 2022 (structured derivatives).
"""

from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional

from quire.types import Float, Tensor

__all__ = ["tangent_gram"]


@torch.enable_grad()
def tangent_gram(model: nn.Module, inputs: Float[Tensor, "samples ..."]) -> Float[Tensor, "samples samples"]:
    """The kernel between all inputs, summed over the outputs, and over the parameters that require a gradient.

    Args:
        model: dense layers, convolutions without groups and layer norms, each sample on its own; from ``[samples, …]`` to
            ``[samples, outputs]``.
        inputs: all at once.

    Raises:
        ValueError: another module holds parameters, a layer or a weight is used twice, or outputs have another shape.

    >>> net = nn.Linear(2, 3)
    >>> tangent_gram(net, torch.eye(2)).tolist()
    [[6.0, 3.0], [3.0, 6.0]]
    """
    layers = _layers(model)
    seen, outputs = _forward(model, layers, inputs)
    gram = outputs.detach().new_zeros(len(inputs), len(inputs))
    ends = [end for _, end in seen.values()]
    total = outputs.sum(0)
    gradients = [[] for _ in ends]
    for component in range(len(total) if ends else 0):
        more = component + 1 < len(total)
        found = torch.autograd.grad(total[component], ends, retain_graph=more, allow_unused=True)
        for kept, gradient, end in zip(gradients, found, ends, strict=True):
            kept.append(torch.zeros_like(end) if gradient is None else gradient)
    for layer, each in zip(seen, gradients, strict=True):
        gram += _rule(layer)(layer, seen[layer][0], torch.stack(each)).detach()
    return gram


def _forward(model: nn.Module, layers: list[nn.Module], inputs: Tensor) -> tuple[dict, Tensor]:
    seen: dict[nn.Module, tuple[Tensor, Tensor]] = {}
    hooks = [layer.register_forward_hook(_keep(seen)) for layer in layers]
    try:
        outputs = model(inputs)
    finally:
        for hook in hooks:
            hook.remove()
    if outputs.ndim != 2 or len(outputs) != len(inputs):
        raise ValueError(f"outputs must be [{len(inputs)}, outputs], got {list(outputs.shape)}: flatten them")
    silent = [p for layer in layers if layer not in seen for p in layer.parameters() if p.requires_grad]
    if silent and outputs.requires_grad:
        found = torch.autograd.grad(outputs.sum(), silent, retain_graph=True, allow_unused=True)
        if any(gradient is not None for gradient in found):
            raise ValueError("a layer's weights are used without calling the layer: call it, or freeze its weights")
    return seen, outputs


def _layers(model: nn.Module) -> list[nn.Module]:
    found, known = [], set()
    for name, module in model.named_modules():
        own = [parameter for parameter in module.parameters(recurse=False) if parameter.requires_grad]
        if known & set(own):
            raise ValueError(f"{name} shares a weight with another layer: its gradient is not a sum of two rules")
        known |= set(own)
        if own and (_rule(module) is None or getattr(module, "groups", 1) != 1):
            raise ValueError(
                f"{name or 'the model'} is a {type(module).__name__}, for which there is no rule: use dense layers, "
                "convolutions without groups and layer norms, or freeze it"
            )
        if own:
            found.append(module)
    return found


def _keep(seen: dict) -> Callable:
    def hook(layer: nn.Module, inputs: tuple, output: Tensor) -> Tensor:
        if layer in seen:
            raise ValueError(
                f"{type(layer).__name__} is used twice in one pass: its gradients are not a sum of two rules"
            )
        seen[layer] = (inputs[0].detach().clone(), output)
        return output.clone()  # what follows may work in place, on a copy

    return hook


def _dense(layer: nn.Linear, inputs: Tensor, gradients: Tensor) -> Tensor:
    if inputs.ndim > 2:
        return _positions(layer, inputs.flatten(1, -2), gradients.flatten(2, -2))
    factor = inputs @ inputs.T if layer.weight.requires_grad else 0
    if layer.bias is not None and layer.bias.requires_grad:
        factor = factor + 1
    flat = gradients.transpose(0, 1).flatten(1)
    return factor * (flat @ flat.T)


def _positions(layer: nn.Module, inputs: Tensor, gradients: Tensor) -> Tensor:
    """inputs ``[samples, positions, in]``, gradients ``[outputs, samples, positions, out]``."""
    gram = 0
    for gradient in gradients:
        if layer.weight.requires_grad:
            flat = torch.einsum("npi,npo->nio", inputs, gradient).flatten(1)
            gram = gram + flat @ flat.T
        if layer.bias is not None and layer.bias.requires_grad:
            bias = gradient.sum(1)
            gram = gram + bias @ bias.T
    return gram


def _convolution(layer: nn.Conv2d, inputs: Tensor, gradients: Tensor) -> Tensor:
    if isinstance(layer.padding, str) or layer.padding_mode != "zeros":
        raise ValueError(f"padding must be numbers of zeros, got {layer.padding!r} {layer.padding_mode!r}")
    shape = dict(dilation=layer.dilation, padding=layer.padding, stride=layer.stride)
    windows = functional.unfold(inputs, layer.kernel_size, **shape)
    return _positions(layer, windows.transpose(1, 2), gradients.flatten(3).transpose(2, 3))


def _norm(layer: nn.LayerNorm, inputs: Tensor, gradients: Tensor) -> Tensor:
    normal = functional.layer_norm(inputs, layer.normalized_shape, eps=layer.eps)
    own = len(layer.normalized_shape)
    found = []
    if layer.weight.requires_grad:
        found.append(gradients * normal)
    if layer.bias is not None and layer.bias.requires_grad:
        found.append(gradients)
    summed = [part.flatten(2, -own - 1).sum(2) if part.ndim > 2 + own else part for part in found]
    flat = torch.cat([part.transpose(0, 1).flatten(1) for part in summed], dim=1)
    return flat @ flat.T


RULES = {nn.Linear: _dense, nn.Conv2d: _convolution, nn.LayerNorm: _norm}


def _rule(layer: nn.Module) -> Callable | None:
    """None also for a layer that computes otherwise than the one whose heir it is."""
    return next((rule for kind, rule in RULES.items() if type(layer).forward is kind.forward), None)
