"""The log of a run: one entry per member and checkpoint."""

import torch

from quire.types import Float, Int, Tensor

__all__ = ["History"]

COLUMNS = ("member", "step", "learning_rate", "train_loss", "validation_loss", "validation_error")


class History:
    """Entries in the order in which they were written."""

    def __init__(self):
        self._entries: list[Tensor] = []

    def add(
        self,
        members: Int[Tensor, " rows"],
        step: int,
        rates: Float[Tensor, " rows"],
        train_loss: Float[Tensor, " rows"],
        metrics: dict[str, Float[Tensor, " rows"]],
    ) -> None:
        """One entry for each of these members."""
        columns = (members, torch.full_like(members, step), rates, train_loss, metrics["loss"], metrics["error"])
        self._entries.append(torch.stack([column.double() for column in columns]))

    def columns(self) -> dict[str, Tensor]:
        """See :class:`quire.training.TrainResult`: sorted by member."""
        table = torch.cat(self._entries, 1)
        table = table[:, table[0].argsort(stable=True)]
        found = dict(zip(COLUMNS, table, strict=True))
        return found | {name: found[name].long() for name in ("member", "step")}
