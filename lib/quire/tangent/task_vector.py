r"""Task vectors: :math:`\tau_t = \theta_t^* - \theta_0`, what fine-tuning on a task has added to the weights.

They live in the space of weights and are added, scaled and negated there (Ilharco et al. 2023; ortizjimenez2023tangent,
Sec. 2). Only real tensors belong to one: counters and other integers of a ``state_dict`` have no direction.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from numbers import Real
from pathlib import Path

from safetensors.torch import load_file, save_file

from quire.types import Tensor

__all__ = ["TaskVector"]

Tensors = Mapping[str, Tensor]


@dataclass(frozen=True, eq=False)
class TaskVector:
    """A direction in the space of weights.

    Attributes:
        tensors: by name, real; a user's own differences of ``state_dict``s are enough.

    Raises:
        ValueError: there are no tensors, or one is not of a real type.
        TypeError: what is given is no mapping of tensors.

    >>> import torch
    >>> tau = TaskVector({"w": torch.tensor([3.0, 4.0])})
    >>> (0.5 * tau - tau).norm(), tau.cosine(-2 * tau)
    (2.5, -1.0)
    """

    tensors: dict[str, Tensor]

    def __post_init__(self):
        if not isinstance(self.tensors, Mapping):
            raise TypeError(f"tensors must be a mapping from names to tensors, got {type(self.tensors).__name__}")
        object.__setattr__(self, "tensors", dict(self.tensors))
        if not self.tensors:
            raise ValueError(
                "a task vector needs one tensor at least, got none: are there real ones among the weights?"
            )
        for name, tensor in self.tensors.items():
            if not isinstance(tensor, Tensor):
                raise TypeError(f"{name} must be a tensor, got {type(tensor).__name__}")
            if not tensor.is_floating_point():
                raise ValueError(f"{name} is {tensor.dtype}: leave it out, only real tensors belong to a task vector")

    @classmethod
    def between(cls, start: Tensors, end: Tensors) -> "TaskVector":
        """end - start, of two ``state_dict``s; integer buffers are left out.

        Raises:
            ValueError: names, shapes or integers differ in kind.

        >>> import torch
        >>> zero, one = {"w": torch.zeros(2), "steps": torch.tensor(0)}, {"w": torch.ones(2), "steps": torch.tensor(9)}
        >>> list(TaskVector.between(zero, one).tensors)
        ['w']
        """
        _check_names(start, end)
        return cls({name: end[name].detach() - start[name].detach() for name in start if _real(name, start, end)})

    @classmethod
    def load(cls, path: str | Path) -> "TaskVector":
        """Read what :meth:`save` has written."""
        return cls(load_file(str(path)))

    def save(self, path: str | Path) -> None:
        """Write a safetensors file; nothing is pickled."""
        save_file({name: tensor.detach().contiguous().clone() for name, tensor in self.tensors.items()}, str(path))

    def apply_to(self, weights: Tensors, *, scale: Real = 1.0) -> dict[str, Tensor]:
        """weights + scale · τ; integer buffers are handed through.

        Raises:
            ValueError: names or shapes differ.
        """
        real = {name: tensor for name, tensor in weights.items() if tensor.is_floating_point()}
        _check_names(real, self.tensors)
        for name in real:
            _real(name, real, self.tensors)
        moved = {name: tensor + scale * self.tensors[name] for name, tensor in real.items()}
        return {name: moved.get(name, tensor) for name, tensor in weights.items()}

    def scaled_by_layer(self, factor: Callable[[str], float]) -> "TaskVector":
        """Each tensor times ``factor(name)``."""
        return TaskVector({name: factor(name) * tensor for name, tensor in self.tensors.items()})

    def dot(self, other: "TaskVector") -> float:
        """Inner product, summed in float64."""
        _check_names(self.tensors, other.tensors)
        return sum(_dot(self.tensors[name], other.tensors[name]) for name in self.tensors)

    def norm(self) -> float:
        """Euclidean length."""
        return math.sqrt(self.dot(self))

    def cosine(self, other: "TaskVector") -> float:
        """Cosine of the angle; nan if one of the two has no length."""
        lengths = self.norm() * other.norm()
        return self.dot(other) / lengths if lengths > 0 else math.nan

    def __add__(self, other: "TaskVector | int") -> "TaskVector":
        if isinstance(other, int) and other == 0:  # where sum() begins
            return self
        if not isinstance(other, TaskVector):
            return NotImplemented
        _check_names(self.tensors, other.tensors)
        for name in self.tensors:
            _real(name, self.tensors, other.tensors)
        return TaskVector({name: tensor + other.tensors[name] for name, tensor in self.tensors.items()})

    __radd__ = __add__

    def __neg__(self) -> "TaskVector":
        return TaskVector({name: -tensor for name, tensor in self.tensors.items()})

    def __sub__(self, other: "TaskVector") -> "TaskVector":
        return self + (-other) if isinstance(other, TaskVector) else NotImplemented

    def __mul__(self, scale: Real) -> "TaskVector":
        if not isinstance(scale, Real):
            return NotImplemented
        return TaskVector({name: float(scale) * tensor for name, tensor in self.tensors.items()})

    __rmul__ = __mul__

    def __truediv__(self, scale: Real) -> "TaskVector":
        return self * (1 / scale) if isinstance(scale, Real) else NotImplemented


def _dot(a: Tensor, b: Tensor) -> float:
    if a.shape != b.shape:
        raise ValueError(f"tensors of one name must have one shape, got {list(a.shape)} and {list(b.shape)}")
    return float(a.detach().double().flatten() @ b.detach().double().flatten())


def _check_names(a: Tensors, b: Tensors) -> None:
    if a.keys() != b.keys():
        lacking, more = sorted(a.keys() - b.keys()), sorted(b.keys() - a.keys())
        raise ValueError(
            f"both must have the same names, the second lacks {lacking} and has {more} more: take them from one architecture"
        )


def _real(name: str, a: Tensors, b: Tensors) -> bool:
    if a[name].shape != b[name].shape or a[name].is_floating_point() != b[name].is_floating_point():
        raise ValueError(
            f"{name} must have one shape and kind, got {list(a[name].shape)} {a[name].dtype} and "
            f"{list(b[name].shape)} {b[name].dtype}: take both from one architecture"
        )
    return a[name].is_floating_point()
