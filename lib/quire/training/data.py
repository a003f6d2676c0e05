"""Data of an ensemble: every member has its own training set, which may be a prefix of a set that others
use too.

All samples lie in one pair of tensors; member k reads rows ``offsets[k] … offsets[k] + sizes[k] - 1``. A
learning curve (nested prefixes of one set) or many seeds on one grammar then share their memory.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from quire.types import Float, Int, Shaped, Tensor

__all__ = ["MemberData"]


@dataclass(frozen=True, eq=False)
class MemberData:
    """Samples of all members.

    Attributes:
        inputs: ``[samples, …]`` tokens, real vectors or images, of any dtype (uint8 is fine).
        targets: ``[samples]`` class labels (integers), or real values ``[samples]`` or ``[samples,
            outputs]``.
        offsets: first sample of each member.
        sizes: number of samples of each member.

    Raises:
        ValueError: lengths differ, or a member reads beyond the samples.
    """

    inputs: Shaped[Tensor, "samples ..."]
    targets: Shaped[Tensor, "rows ..."]
    offsets: Int[Tensor, " members"]
    sizes: Int[Tensor, " members"]

    def __post_init__(self):
        samples = self.inputs.shape[0]
        if self.targets.shape[0] != samples:
            raise ValueError(f"inputs and targets must have as many samples, got {samples} and {len(self.targets)}")
        if self.offsets.shape != self.sizes.shape or self.offsets.numel() == 0:
            raise ValueError(f"offsets and sizes must be one per member, got {self.offsets} and {self.sizes}")
        for member, (start, size) in enumerate(zip(self.offsets.tolist(), self.sizes.tolist(), strict=True)):
            if size < 1 or start < 0 or start + size > samples:
                raise ValueError(
                    f"member {member} asks for {size} samples from row {start}, the data have {samples} rows: "
                    "lower its size or generate more samples"
                )

    @classmethod
    def shared(
        cls, inputs: Shaped[Tensor, "samples ..."], targets: Shaped[Tensor, "rows ..."], *, sizes: Sequence[int]
    ) -> "MemberData":
        """Member k has the first ``sizes[k]`` samples of one set.

        >>> MemberData.shared(torch.zeros(8, 3), torch.zeros(8), sizes=[2, 8]).members
        2
        """
        sizes = torch.as_tensor(sizes, dtype=torch.long)
        return cls(inputs, targets, torch.zeros_like(sizes), sizes)

    @classmethod
    def concatenate(cls, sets: Sequence[tuple[Tensor, Tensor]], *, sizes: Sequence[int] | None = None) -> "MemberData":
        """Member k has set k, of (inputs, targets), or its first ``sizes[k]`` samples.

        >>> sets = [(torch.zeros(n, 3), torch.zeros(n)) for n in (4, 6)]
        >>> MemberData.concatenate(sets).sizes.tolist()
        [4, 6]
        """
        lengths = [inputs.shape[0] for inputs, _ in sets]
        sizes = lengths if sizes is None else list(sizes)
        for member, (size, length) in enumerate(zip(sizes, lengths, strict=True)):
            if size > length:
                raise ValueError(f"member {member} asks for {size} samples, its set has {length}: generate more")
        offsets = torch.tensor([0, *lengths[:-1]]).cumsum(0)
        inputs = torch.cat([inputs for inputs, _ in sets])
        targets = torch.cat([targets for _, targets in sets])
        return cls(inputs, targets, offsets, torch.tensor(sizes))

    @property
    def members(self) -> int:
        """Number of members."""
        return self.sizes.numel()

    def select(self, members: Sequence[int] | Tensor) -> "MemberData":
        """The data of these members, in this order; shares the samples."""
        index = torch.as_tensor(members, dtype=torch.long)
        return MemberData(self.inputs, self.targets, self.offsets[index], self.sizes[index])

    def to(self, device: torch.device) -> "MemberData":
        """The same with the samples on a device; offsets and sizes stay on the CPU."""
        return MemberData(self.inputs.to(device), self.targets.to(device), self.offsets, self.sizes)

    def batch(self, index: Int[Tensor, "members batch"]) -> tuple[Tensor, Tensor]:
        """Inputs and targets ``[members, batch, …]`` of each member's samples with these numbers."""
        rows = (index + self.offsets[:, None]).to(self.inputs.device).flatten()
        return tuple(t.index_select(0, rows).unflatten(0, tuple(index.shape)) for t in (self.inputs, self.targets))


def accuracy_weights(sizes: Int[Tensor, " members"], start: int, stop: int) -> Float[Tensor, "members batch"]:
    """One for the samples start … stop-1 that a member has, zero for those beyond its size."""
    return (torch.arange(start, stop) < sizes[:, None]).to(torch.float64)
