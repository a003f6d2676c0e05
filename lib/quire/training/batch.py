"""What an objective gets to see at one step: the samples of every member, and the members' random numbers."""

from collections.abc import Callable
from dataclasses import dataclass

import torch

from quire.types import Float, Int, Shaped, Tensor

__all__ = ["Batch"]


@dataclass(frozen=True, eq=False)
class Batch:
    """Samples of all members.

    Random numbers come from :meth:`uniform`, :meth:`normal` and :meth:`integers`: each member draws from its own
    generator, and for its own samples only, so that it sees the same numbers alone and in company.

    Attributes:
        inputs: ``[members, batch, …]``; a tuple of such tensors for a net that is called with several.
        targets: what the objective compares with, ``[members, batch, …]`` or anything else that it understands.
        generators: one CPU generator per member; empty where nothing may be drawn.
        sizes: samples that belong to each member, the first of its row; the rest of the row is padding. None: all.
        weights: what each sample counts, ``[members, batch]``, zero for padding; None: all the same.
    """

    inputs: Shaped[Tensor, "members batch ..."] | tuple[Tensor, ...]
    targets: object
    generators: tuple[torch.Generator, ...] = ()
    sizes: tuple[int, ...] | None = None
    weights: Float[Tensor, "members batch"] | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """(members, samples of a row)."""
        return tuple(self._first.shape[:2])

    @property
    def arguments(self) -> tuple[Tensor, ...]:
        """The inputs as the arguments of a call of the net."""
        return self.inputs if isinstance(self.inputs, tuple) else (self.inputs,)

    def uniform(self, *shape: int) -> Float[Tensor, "members batch ..."]:
        """Numbers in [0, 1), ``[members, batch, *shape]``."""
        return self._draw(lambda size, one: torch.rand(size, generator=one, dtype=self._real), shape)

    def normal(self, *shape: int) -> Float[Tensor, "members batch ..."]:
        """Standard normal numbers, ``[members, batch, *shape]``."""
        return self._draw(lambda size, one: torch.randn(size, generator=one, dtype=self._real), shape)

    def integers(self, high: int, *shape: int) -> Int[Tensor, "members batch ..."]:
        """Integers in 0..high-1, ``[members, batch, *shape]``."""
        return self._draw(lambda size, one: torch.randint(high, size, generator=one), shape)

    @property
    def _first(self) -> Tensor:
        return self.arguments[0]

    @property
    def _real(self) -> torch.dtype:
        return self._first.dtype if self._first.is_floating_point() else torch.get_default_dtype()

    def _draw(self, draw: Callable[[tuple, torch.Generator], Tensor], shape: tuple[int, ...]) -> Tensor:
        members, samples = self.shape
        if len(self.generators) != members:
            raise ValueError(
                f"the objective draws random numbers and needs one generator per member: {members} members, "
                f"{len(self.generators)} generators; give generators=[...] to evaluate"
            )
        sizes = self.sizes or (samples,) * members
        rows = []
        for size, one in zip(sizes, self.generators, strict=True):
            own = draw((size, *shape), one)
            rows.append(own if size == samples else torch.cat([own, own.new_zeros(samples - size, *shape)]))
        return torch.stack(rows).to(self._first.device)
