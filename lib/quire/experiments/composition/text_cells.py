"""Cells on masked diffusion of characters: what changes together, and how far generated text is correlated."""

import math

import torch

from quire.diffusion import changed, line_distances, pair_blocks, sample_any_order
from quire.experiments.composition.learning_cells import log_spaced
from quire.experiments.composition.training_runs import trained
from quire.experiments.language.texts import characters
from quire.nets import Ensemble
from quire.rng import generator
from quire.types import Float, Int, Shaped, Tensor

__all__ = ["text_learning", "window_correlations"]

_MISSING = ("time", "step", "changed", "susceptibility", "correlation", "model", "text")
EMPTY = dict.fromkeys(_MISSING, math.nan)  # a row has the columns of both views


def text_learning(
    *,
    source: str,
    length: int,
    levels: int,
    width: int,
    steps: int,
    per_octave: int,
    batch_size: int,
    learning_rate: float,
    seed: int,
    times: list,
    originals: int,
    draws: int,
    generated: int,
    device: str = "cpu",
) -> list[dict]:
    """Train a masked diffusion model on windows of a text; what it generates along the way, and what it changes in the end.

    Args:
        source, length: of the text, see :func:`quire.experiments.language.texts.characters`.
        levels: a window has 2**levels characters.
        width, steps, batch_size, learning_rate: of the network and its training.
        per_octave: looks in a factor two of the steps.
        seed: of weights, windows and draws.
        times: probabilities t that a character of a held-out window is hidden, and filled in again.
        originals: held-out windows.
        draws: how often each is hidden and filled in.
        generated: windows that are generated at each look, and windows of the text that they are compared with.
        device: where it is trained.

    Returns:
        Rows of two ``view`` s. "change": for every t and distance ``correlation`` C(r)/C(0), ``susceptibility`` and ``changed``.
        "correlation": for every look and distance the squared correlations, of what the ``model`` generates and of the ``text``, less their noise.
    """
    text, vocab = characters(source, length)
    train, held = _windows(text, 2**levels, seed)
    asked = dict(
        vocab=vocab, branching=2, depth=levels, width=width, batch_size=batch_size, learning_rate=learning_rate
    )
    nets = trained(train, sizes=[len(train)], steps=log_spaced(steps, per_octave), seed=seed, device=device, **asked)
    rows = _changes(nets[steps], held[:originals].long(), times=times, draws=draws, vocab=vocab, seed=seed)
    wanted = window_correlations(held, vocab).tolist()
    for step, net in nets.items():
        found = window_correlations(_generated(net, (1, generated, 2**levels), vocab, step, seed), vocab).tolist()
        said = {**EMPTY, "view": "correlation", "step": step}
        for distance, (one, other) in enumerate(zip(found, wanted, strict=True), start=1):
            rows.append({**said, "distance": distance, "model": one, "text": other})
    return rows


def _changes(net: Ensemble, kept: Tensor, *, times: list, draws: int, vocab: int, seed: int) -> list[dict]:
    """Covariances within each original, over its hidden places, then averaged over originals: the order of the literature."""
    rows = []
    for time in times:
        restored = _restored(net, kept, time=time, draws=draws, vocab=vocab, seed=seed)
        blocks = pair_blocks(changed(kept, restored), line_distances(kept.shape[1]), order="within")
        said = {
            **EMPTY,
            "view": "change",
            "time": time,
            "changed": blocks.changed,
            "susceptibility": blocks.susceptibility,
        }
        for distance, value in zip(blocks.distance.tolist(), blocks.correlation.tolist(), strict=True):
            rows.append({**said, "distance": distance, "correlation": value / float(blocks.correlation[0])})
    return rows


@torch.no_grad()
def _generated(net: Ensemble, shape: tuple, vocab: int, step: int, seed: int) -> Int[Tensor, "windows places"]:
    stream, place = generator("composition.text", step, seed), next(net.parameters()).device
    return sample_any_order(net, shape, mask=vocab, generator=stream, device=place)[0].cpu()


def window_correlations(tokens: Shaped[Tensor, "windows places"], vocab: int) -> Float[Tensor, " distances"]:
    """Mean squared covariance Σ_ab (P(a, b) - P(a) P(b))² of two characters at distances 1 … half a window, less its noise.

    Pairs are counted at all places of two halves of the windows; the product of the two covariances has no bias from noise.

    >>> window_correlations(torch.tensor([[0, 0], [0, 0], [1, 1], [1, 1]]), 2).tolist()
    [0.25]
    """
    halves = [_covariances(tokens[start::2].long(), vocab) for start in (0, 1)]
    return (halves[0] * halves[1]).sum((1, 2))


def _covariances(tokens: Int[Tensor, "windows places"], vocab: int) -> Float[Tensor, "distances vocab vocab"]:
    found = []
    for distance in range(1, tokens.shape[1] // 2 + 1):
        codes = (tokens[:, :-distance] * vocab + tokens[:, distance:]).flatten()
        joint = torch.bincount(codes, minlength=vocab**2).double().view(vocab, vocab) / len(codes)
        found.append(joint - joint.sum(1, keepdim=True) * joint.sum(0, keepdim=True))
    return torch.stack(found)


def _windows(text: Int[Tensor, " length"], size: int, seed: int) -> tuple[Tensor, Tensor]:
    """Windows at random places of the first nine tenths of a text, and of the rest."""
    cut = len(text) * 9 // 10
    windows = []
    for name, part, count in (("train", text[:cut], 100_000), ("held out", text[cut:], 20_000)):
        stream = generator("composition.windows", name, seed)
        starts = torch.randint(len(part) - size, (min(count, len(part) - size),), generator=stream)
        windows.append(part[starts[:, None] + torch.arange(size)].to(torch.uint8))
    return windows[0], windows[1]


@torch.no_grad()
def _restored(
    net: Ensemble, kept: Int[Tensor, "originals places"], *, time: float, draws: int, vocab: int, seed: int
) -> Int[Tensor, "originals draws places"]:
    """Hide and fill in each original several times, with other hidden places each time."""
    stream, place = generator("composition.changes", time, seed), next(net.parameters()).device
    repeated = kept.repeat_interleave(draws, 0)
    hidden = torch.rand(repeated.shape, generator=stream, dtype=torch.float64) < time
    start = repeated.masked_fill(hidden, vocab)[None].to(place)
    filled = sample_any_order(net, tuple(start.shape), mask=vocab, generator=stream, start=start, device=place)
    return filled[0].cpu().unflatten(0, (len(kept), draws))
