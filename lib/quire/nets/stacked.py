"""Plain modules as one ensemble: the same net for several seeds, trained and probed together.

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
from quire.nets.probes import hooks
from quire.types import Float, Shaped, Tensor

__all__ = ["StackedEnsemble", "stack"]


def stack(nets: Sequence[nn.Module], *, strategy: Literal["loop", "vmap"] = "loop") -> "StackedEnsemble":
    """An ensemble of modules of one architecture; copies their tensors.

    The modules may be anything: they get their batch with its axes and integers as they are (tokens stay tokens), and
    real inputs in the precision of the parameters.

    Args:
        nets: modules with equal parameter and buffer shapes.
        strategy: "loop" (CPU, or nets that fill the device) or "vmap".

    Raises:
        ValueError: no net, different architectures, unknown strategy, or "vmap" for nets with dropout.

    >>> both = stack([nn.Linear(4, 3), nn.Linear(4, 3)])
    >>> both(torch.randn(2, 5, 4)).shape
    torch.Size([2, 5, 3])
    """
    nets = list(nets)
    if strategy not in ("loop", "vmap"):
        raise ValueError(f'strategy must be "loop" or "vmap", got {strategy!r}')
    if not nets:
        raise ValueError("stack needs at least one net, got none")
    if strategy == "vmap" and _draws(nets[0]):
        raise ValueError('strategy "vmap" cannot give each member its own dropout: use "loop"')
    shapes = [{name: tuple(t.shape) for name, t in net.state_dict().items()} for net in nets]
    for position, shape in enumerate(shapes):
        if shape != shapes[0] or type(nets[position]) is not type(nets[0]):
            raise ValueError(f"nets must have one architecture: net {position} differs from net 0")
    return StackedEnsemble(nets, strategy)


class StackedEnsemble(Ensemble):
    """See :func:`stack`; ``member(k)`` gives the k-th net back as a plain module.

    It is called with ``[members, batch, …]``, and with several such tensors if the modules take several. Modules that
    say how many axes a sample has (``sample_ndim``, as the nets of :func:`quire.nets.build` do) may also be called with
    ``[batch, …]``, the same for all members.
    """

    def __init__(self, nets: list[nn.Module], strategy: str):
        super().__init__()
        self.strategy = strategy
        self.layer_names = tuple(getattr(nets[0], "probe_layers", ("output",)))
        self.sample_ndim: int | None = getattr(nets[0], "sample_ndim", None)
        self._draws, self._seeds = _draws(nets[0]), []
        self._images = any(isinstance(module, nn.Conv2d) for module in nets[0].modules())
        on_meta = {id(t): _like(t, t, torch.device("meta")) for t in _tensors(nets[0]).values()}
        self._template = (copy.deepcopy(nets[0], on_meta),)  # a tuple: not a submodule, its tensors are not ours
        for name, tensor in _tensors(nets[0]).items():
            rows = torch.stack([_tensors(net)[name].detach() for net in nets])
            if isinstance(tensor, nn.Parameter):
                self.register_parameter(_safe(name), nn.Parameter(rows, requires_grad=tensor.requires_grad))
            else:
                self.register_buffer(_safe(name), rows)

    def forward(self, *inputs: Shaped[Tensor, "..."]) -> Float[Tensor, "members batch ..."]:
        """Outputs of all members; see the class for what it is called with."""
        return self._call(inputs, None)

    def member(self, index: int) -> nn.Module:
        """A copy of one member as a plain module, in the mode (train or eval) of the ensemble."""
        rows = {_plain(name): tensor[index] for name, tensor in self.state_dict().items()}
        template = self._template[0]
        own = {id(t): _like(t, rows[name], rows[name].device) for name, t in _tensors(template).items()}
        return copy.deepcopy(template, own).train(self.training)

    def reseed(self, generators: Sequence[torch.Generator]) -> None:
        """Each member draws its next dropout from a seed of its own generator."""
        if self._draws:
            self._seeds = [int(torch.randint(2**62, (), generator=one)) for one in generators]

    def _run(self, inputs: Tensor, record: dict[str, Tensor] | None) -> Tensor:
        return self._call((inputs,), record)

    def _call(self, inputs: tuple[Tensor, ...], record: dict[str, Tensor] | None) -> Tensor:
        self._template[0].train(self.training)
        inputs = tuple(self._checked(one) for one in inputs)
        parameters = {_plain(name): tensor for name, tensor in self.named_parameters()}
        buffers = {_plain(name): tensor for name, tensor in self.named_buffers()}
        if self.strategy == "vmap" and record is None and self.members > 1:
            template = self._template[0]
            return vmap(lambda p, b, x: functional_call(template, (p, b), x))(parameters, buffers, inputs)
        rows = {name: tensor.unbind(0) for name, tensor in parameters.items()}
        outputs, records = [], []
        for index in range(self.members):
            state = {name: members[index] for name, members in rows.items()}
            state |= {name: tensor[index] for name, tensor in buffers.items()}  # views: updated in place
            found = None if record is None else {}
            outputs.append(self._one(index, state, tuple(one[index] for one in inputs), found))
            records.append(found)
        if record is not None:
            record |= {name: torch.stack([found[name] for found in records]) for name in records[0]}
        return torch.stack(outputs)

    def _one(self, index: int, state: dict, inputs: tuple[Tensor, ...], record: dict | None) -> Tensor:
        """One member's outputs."""
        template = self._template[0]
        inputs = tuple(_channels_last(one) if self._images and one.ndim == 4 else one for one in inputs)
        handles = [] if record is None else hooks(template, self.layer_names, record)
        try:
            if not (self.training and self._seeds):
                return functional_call(template, state, inputs)
            devices = [one.device for one in inputs[:1] if not one.is_cpu]
            with torch.random.fork_rng(devices):
                torch.manual_seed(self._seeds[index])
                return functional_call(template, state, inputs)
        finally:
            for handle in handles:
                handle.remove()

    def _checked(self, inputs: Tensor) -> Tensor:
        if self.sample_ndim is not None and inputs.ndim == self.sample_ndim + 1:
            inputs = inputs.expand(self.members, *inputs.shape)
        if inputs.ndim < 2 or inputs.shape[0] != self.members:
            raise ValueError(
                f"inputs must be [{self.members}, batch, …], one batch for each member, got {list(inputs.shape)}: "
                f"inputs.expand({self.members}, *inputs.shape) gives all of them the same"
            )
        return inputs.to(next(self.parameters()).dtype) if inputs.is_floating_point() else inputs


def _draws(net: nn.Module) -> bool:
    """Whether the net has dropout: a module with a positive ``p``, or ``dropout`` as attention and recurrent ones have."""
    for module in net.modules():
        rate = module.p if isinstance(module, nn.modules.dropout._DropoutNd) else getattr(module, "dropout", 0.0)
        if isinstance(rate, float | int) and rate > 0:
            return True
    return False


def _tensors(net: nn.Module) -> dict[str, Tensor]:
    """Parameters and buffers, a shared one once."""
    return dict(net.named_parameters()) | dict(net.named_buffers())


def _like(template: Tensor, values: Tensor, device: torch.device) -> Tensor:
    """A parameter or buffer like the template, also in the order of its memory, with these values."""
    copied = torch.empty_like(template, device=device, requires_grad=False).copy_(values.detach())
    return nn.Parameter(copied, requires_grad=template.requires_grad) if isinstance(template, nn.Parameter) else copied


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
