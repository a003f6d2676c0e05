"""An ensemble: several networks of one architecture as one module, whose tensors carry a leading member axis.

Networks that differ in seed, grammar or training set have the same shapes, so the k-th matrix product of
all members is one batched product. Member k is drawn from its own generator: it is the same network in
whichever ensemble it sits.
"""

import copy
import math
from collections.abc import Callable, Iterable, Sequence

import torch
from torch import nn

from quire.types import Float, Shaped, Tensor

__all__ = ["Ensemble"]


class Ensemble(nn.Module):
    """Base of the ensembles: every parameter and every buffer has shape ``[members, …]``.

    Attributes:
        learning_rate_scale: factor of the learning rate of stochastic gradient descent that keeps the
            change of the hidden layers of order one at any width: the width with a mean-field readout, one
            otherwise.
        layer_names: names of the recorded layers, from the input to "output".
    """

    learning_rate_scale: float = 1.0
    layer_names: tuple[str, ...] = ("output",)

    def __init__(self):
        super().__init__()
        self.workspace: dict = {}  # buffers of the hand-written gradient

    @property
    def members(self) -> int:
        """Number of networks."""
        return next(self.parameters()).shape[0]

    @property
    def num_parameters(self) -> int:
        """Number of parameters of one member."""
        return sum(parameter[0].numel() for parameter in self.parameters())

    def forward(self, inputs: Shaped[Tensor, "..."]) -> Float[Tensor, "members batch outputs"]:
        """Outputs of all members.

        Args:
            inputs: ``[members, batch, …]``, each member its own batch; or ``[batch, …]``, the same for all.
        """
        return self._run(inputs, None)

    def features(self, inputs: Shaped[Tensor, "..."]) -> dict[str, Tensor]:
        """Activations after each layer's non-linearity, ``[members, batch, positions, width]``, and
        "output"."""
        record: dict[str, Tensor] = {}
        record["output"] = self._run(inputs, record)
        return record

    def accumulate(self, inputs: Tensor | tuple[Tensor, ...], objective: Callable[[Tensor], Tensor]) -> Tensor:
        """Add the gradient of every member's objective to ``parameter.grad``; the objectives, detached.

        Args:
            inputs: ``[members, batch, …]``; a tuple where the net is called with several.
            objective: from outputs ``[members, batch, outputs]`` to one number per member.
        """
        values = objective(self(*inputs) if isinstance(inputs, tuple) else self(inputs))
        values.sum().backward()
        return values.detach()

    def check_inputs(self, inputs: Tensor) -> None:
        """Raise unless these samples ``[samples, …]`` fit the network."""
        self(inputs[:1].expand(self.members, 1, *inputs.shape[1:]))

    def reseed(self, generators: Sequence[torch.Generator]) -> None:
        """Before a step in training mode: where the random numbers of a net that draws some (dropout) come from."""

    def select(self, members: Sequence[int] | Tensor) -> "Ensemble":
        """A copy that holds these members, in this order."""
        index = torch.as_tensor(members, dtype=torch.long)
        if index.ndim != 1 or index.numel() == 0:
            raise ValueError(f"members must be a non-empty list of indices, got {members}")
        if int(index.min()) < 0 or int(index.max()) >= self.members:
            raise ValueError(f"members must lie in 0..{self.members - 1}, got {index.tolist()}")
        memo: dict[int, object] = {id(self.workspace): {}}  # a copy makes its own
        for tensor in self.parameters():
            rows = tensor.detach().index_select(0, index.to(tensor.device))
            memo[id(tensor)] = nn.Parameter(rows, requires_grad=tensor.requires_grad)
        for tensor in self.buffers():
            memo[id(tensor)] = tensor.index_select(0, index.to(tensor.device))
        return copy.deepcopy(self, memo)

    def _run(self, inputs: Tensor, record: dict[str, Tensor] | None) -> Tensor:
        raise TypeError(f"{type(self).__name__} must define _run(inputs, record)")


def draw(
    shape: Iterable[int], generators: Sequence[torch.Generator], *, scale: float = 1.0, dtype: torch.dtype
) -> nn.Parameter:
    """Gaussian weights ``[members, *shape]``, member k from generator k; drawn in float64, so that a
    float32 ensemble holds the rounded weights of the float64 one."""
    shape = tuple(shape)
    rows = [torch.randn(shape, generator=one, dtype=torch.float64) for one in generators]
    return nn.Parameter(torch.stack(rows).mul_(scale).to(dtype))


def check_generators(generators: Sequence[torch.Generator]) -> list[torch.Generator]:
    """One CPU generator per member, all different objects."""
    found = list(generators)
    if not found or not all(isinstance(one, torch.Generator) for one in found):
        raise ValueError(
            "generators must be a non-empty list of torch.Generator, one per member: "
            "[quire.rng.generator('init', seed) for seed in range(members)]"
        )
    if len({id(one) for one in found}) != len(found):
        raise ValueError("generators must be different objects: a shared one makes a member depend on the others")
    if any(one.device.type != "cpu" for one in found):
        raise ValueError("generators must live on the CPU (same numbers on every device): move the net afterwards")
    return found


def positive(**sizes: int) -> None:
    """Raise unless every size is a positive integer."""
    for name, size in sizes.items():
        if not isinstance(size, int) or size < 1:
            raise ValueError(f"{name} must be a positive integer, got {size!r}")


def readout_scale(readout: str, width: int) -> tuple[float, float]:
    """(prefactor of the readout, learning-rate scale) of the "mean_field" and "ntk" parametrizations."""
    if readout == "mean_field":
        return 1.0 / width, float(width)
    if readout == "ntk":
        return 1.0 / math.sqrt(width), 1.0
    raise ValueError(f'readout must be "mean_field" (1/width) or "ntk" (1/sqrt(width)), got {readout!r}')
