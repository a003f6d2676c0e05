"""Plain modules as one ensemble: the same vision net for several seeds, trained and probed together.

Two ways to run the members. "loop" calls them one after the other, images in channels-last order: on a CPU,
where a convolution fills the cores by itself, it was measured 2 times as fast as the other. "vmap" is
``torch.func.vmap`` over stacked parameters (grouped convolutions): for a GPU that one small net does not
fill.
"""

import copy
from collections.abc import Sequence
from typing import Literal

import torch
from torch import nn
from torch.func import functional_call, vmap

from quire.nets.ensemble import Ensemble
from quire.types import Tensor

__all__ = ["StackedEnsemble", "stack"]


def stack(nets: Sequence[nn.Module], *, strategy: Literal["loop", "vmap"] = "loop") -> "StackedEnsemble":
    """An ensemble of modules of one architecture; copies their tensors.

    Args:
        nets: modules with equal parameter and buffer shapes.
        strategy: "loop" (CPU, or nets that fill the device) or "vmap".

    Raises:
        ValueError: no net, different architectures, or unknown strategy.

    >>> both = stack([nn.Linear(4, 3), nn.Linear(4, 3)])
    >>> both(torch.randn(5, 4)).shape
    torch.Size([2, 5, 3])
    """
    nets = list(nets)
    if strategy not in ("loop", "vmap"):
        raise ValueError(f'strategy must be "loop" or "vmap", got {strategy!r}')
    if not nets:
        raise ValueError("stack needs at least one net, got none")
    shapes = [{name: tuple(t.shape) for name, t in net.state_dict().items()} for net in nets]
    for position, shape in enumerate(shapes):
        if shape != shapes[0] or type(nets[position]) is not type(nets[0]):
            raise ValueError(f"nets must have one architecture: net {position} differs from net 0")
    return StackedEnsemble(nets, strategy)


class StackedEnsemble(Ensemble):
    """See :func:`stack`; ``member(k)`` gives the k-th net back as a plain module."""

    def __init__(self, nets: list[nn.Module], strategy: str):
        super().__init__()
        self.strategy = strategy
        self.layer_names = tuple(getattr(nets[0], "probe_layers", ("output",)))
        self._template = (copy.deepcopy(nets[0]).to("meta"),)  # a tuple: not a submodule, its tensors are not ours
        for name, _ in nets[0].named_parameters():
            rows = [dict(net.named_parameters())[name].detach() for net in nets]
            self.register_parameter(_safe(name), nn.Parameter(torch.stack(rows)))
        for name, _ in nets[0].named_buffers():
            self.register_buffer(_safe(name), torch.stack([dict(net.named_buffers())[name] for net in nets]))

    def member(self, index: int) -> nn.Module:
        """A copy of one member as a plain module, in the mode (train or eval) of the ensemble."""
        net = copy.deepcopy(self._template[0]).to_empty(device=next(self.parameters()).device)
        net.load_state_dict({_plain(name): tensor[index] for name, tensor in self.state_dict().items()})
        return net.train(self.training)

    def _run(self, inputs: Tensor, record: dict[str, Tensor] | None) -> Tensor:
        template = self._template[0].train(self.training)
        inputs = self._checked(inputs)
        parameters = {_plain(name): tensor for name, tensor in self.named_parameters()}
        buffers = {_plain(name): tensor for name, tensor in self.named_buffers()}
        if self.strategy == "vmap" and record is None and self.members > 1:
            return vmap(lambda p, b, x: functional_call(template, (p, b), (x,)))(parameters, buffers, inputs)
        outputs, records = [], []
        rows = {name: tensor.unbind(0) for name, tensor in parameters.items()}
        for index in range(self.members):
            images = inputs[index]
            if images.ndim == 4:
                images = _channels_last(images)
            state = {name: members[index] for name, members in rows.items()}
            state |= {name: tensor[index] for name, tensor in buffers.items()}  # views: updated in place
            found: dict[str, Tensor] = {}
            handles = _hooks(template, self.layer_names, found) if record is not None else []
            try:
                outputs.append(functional_call(template, state, (images,)))
            finally:
                for handle in handles:
                    handle.remove()
            records.append(found)
        if record is not None:
            for name in records[0]:
                record[name] = torch.stack([found[name] for found in records])
        return torch.stack(outputs)

    def _checked(self, inputs: Tensor) -> Tensor:
        dtype = next(self.parameters()).dtype
        if self._shared(inputs):
            inputs = inputs.expand(self.members, *inputs.shape)
        if inputs.shape[0] != self.members:
            raise ValueError(f"inputs must be [batch, …] or [{self.members}, batch, …], got {tuple(inputs.shape)}")
        return inputs.to(dtype)

    def _shared(self, inputs: Tensor) -> bool:
        first = next(
            (m for m in self._template[0].modules() if isinstance(m, nn.Conv2d | nn.Linear | nn.Flatten)),
            None,
        )
        return inputs.ndim == {nn.Linear: 2}.get(type(first), 4)


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
            handles = _hooks(net, [*known, *(layers or [])], found)
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


def _hooks(net: nn.Module, names, found: dict[str, Tensor]) -> list:
    modules = dict(net.named_modules())

    def keep(name):
        return lambda _module, _inputs, outputs: found.__setitem__(name, outputs)

    return [modules[name].register_forward_hook(keep(name)) for name in dict.fromkeys(names) if name in modules]


def _channels_last(images: Tensor) -> Tensor:
    """The same in channels-last order, also where a single channel makes ``contiguous`` leave them as they are."""
    batch, channels, height, width = images.shape
    strides = (channels * height * width, 1, width * channels, channels)
    if images.stride() == strides:
        return images
    return torch.empty_strided(images.shape, strides, dtype=images.dtype, device=images.device).copy_(images)


def _safe(name: str) -> str:
    return name.replace(".", "/")


def _plain(name: str) -> str:
    return name.replace("/", ".")
