"""Training of masked diffusion models on strings of a grammar, and the networks along the way."""

from dataclasses import dataclass

import torch
from torch import nn

from quire.device import resolve
from quire.diffusion import masked_loss
from quire.hierarchy import RandomHierarchy, sample, sample_splits
from quire.nets import Ensemble, tree_unet
from quire.rng import generator
from quire.training import Batch, MemberData, TrainConfig, TrainResult, train
from quire.types import Float, Shaped, Tensor

__all__ = ["Snapshots", "Strings", "strings_of", "trained"]


@dataclass(frozen=True, eq=False)
class Strings:
    """Tokens of the three sets: the first P of ``train`` are a training set of P."""

    train: Shaped[Tensor, "strings tokens"]
    validation: Shaped[Tensor, "held tokens"]
    test: Shaped[Tensor, "held tokens"]


def strings_of(grammar: RandomHierarchy, *, num_train: int, held_out: int, seed: int, online: bool) -> Strings:
    """Draw the sets: independently if ``online``, else no datum twice and none in two sets.

    Raises:
        ValueError: more different data are asked for than there are.
    """
    if online:
        found = [sample(grammar, num_train, seed=seed, replacement=True)]
        found += [
            sample(grammar, held_out, seed=seed, replacement=True, split="test", start=start) for start in (0, held_out)
        ]
    else:
        sizes = {"train": num_train, "validation": held_out, "test": held_out}
        found = list(sample_splits(grammar, sizes, seed=seed, replacement=False).values())
    return Strings(*(one.tokens for one in found))


class Snapshots:
    """An objective that keeps a copy of the networks before the steps with these numbers, counted from 0.

    Args:
        objective: what is minimised.
        steps: when to keep a copy.

    Attributes:
        kept: step -> the networks.
    """

    def __init__(self, objective, steps: list[int]):
        self.objective, self.steps = objective, set(steps)
        self.now, self.kept = 0, {}

    def __call__(self, net: nn.Module, batch: Batch) -> Float[Tensor, "members batch"]:
        """The losses; a call in evaluation mode is no step."""
        if net.training:
            if self.now in self.steps:
                self.kept[self.now] = net.select(range(net.members))
            self.now += 1
        return self.objective(net, batch)


def trained(
    tokens: Shaped[Tensor, "samples tokens"],
    *,
    vocab: int,
    branching: int,
    depth: int,
    width: int,
    sizes: list[int],
    steps: list[int],
    batch_size: int,
    learning_rate: float,
    seed: int,
    device: str,
) -> dict[int, Ensemble]:
    """Train one network on the first P strings, for each P of ``sizes`` at once; the networks after each of ``steps``.

    Args:
        tokens: strings of branching**depth symbols.
        vocab, branching, depth, width: of :func:`quire.nets.tree_unet`.
        sizes: training sets.
        steps: numbers of steps after which networks are kept; the last is the length of the run.
        batch_size, learning_rate: of Adam.
        seed: of weights, batches and masks.
        device: where it is trained.
    """
    names = [(size, seed) for size in sizes]
    weights = [generator("composition.weights", *name) for name in names]
    net = tree_unet(vocab, branching=branching, depth=depth, width=width, generators=weights).to(resolve(device))
    watched = Snapshots(masked_loss(vocab, weight="flat"), steps)
    config = TrainConfig(
        learning_rate=learning_rate, max_steps=max(steps), batch_size=batch_size, optimizer="adam", loss=watched
    )
    run: TrainResult = train(
        net,
        MemberData.shared(tokens, torch.zeros(len(tokens)), sizes=sizes),
        config=config,
        generators=[generator("composition.batches", *name) for name in names],
    )
    return watched.kept | {max(steps): run.net}
