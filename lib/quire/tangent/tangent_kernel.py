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

ROWS = 50  # at least so many of a symmetric product at a time: fewer make a slow product, more compute both triangles


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
        gram += _rule(layer)(layer, seen[layer][0], torch.stack(each, dim=1)).detach()
    return gram.tril() + gram.tril(-1).T


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


# rules: inputs of the layer, [samples, …]; gradients of the outputs of the model by those of the layer, [samples, outputs, …]
def _dense(layer: nn.Linear, inputs: Tensor, gradients: Tensor) -> Tensor:
    if inputs.ndim > 2:
        return _positions(layer, inputs.flatten(1, -2), gradients.flatten(2, -2))
    factor = inputs @ inputs.T if layer.weight.requires_grad else torch.zeros(len(inputs), len(inputs)).to(inputs)
    if layer.bias is not None and layer.bias.requires_grad:
        factor = factor + 1
    return factor * _square(gradients)


def _positions(layer: nn.Module, inputs: Tensor, gradients: Tensor) -> Tensor:
    """inputs ``[samples, positions, in]``, gradients ``[samples, outputs, positions, out]``."""
    gram = inputs.new_zeros(len(inputs), len(inputs))
    if layer.weight.requires_grad:
        for gradient in gradients.unbind(1):
            gram += _square(torch.einsum("npi,npo->nio", inputs, gradient))
    if layer.bias is not None and layer.bias.requires_grad:
        gram += _square(gradients.sum(2))
    return gram


def _convolution(layer: nn.Conv2d, inputs: Tensor, gradients: Tensor) -> Tensor:
    if isinstance(layer.padding, str) or layer.padding_mode != "zeros":
        raise ValueError(f"padding must be numbers of zeros, got {layer.padding!r} {layer.padding_mode!r}")
    shape = dict(dilation=layer.dilation, padding=layer.padding, stride=layer.stride)
    windows = functional.unfold(inputs, layer.kernel_size, **shape)
    return _positions(layer, windows.transpose(1, 2), gradients.flatten(3).transpose(2, 3))


def _norm(layer: nn.LayerNorm, inputs: Tensor, gradients: Tensor) -> Tensor:
    own = len(layer.normalized_shape)
    gram = inputs.new_zeros(len(inputs), len(inputs))
    if layer.weight.requires_grad:
        normal = functional.layer_norm(inputs, layer.normalized_shape, eps=layer.eps)
        gram += _square(_over_positions(gradients * normal[:, None], own))
    if layer.bias is not None and layer.bias.requires_grad:
        gram += _square(_over_positions(gradients, own))
    return gram


def _over_positions(gradients: Tensor, own: int) -> Tensor:
    return gradients.flatten(2, -own - 1).sum(2) if gradients.ndim > 2 + own else gradients


def _square(parts: Tensor) -> Tensor:
    """The lower triangle; above it, as the blocks of rows fall."""
    flat = parts.flatten(1)
    gram = flat.new_zeros(len(flat), len(flat))
    step = max(ROWS, -(-len(flat) // 8))
    for end in range(step, len(flat) + step, step):
        torch.mm(flat[end - step : end], flat[:end].T, out=gram[end - step : end, :end])
    return gram


RULES = {nn.Linear: _dense, nn.Conv2d: _convolution, nn.LayerNorm: _norm}


def _rule(layer: nn.Module) -> Callable | None:
    """None also for a layer that computes otherwise than the one whose heir it is."""
    return next((rule for kind, rule in RULES.items() if type(layer).forward is kind.forward), None)
