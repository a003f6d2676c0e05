"""Cells on what a masked diffusion model has learned along its training: JSON arguments to rows."""

import math

import torch

from quire.diffusion import sample_any_order
from quire.experiments.composition.cells import composition_grammar, threshold
from quire.experiments.composition.training_runs import Strings, strings_of, trained
from quire.hierarchy import RandomHierarchy, leaf_evidence, leaf_marginals, parse, string_codes
from quire.nets import Ensemble
from quire.rng import generator
from quire.types import Bool, Float, Int, Shaped, Tensor

__all__ = ["learning", "log_spaced", "masks_of"]

SEEN = 2048  # training strings on which the training loss is measured


def log_spaced(steps: int, per_octave: int) -> list[int]:
    """Numbers of steps from 8 to the last, so many to an octave.

    >>> log_spaced(32, 1)
    [8, 16, 32]
    """
    count = max(1, math.ceil(per_octave * math.log2(max(steps / 8, 1))))
    return sorted({min(steps, round(8 * (steps / 8) ** (k / count))) for k in range(count + 1)})


def learning(
    *,
    vocab: int,
    num_rules: int,
    branching: int,
    depth: int,
    seed: int,
    sizes: list,
    online: bool,
    width: int,
    steps: int,
    per_octave: int,
    batch_size: int,
    learning_rate: float,
    held_out: int,
    generated: int,
    device: str = "cpu",
) -> list[dict]:
    """Train masked diffusion models on P strings and look at them along the way.

    Args:
        vocab, num_rules, branching, depth: of the grammar.
        seed: of its rules, data, weights and masks.
        sizes: numbers P of training strings; all in one ensemble.
        online: the strings are drawn independently, one pass; else no string twice.
        width, batch_size, learning_rate, steps: of the networks and their training.
        per_octave: looks in a factor two of the steps.
        held_out: strings of the validation set, and of the test set.
        generated: strings that are drawn from each network, one token at a time, in random order.
        device: where it is trained.

    Returns:
        A row for every P and look: ``step``, ``seen`` strings; masked cross-entropies ``train``, ``validation``, ``test`` and
        the exact ``bayes`` of the test strings under the same masks; fractions of grammatical sub-trees ``valid_l``, of those
        whose children are grammatical ``given_l``; ``copies`` in the training set and their ``base_rate``; P_l as
        ``threshold_l``.
    """
    grammar = composition_grammar(vocab, num_rules, branching, depth, seed=seed)
    held = min(held_out, max(1, (grammar.num_data - 1) // 4))
    sizes = sorted({size if online else min(size, grammar.num_data - 2 * held) for size in sizes})
    strings = strings_of(grammar, num_train=max(sizes), held_out=held, seed=seed, online=online)
    shape = dict(vocab=vocab, branching=branching, depth=depth, width=width, sizes=sizes)
    how = dict(batch_size=batch_size, learning_rate=learning_rate, seed=seed, device=device)
    nets = trained(strings.train, steps=log_spaced(steps, per_octave), **shape, **how)
    fixed = {f"threshold_{level}": threshold(grammar, level) for level in range(1, depth + 1)}
    fixed["bayes"] = _bayes(grammar, strings.test, masks_of(strings.test, seed))
    rows = []
    for step, net in nets.items():
        looked = zip(
            sizes, _losses(net, strings, sizes, vocab, seed), _samples(net, grammar, generated, step, seed), strict=True
        )
        for size, losses, tokens in looked:
            found = losses | _validity(grammar, tokens) | _copies(grammar, tokens, strings.train[:size], size)
            rows.append({"samples": size, "step": step, "seen": step * batch_size, **fixed, **found})
    return rows


def masks_of(tokens: Shaped[Tensor, "samples tokens"], seed: int) -> Bool[Tensor, "samples tokens"]:
    """Which tokens are hidden in a test: a rate uniform on (0, 1) for each string, the same for all networks."""
    stream = generator("composition.masks", seed, len(tokens))
    rate = torch.rand(len(tokens), 1, generator=stream, dtype=torch.float64)
    return torch.rand(tokens.shape, generator=stream, dtype=torch.float64) < rate


@torch.no_grad()
def _losses(net: Ensemble, strings: Strings, sizes: list, vocab: int, seed: int) -> list[dict]:
    """Cross-entropy of hidden tokens, nats, on each set; of the training set, on its first strings."""
    net.eval()
    held = {name: _cross_entropy(net, getattr(strings, name), vocab, seed) for name in ("validation", "test")}
    own = []
    for member, size in enumerate(sizes):
        alone = net.select([member])
        own.append(float(_cross_entropy(alone, strings.train[: min(size, SEEN)], vocab, seed)[0]))
    return [
        {"train": own[k], "validation": float(held["validation"][k]), "test": float(held["test"][k])}
        for k in range(len(sizes))
    ]


def _cross_entropy(net: Ensemble, tokens: Tensor, vocab: int, seed: int) -> Float[Tensor, " members"]:
    hidden = masks_of(tokens, seed)
    place = next(net.parameters()).device
    logs = net(tokens.long().masked_fill(hidden, vocab).to(place)).double().log_softmax(-1).cpu()
    truth = tokens.long().expand(net.members, *tokens.shape)[..., None]
    return -(logs.gather(-1, truth)[..., 0] * hidden).sum((1, 2)) / hidden.sum()


def _bayes(grammar: RandomHierarchy, tokens: Tensor, hidden: Tensor) -> float:
    """The same for the exact conditional laws."""
    exact = leaf_marginals(grammar, leaf_evidence(tokens, grammar.vocab, observed=~hidden))
    truth = exact.gather(-1, tokens.long()[..., None])[..., 0]
    return float(-truth[hidden].log().mean())


@torch.no_grad()
def _samples(
    net: Ensemble, grammar: RandomHierarchy, count: int, step: int, seed: int
) -> Int[Tensor, "members count tokens"]:
    shape = (net.members, count, grammar.num_tokens)
    stream, place = generator("composition.samples", step, seed), next(net.parameters()).device
    return sample_any_order(net, shape, mask=grammar.vocab, generator=stream, device=place).cpu()


def _validity(grammar: RandomHierarchy, tokens: Tensor) -> dict[str, float]:
    levels = [symbols >= 0 for symbols in parse(grammar, tokens).levels]
    found = {}
    for level in range(1, grammar.depth + 1):
        possible = levels[level - 1].unflatten(1, (-1, grammar.branching)).all(2)
        found[f"valid_{level}"] = float(levels[level].double().mean())
        found[f"given_{level}"] = float(levels[level].sum().double() / possible.sum().clamp_min(1))
    return found


def _copies(grammar: RandomHierarchy, tokens: Tensor, train: Tensor, size: int) -> dict[str, float]:
    """Generated strings that are training strings, and how many there would be if each were any datum of the language."""
    known = string_codes(train, grammar.vocab).unique()
    copied = torch.isin(string_codes(tokens, grammar.vocab), known).double().mean()
    grammatical = float((parse(grammar, tokens).labels >= 0).double().mean())
    return {"copies": float(copied), "base_rate": grammatical * len(known) / grammar.num_data}
