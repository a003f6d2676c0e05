"""One training loop, for one network or for an ensemble with its own data, size and end for every member.

All members take a step together. One that has finished (training loss below the threshold, patience at an end, last
step) is taken out, and the remaining ones go on in smaller batched products. What a member does depends on its own
weights, data and generator only, so it ends in the same place alone, in company, or in another order, up to rounding.
"""

from collections.abc import Callable, Sequence

import torch
from torch import nn

from quire.nets import Ensemble, check_generators
from quire.training.averages import LossAverages
from quire.training.batches import Augment, Batches
from quire.training.checks import check_fit, check_members
from quire.training.config import TrainConfig
from quire.training.data import MemberData
from quire.training.evaluation import as_ensemble
from quire.training.history import History
from quire.training.objectives import as_objective, descend
from quire.training.optimizers import FlatOptimizer
from quire.training.result import TrainResult
from quire.training.schedule import Schedule
from quire.training.validation import Validation
from quire.types import Tensor

__all__ = ["train"]


def train(
    net: nn.Module,
    data: MemberData,
    *,
    config: TrainConfig,
    generators: Sequence[torch.Generator],
    validation: MemberData | None = None,
    augment: Augment | None = None,
    callback: Callable[[dict], None] | None = None,
) -> TrainResult:
    """Train a copy of the network(s); runs on the device of the net.

    Args:
        net: an :class:`quire.nets.Ensemble`, or a plain module (an ensemble of one, see :func:`quire.nets.stack`).
        data: the training set of each member.
        config: how.
        generators: one CPU generator per member, for the order of its samples, its augmentation and what its
            objective draws.
        validation: held-out samples for the history, ``patience`` and ``select="best"``; never the test set.
        augment: called as ``augment(inputs, generators)`` on each batch ``[members, batch, …]``, one
            generator per member still running; see :func:`quire.training.random_shift`.
        callback: called at each checkpoint with {"step", "active" members, "train_loss", "validation_loss"}.

    Raises:
        ValueError: members of net, data, validation and generators do not match; a validation set is missing.
        FloatingPointError: a loss is not finite, with the member, the step and the learning rate.
    """
    origin = as_ensemble(net)
    origin = origin.select(range(origin.members))
    generators = check_generators(generators)
    check_members(origin.members, data, generators, validation, config)
    run = _Run(origin, data, config, generators, validation, augment, callback)
    while run.active:
        run.step()
    return run.result(plain=not isinstance(net, Ensemble))


class _Run:
    """State of a run: ``active[row]`` is the member that sits in this row of everything that is being trained."""

    def __init__(self, origin, data, config, generators, validation, augment, callback):
        first = next(origin.parameters())
        data = data.to(first.device)
        self.origin, self.config, self.callback = origin, config, callback
        self.objective = as_objective(config.loss)
        check_fit(origin, data, self.objective)

        scale = 1.0 if config.optimizer == "adam" else origin.learning_rate_scale
        self.schedule = Schedule(config, scale, data.sizes)
        self.batches = Batches(data, config, generators, augment, first.dtype)
        held_out = validation.to(first.device) if validation is not None else None
        self.validation = Validation(held_out, config, self.batches.seeds)
        self.averages = LossAverages(self.schedule.window, last_only=config.stop_before_step, device=first.device)
        self.history = History()
        self.optimizer = FlatOptimizer(origin.select(range(origin.members)), config)
        self.optimizer.net.train()
        self.active, self.now, self.due = list(range(origin.members)), 0, self.schedule.due(0)
        self.reasons = [""] * origin.members
        self.steps = torch.zeros(origin.members, dtype=torch.long)
        self.train_loss = torch.full((origin.members,), torch.nan, dtype=torch.float64)
        self.weights = {name: tensor.clone() for name, tensor in origin.state_dict().items()}

    def step(self) -> None:
        """One gradient step of all active members, then the book-keeping that is due."""
        self.now += 1
        self.optimizer.prepare()
        net, batch = self.optimizer.net, self.batches.next()
        means = descend(net, self.objective, batch, reduction=self.config.reduction)
        self.averages.add(means)
        if self.config.stop_before_step and bool((means < self.config.stop_loss).any()):
            means = self._stop_before(means)
        if self.active:
            self.optimizer.step(self.schedule.rate(self.now))
            if self.now >= self.due:
                self._book(means)

    def _stop_before(self, means: Tensor) -> Tensor:
        """Take out those whose loss is low enough, before they step; the losses of the others."""
        below = (means < self.config.stop_loss).nonzero().flatten().tolist()
        reasons = dict.fromkeys(below, "stop_loss") | self._diverged()
        self._record(sorted(reasons), self.now - 1)
        return self._retire(reasons, self.now - 1, means)

    def _book(self, means: Tensor) -> None:
        """Find the members that are done, write the history, take the finished ones out."""
        at_checkpoint = self.now in self.schedule.checkpoints
        reasons = dict.fromkeys((self.now >= self.schedule.limit).nonzero().flatten().tolist(), "max_steps")
        diverged = self._diverged()
        reasons |= dict.fromkeys(self.averages.close(self.now, self.config.stop_loss), "stop_loss") | diverged
        looked = list(range(len(self.active))) if at_checkpoint else sorted(reasons)
        if looked:
            report = self._record(looked, self.now)
            exhausted = [row for row in looked if self.validation.exhausted(self.active[row])]
            reasons = dict.fromkeys(exhausted, "patience") | reasons
        if at_checkpoint:
            self.averages.checkpoint(self.now)
            if self.callback is not None:
                self.callback(report)
        if reasons:
            self._retire(reasons, self.now, means)
        if self.active:
            self.due = self.schedule.due(self.now)

    def _diverged(self) -> dict[int, str]:
        """The members whose loss is no longer finite, if they may stop."""
        found = self.averages.diverged(self.now)
        for row, (step, value) in found.items():
            self.steps[self.active[row]] = step
            if self.config.on_divergence == "raise":
                raise FloatingPointError(
                    f"the training loss of member {self.active[row]} is {value} at step {step} (learning rate "
                    f"{float(self.schedule.base[row]):.4g} with the width's factor, {int(self.batches.data.sizes[row])} "
                    f'samples): lower learning_rate, or set on_divergence="stop" to go on with the others'
                )
        return dict.fromkeys(found, "diverged")

    def _record(self, rows: list[int], step: int) -> dict:
        """Append the rows' metrics to the history and keep the best weights; what a callback is told."""
        members = torch.tensor([self.active[row] for row in rows])
        net = self.optimizer.net
        if self.validation.data is not None and len(rows) < len(self.active):
            net = net.select(rows)
        metrics = self.validation.look(net, rows, members, step)
        if self.config.select == "best":
            self._keep_weights([row for row in rows if self.validation.improved(self.active[row])])
        train_loss = self.averages.since_checkpoint(self.now, rows)
        self.history.add(members, step, self.schedule.rates(self.now, rows), train_loss, metrics)
        losses = {"train_loss": train_loss.tolist(), "validation_loss": metrics["loss"].tolist()}
        return {"step": step, "active": members.tolist()} | losses

    def _retire(self, reasons: dict[int, str], step: int, means: Tensor) -> Tensor:
        """Take these rows out, ``step`` steps after the start; the losses of the others."""
        rows = sorted(reasons)
        members = [self.active[row] for row in rows]
        for row, member in zip(rows, members, strict=True):
            self.reasons[member] = reasons[row]
            if reasons[row] != "diverged":
                self.steps[member] = step
        self.train_loss[members] = self.averages.last_window(self.now, rows, means)
        if self.config.select == "last":
            self._keep_weights(rows)
        kept = [row for row in range(len(self.active)) if row not in reasons]
        self.active = [self.active[row] for row in kept]
        if kept:
            self.optimizer = self.optimizer.keep(kept)
            for part in (self.batches, self.schedule, self.validation, self.averages):
                part.keep(kept)
        return means[kept]

    def _keep_weights(self, rows: list[int]) -> None:
        """These rows' weights are those of their members."""
        if not rows:
            return
        members = [self.active[row] for row in rows]
        for name, tensor in self.optimizer.net.state_dict().items():
            self.weights[name][members] = tensor[rows]

    def result(self, *, plain: bool) -> TrainResult:
        """The outcome, once no member is active."""
        self.origin.load_state_dict(self.weights)
        return TrainResult(
            net=(self.origin.member(0) if plain else self.origin).eval(),
            steps=self.steps,
            stop_reasons=tuple(self.reasons),
            train_loss=self.train_loss,
            best_step=self.validation.best_step,
            best_validation_loss=self.validation.best_loss(),
            history=self.history.columns(),
        )
