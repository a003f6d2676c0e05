"""One training loop, for one network or for an ensemble with its own data, size and end for every member.

All members take a step together. One that has finished (training loss below the threshold, patience at an
end, last step) is taken out, and the remaining ones go on in smaller batched products. What a member does
depends on its own weights, data and generator only, so it ends in the same place alone, in company, or in
another order, up to rounding.
"""

from collections.abc import Callable, Sequence

import torch
from torch import nn

from quire.nets import Ensemble, stack
from quire.nets.ensemble import check_generators
from quire.training.config import TrainConfig, checkpoints, learning_rates
from quire.training.data import MemberData
from quire.training.evaluate import evaluate
from quire.training.losses import check_loss, losses
from quire.training.optimizers import FlatOptimizer
from quire.training.result import TrainResult
from quire.training.sampler import BatchSampler
from quire.types import Tensor

__all__ = ["train"]

CHECK_EVERY = 16  # steps between two looks at whether the losses are finite
Augment = Callable[[Tensor, Sequence[torch.Generator]], Tensor]


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
        net: an :class:`quire.nets.Ensemble`, or a plain module (an ensemble of one).
        data: the training set of each member.
        config: how.
        generators: one CPU generator per member, for the order of its samples (and its augmentation).
        validation: held-out samples for the history, ``patience`` and ``select="best"``; never the test set.
        augment: called as ``augment(inputs, generators)`` on each batch ``[members, batch, …]``, one
            generator per member still running; see :func:`quire.training.random_shift`.
        callback: called at each checkpoint with {"step", "active" members, "train_loss", "validation_loss"}.

    Raises:
        ValueError: members of net, data, validation and generators do not match; a validation set is missing.
        FloatingPointError: a loss is not finite, with the member, the step and the learning rate.
    """
    run = _Run(net, data, config, generators, validation, augment, callback)
    while run.active:
        run.step()
    return run.result()


class _Run:
    """State of a run: ``active[i]`` is the member that sits in row i of the network being trained."""

    def __init__(self, net, data, config, generators, validation, augment, callback):
        self.plain = not isinstance(net, Ensemble)
        self.origin = (stack([net]) if self.plain else net).select(range(1 if self.plain else net.members))
        device, members = next(self.origin.parameters()).device, self.origin.members
        generators = check_generators(generators)
        counts = {"data": data.members, "generators": len(generators)}
        counts |= {"validation": validation.members} if validation is not None else {}
        for name, count in counts.items():
            if count != members:
                raise ValueError(f"{name} must have one entry per network: {members} networks, got {count}")
        if validation is None and (config.patience is not None or config.select == "best"):
            raise ValueError('patience and select="best" need a validation set: hold out part of the training data')
        rates = config.learning_rate if isinstance(config.learning_rate, tuple) else (config.learning_rate,) * members
        if len(rates) != members:
            raise ValueError(f"learning_rate must be one number or {members}, one per network, got {len(rates)}")
        self.config, self.augment, self.callback = config, augment, callback
        self.data, self.validation = data.to(device), validation.to(device) if validation is not None else None
        self.origin.eval()  # a look at the samples must not move running statistics
        with torch.no_grad():
            self.origin.check_inputs(self.data.inputs)
            outputs = self.origin(self.data.batch(torch.zeros(members, 1, dtype=torch.long))[0]).shape[2]
        check_loss(config.loss, outputs, data.targets)

        scale = 1.0 if config.optimizer == "adam" else self.origin.learning_rate_scale
        self.rates = torch.tensor(rates, dtype=torch.float64) * scale
        batch = config.batch_size or int(data.sizes.max())
        self.epoch = -(-data.sizes // batch)
        self.limit = (
            self.epoch * config.max_epochs if config.max_epochs else torch.full_like(self.epoch, config.max_steps)
        )
        self.window = self.epoch.clamp_min(config.stop_window)
        self.checkpoints = set(checkpoints(int(self.limit.max()), config.checkpoints_per_decade))
        self.one_rate = len(set(rates)) == 1 and (config.schedule == "constant" or len(set(self.limit.tolist())) == 1)
        seeds = [int(torch.randint(2**62, (), generator=one)) for one in generators]
        self.augment_generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        self.sampler = BatchSampler(data.sizes.tolist(), batch, generators) if config.batch_size else None

        self.whole: tuple[Tensor, Tensor, Tensor] | None = None  # every sample, gathered once
        self.active, self.now = list(range(members)), 0
        self.optimizer = FlatOptimizer(self.origin.select(range(members)), config)
        self.optimizer.net.train()
        self.unchecked: list[Tensor] = []
        self.sums = torch.zeros(2, members, dtype=torch.float64, device=device)  # of the loss: window, checkpoint
        self.last_window = torch.full((members,), torch.nan, dtype=torch.float64)
        self.train_loss = self.last_window.clone()
        self.last_checkpoint, self.reasons = 0, [""] * members
        self.steps = torch.zeros(members, dtype=torch.long)
        self.best_step, self.stale = torch.zeros(members, dtype=torch.long), torch.zeros(members, dtype=torch.long)
        self.best = torch.full((members,), torch.inf, dtype=torch.float64)
        self.state = {name: tensor.clone() for name, tensor in self.origin.state_dict().items()}
        self.history: list[Tensor] = []
        self._schedule()

    def step(self) -> None:
        """One gradient step of all active members, then the book-keeping that is due."""
        self.now += 1
        inputs, targets, weights = self._batch()
        if self.augment is not None:
            inputs = self.augment(inputs, self.augment_generators)

        def objective(outputs):
            each = losses(outputs, targets, loss=self.config.loss)
            return each.mean(1) if weights is None else (each * weights).sum(1)

        self.optimizer.prepare()
        mean = self.optimizer.net.accumulate(inputs, objective)
        self.optimizer.step(self._rates())
        self.unchecked.append(mean)
        self.sums += mean
        if self.now >= self.due:
            self._book()

    def _batch(self) -> tuple[Tensor, Tensor, Tensor | None]:
        """Inputs, targets and, where the members' batches differ in size, the weight of each sample."""
        if self.sampler is not None:
            return *self.data.batch(self.sampler.next()), None
        if self.whole is None:
            sizes = self.data.sizes[:, None]
            numbers = torch.arange(int(sizes.max()))
            inputs, targets = self.data.batch(numbers.clamp_max(sizes - 1))
            like = next(self.optimizer.net.parameters())
            self.whole = inputs, targets, ((numbers < sizes) / sizes.double()).to(like)
        return self.whole

    def _rates(self) -> float | Tensor:
        members = slice(0, 1) if self.one_rate else slice(None)
        rates = learning_rates(self.config, self.rates[members], self.now, self.limit[members].double())
        return float(rates) if self.one_rate else rates

    def _book(self) -> None:
        """Find the members that are done, write the history, take the finished ones out."""
        at_checkpoint = self.now in self.checkpoints
        closed = self.now % self.window == 0
        last = self.now >= self.limit
        reasons = ["max_steps" if done else "" for done in last.tolist()]
        for row in self._diverged():
            reasons[row] = "diverged"
        if bool(closed.any()):
            window = self.sums[0].cpu() / self.window
            self.last_window = torch.where(closed, window, self.last_window)
            self.sums[0].masked_fill_(closed.to(self.sums.device), 0.0)
            if self.config.stop_loss is not None:
                for row in (closed & (window < self.config.stop_loss)).nonzero().flatten().tolist():
                    reasons[row] = reasons[row] if reasons[row] == "diverged" else "stop_loss"
        finished = [row for row, reason in enumerate(reasons) if reason]
        if at_checkpoint or finished:
            self._record(list(range(len(self.active))) if at_checkpoint else finished, reasons)
        if at_checkpoint:
            self.sums[1].zero_()
            self.last_checkpoint = self.now
        finished = [row for row, reason in enumerate(reasons) if reason]
        if finished:
            self._retire(finished, reasons)
        self._schedule()

    def _schedule(self) -> None:
        """The next step at which there is book-keeping to do."""
        if self.active:
            closing = int(((self.now // self.window + 1) * self.window).min())
            upcoming = min((step for step in self.checkpoints if step > self.now), default=closing)
            self.due = min(closing, upcoming, int(self.limit.min()), self.now + CHECK_EVERY)

    def _diverged(self) -> list[int]:
        recent = torch.stack(self.unchecked).cpu()
        self.unchecked = []
        bad = ~recent.isfinite()
        rows = bad.any(0).nonzero().flatten().tolist()
        for row in rows:
            first = int(bad[:, row].nonzero()[0])
            self.steps[self.active[row]] = step = self.now - recent.shape[0] + 1 + first
            if self.config.on_divergence == "raise":
                raise FloatingPointError(
                    f"the training loss of member {self.active[row]} is {float(recent[first, row])} at step {step} (learning "
                    f"rate {float(self.rates[row]):.4g} with the width's factor, {int(self.data.sizes[row])} samples): lower "
                    f'learning_rate, or set on_divergence="stop" to go on with the others'
                )
        return rows

    def _record(self, rows: list[int], reasons: list[str]) -> None:
        """Append the rows' metrics to the history; keep the best weights; end those whose patience is
        exhausted."""
        members = torch.tensor([self.active[row] for row in rows])
        metrics = {"loss": torch.full((len(rows),), torch.nan), "error": torch.full((len(rows),), torch.nan)}
        if self.validation is not None:
            whole = len(rows) == len(self.active)
            net = self.optimizer.net if whole else self.optimizer.net.select(rows)
            metrics = evaluate(net, self.validation.select(rows), loss=self.config.loss)
            better = metrics["loss"] < self.best[members]
            improved = members[better]
            self.best[improved], self.best_step[improved] = metrics["loss"][better], self.now
            self.stale[members] += 1
            self.stale[improved] = 0
            if self.config.select == "best":
                self._copy([row for row, good in zip(rows, better.tolist(), strict=True) if good])
            if self.config.patience is not None:
                for row in rows:
                    if not reasons[row] and self.stale[self.active[row]] >= self.config.patience:
                        reasons[row] = "patience"
        train_loss = self.sums[1, rows].cpu() / max(1, self.now - self.last_checkpoint)
        rates = learning_rates(self.config, self.rates[rows], self.now, self.limit[rows].double())
        step = torch.full((len(rows),), self.now)
        columns = (members, step, rates, train_loss, metrics["loss"], metrics["error"])
        self.history.append(torch.stack([column.double() for column in columns]))
        if self.callback is not None and self.now in self.checkpoints:
            report = {"step": self.now, "active": members.tolist(), "train_loss": train_loss.tolist()}
            self.callback(report | {"validation_loss": metrics["loss"].tolist()})

    def _retire(self, rows: list[int], reasons: list[str]) -> None:
        partial = self.sums[0].cpu() / (self.now % self.window).clamp_min(1)
        for row in rows:
            member = self.active[row]
            self.reasons[member] = reasons[row]
            if reasons[row] != "diverged":
                self.steps[member] = self.now
            if not self.last_window[row].isfinite():
                self.last_window[row] = partial[row]
        self.train_loss[[self.active[row] for row in rows]] = self.last_window[rows]
        if self.config.select == "last":
            self._copy(rows)
        kept = [row for row in range(len(self.active)) if row not in set(rows)]
        self.active = [self.active[row] for row in kept]
        if not kept:
            return
        self.optimizer = self.optimizer.keep(kept)
        self.data, self.whole = self.data.select(kept), None
        self.validation = self.validation.select(kept) if self.validation is not None else None
        self.augment_generators = [self.augment_generators[row] for row in kept]
        if self.sampler is not None:
            self.sampler.keep(kept)
        self.rates, self.limit, self.window = self.rates[kept], self.limit[kept], self.window[kept]
        self.sums, self.last_window = self.sums[:, kept], self.last_window[kept]

    def _copy(self, rows: list[int]) -> None:
        """Keep these rows' weights as those of their members."""
        if not rows:
            return
        members = [self.active[row] for row in rows]
        for name, tensor in self.optimizer.net.state_dict().items():
            self.state[name][members] = tensor[rows]

    def result(self) -> TrainResult:
        """The outcome, once no member is active."""
        self.origin.load_state_dict(self.state)
        net = self.origin.member(0) if self.plain else self.origin
        table = torch.cat(self.history, 1)
        table = table[:, table[0].argsort(stable=True)]
        names = ("member", "step", "learning_rate", "train_loss", "validation_loss", "validation_error")
        history = dict(zip(names, table, strict=True))
        history |= {name: history[name].long() for name in ("member", "step")}
        return TrainResult(
            net=net.eval(),
            steps=self.steps,
            stop_reasons=tuple(self.reasons),
            train_loss=self.train_loss,
            best_step=self.best_step,
            best_validation_loss=torch.where(self.best.isfinite(), self.best, torch.nan),
            history=history,
        )
