"""Activations of the hidden layers of any network."""

from collections.abc import Sequence

import torch
from torch import nn

from quire.nets.ensemble import Ensemble
from quire.types import Tensor

__all__ = ["activations"]


def activations(net: nn.Module, inputs: Tensor, *, layers: Sequence[str] | None = None) -> dict[str, Tensor]:
    """Activations by layer, from any network of this package or any module with named layers; no gradient.

    Args:
        net: an :class:`Ensemble` (tensors get a leading member axis) or a plain module with ``probe_layers``.
        inputs: a batch, as for ``net(inputs)``.
        layers: which; all of ``layer_names`` / ``probe_layers`` if not given. "output" are the outputs.

    Returns:
        layer name -> activation, in the order of the layers.

    Raises:
        KeyError: the net has no such layer.
    """
    with torch.no_grad():
        if isinstance(net, Ensemble):
            found, known = net.features(inputs), net.layer_names
        else:
            known = tuple(getattr(net, "probe_layers", ())) or ("output",)
            found = {}
            handles = hooks(net, [*known, *(layers or [])], found)
            try:
                found["output"] = net(inputs)
            finally:
                for handle in handles:
                    handle.remove()
    wanted = known if layers is None else tuple(layers)
    missing = [name for name in wanted if name not in found]
    if missing:
        raise KeyError(f"no layer {missing}: the net records {list(known)}")
    return {name: found[name] for name in wanted}


def hooks(net: nn.Module, names: Sequence[str], found: dict[str, Tensor]) -> list:
    """Handles of hooks that put the outputs of these layers, where the net has them, into ``found``."""
    modules = dict(net.named_modules())

    def keep(name):
        return lambda _module, _inputs, outputs: found.__setitem__(name, outputs)

    return [modules[name].register_forward_hook(keep(name)) for name in dict.fromkeys(names) if name in modules]
