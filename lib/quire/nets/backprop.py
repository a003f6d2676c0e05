r"""The gradient of a chain of patch layers, written out, in reused memory.

With :math:`z^{(k)} = X^{(k)} W^{(k)}/\sqrt{K}`, :math:`h^{(k)} = \max(z^{(k)}, 0)` and :math:`X^{(k+1)}`
the reshaped :math:`h^{(k)}`, backward is :math:`G^{(k)} \mathrel{{+}{=}} X^{(k)\top} \delta^{(k)}/\sqrt{K}`
and :math:`\delta^{(k-1)} = 1[h^{(k-1)} > 0]\, \delta^{(k)} W^{(k)\top}/\sqrt{K}`: two batched products per
layer that write where the result is wanted, and no graph. Automatic differentiation gives the same numbers
(tested) more slowly: it allocates each activation anew.
"""

from collections.abc import Callable

import torch

from quire.nets.tokens import SCATTER_FROM, encoding_rows, gather_forward, scatter_backward, whitening_constants
from quire.types import Float, Shaped, Tensor

__all__ = ["accumulate_gradients"]

GATHER_FROM = 40  # inputs of a patch from which the gather beats the one-hot product in forward


def accumulate_gradients(
    net, inputs: Shaped[Tensor, "..."], objective: Callable[[Tensor], Tensor]
) -> Float[Tensor, " members"]:
    """Add the gradient of each member's objective to ``parameter.grad`` (which must exist); see
    :class:`Ensemble`.

    Args:
        net: a :class:`quire.nets.PatchEnsemble`.
        inputs: ``[members, batch, inputs]``.
        objective: from outputs ``[members, batch, outputs]`` to one number per member.
    """
    with torch.no_grad():
        layers = _forward(net, inputs)
        final = layers[-1][1].view(net.members, inputs.shape[1], -1)
        readout = net.readout.transpose(1, 2) * net.output_scale
        columns = torch.bmm(readout, final.transpose(1, 2))  # [members, outputs, batch]: the long axis innermost
    columns.requires_grad_()
    values = objective(columns.transpose(1, 2))
    (delta,) = torch.autograd.grad(values.sum(), columns)
    with torch.no_grad():
        net.readout.grad.add_(torch.bmm(delta, final).transpose(1, 2), alpha=net.output_scale)
        delta = _product(net, "delta", len(layers), delta.transpose(1, 2), readout)
        for layer in reversed(range(len(layers))):
            delta = _backward(net, layer, layers, delta)
    return values.detach()


def _forward(net, inputs: Tensor) -> list[tuple]:
    """(patches, hidden, weight) of each layer; [groups, rows, …], a group is a member or a (member,
    position)."""
    members, batch, positions = inputs.shape
    layers, hidden = [], inputs if net.config.vocab is not None else inputs.to(net.readout.dtype)
    for layer, patch in enumerate(net.patches):
        positions //= patch
        if not net.local:
            merged = hidden.reshape(members, batch * positions, -1)
        elif layer == 0:
            merged = hidden.view(members, batch, positions, -1).transpose(1, 2).reshape(members * positions, batch, -1)
        else:
            merged = hidden.view(members, positions, patch, batch, -1).transpose(2, 3)
            merged = merged.reshape(members * positions, batch, -1)
        weight = net.weights[layer]
        weight = weight.flatten(0, 1) if net.local else weight
        scale = weight.shape[1] ** -0.5
        if layer == 0 and net.config.vocab is not None:
            patches, hidden = _first(net, merged, weight, scale)
        else:
            weight = torch.mul(weight, scale, out=_buffer(net, "weight", layer, weight))
            patches, hidden = merged, _product(net, "hidden", layer, merged, weight)
        if len(net.biases):
            bias = net.biases[layer]
            hidden.add_(bias.flatten(0, 1) if net.local else bias)
        layers.append((patches, hidden.relu_(), weight))
    return layers


def _first(net, tokens: Tensor, weight: Tensor, scale: float) -> tuple:
    """Patches of tokens: their whitened one-hot vectors (or the tokens, for a large vocabulary), and the
    hidden layer."""
    vocab, whitening = net.config.vocab, net.config.whitening
    factor, offset = whitening_constants(whitening, vocab)
    tokens = tokens.long()
    hidden = None
    if weight.shape[1] >= GATHER_FROM:
        hidden, index = gather_forward(tokens, weight, scale * factor, offset)
        if vocab >= SCATTER_FROM:
            return (tokens, index), hidden
    rows = net.workspace.get("rows")
    if rows is None or rows.dtype != weight.dtype or rows.device != weight.device:
        rows = net.workspace["rows"] = encoding_rows(vocab, whitening, weight.dtype, weight.device)
    shape = (*tokens.shape[:2], weight.shape[1])
    patches = _buffer(net, "patches", 0, weight, shape).view(-1, vocab)
    patches = torch.index_select(rows, 0, tokens.flatten(), out=patches).view(shape)
    if hidden is None:
        hidden = _product(net, "hidden", 0, patches, weight * scale)
    return patches, hidden


def _backward(net, layer: int, layers: list[tuple], delta: Tensor) -> Tensor | None:
    """Add this layer's gradient; the gradient with respect to the hidden layer below, in that layer's own
    form."""
    patches, hidden, weight = layers[layer]
    delta = delta.view(hidden.shape)
    torch.ops.aten.threshold_backward.grad_input(delta, hidden, 0.0, grad_input=delta)
    if len(net.biases):
        bias = net.biases[layer].grad
        bias.add_(delta.sum(1, keepdim=True).view(bias.shape))
    gradient = net.weights[layer].grad
    gradient = gradient.view(-1, *gradient.shape[-2:])
    scale = gradient.shape[1] ** -0.5
    if isinstance(patches, tuple):
        factor, offset = whitening_constants(net.config.whitening, net.config.vocab)
        gradient.add_(scatter_backward(*patches, delta, net.config.vocab, scale * factor, offset))
    else:
        gradient.baddbmm_(patches.transpose(1, 2), delta, alpha=scale)
    if layer == 0:
        return None
    below = _product(net, "delta", layer, delta, weight.transpose(1, 2))
    if not net.local:
        return below
    members, patch = net.members, net.patches[layer]
    below = below.view(members, -1, delta.shape[1], patch, net.config.width).transpose(2, 3)
    return below.reshape(layers[layer - 1][1].shape)


def _product(net, kind: str, layer: int, left: Tensor, right: Tensor) -> Tensor:
    out = _buffer(net, kind, layer, right, (*left.shape[:2], right.shape[2]))
    return torch.bmm(left, right, out=out)


def _buffer(net, kind: str, layer: int, like: Tensor, shape: tuple | None = None) -> Tensor:
    """Memory that the net keeps for this purpose, made when first wanted or when the shape has changed."""
    shape = like.shape if shape is None else shape
    found = net.workspace.get((kind, layer))
    if found is None or found.shape != torch.Size(shape) or found.dtype != like.dtype or found.device != like.device:
        found = net.workspace[kind, layer] = torch.empty(shape, dtype=like.dtype, device=like.device)
    return found
