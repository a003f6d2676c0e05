r"""Tokens as network inputs: one-hot channels, whitened so that a token has mean zero over channels and squared norm one.

x -> (x - 1/v) / sqrt(1 - 1/v). Strings of s neighbours can be read as one symbol of an alphabet of size v^s.
"""

import torch

from quire.hierarchy.parsing import string_codes
from quire.types import Float, Int, Shaped, Tensor

__all__ = ["as_tuples", "one_hot"]


def one_hot(
    tokens: Shaped[Tensor, "samples positions"],
    vocab: int,
    *,
    whiten: bool,
    channels_first: bool = False,
    masked: int | None = None,
    empty: bool = False,
    dtype: torch.dtype = torch.float32,
) -> Float[Tensor, "samples _ _"]:
    """One-hot tokens, (P, d, v), or (P, v, d) with the channels first.

    Args:
        tokens: integers in [0, vocab).
        vocab: v.
        whiten: centre over the channels and scale each token to unit norm.
        channels_first: order of the last two dimensions.
        masked: a position that is replaced by the zero vector, the mean of a whitened token (-1 is the last).
        empty: the symbol ``vocab`` is allowed and becomes the zero vector (sparse hierarchies).
        dtype: of the result.

    >>> x = one_hot(torch.tensor([[0, 2]]), 4, whiten=True, dtype=torch.float64)
    >>> bool(x.sum(-1).abs().max() < 1e-12), bool((x.square().sum(-1) - 1).abs().max() < 1e-12)
    (True, True)
    """
    if tokens.numel() and int(tokens.max()) >= vocab + empty:
        raise ValueError(f"tokens must be below vocab = {vocab}, got {int(tokens.max())}")
    channels = torch.arange(vocab, device=tokens.device)
    result = (tokens.long()[..., None] == channels).to(dtype)
    if whiten:
        result = (result - 1 / vocab) / (1 - 1 / vocab) ** 0.5
    if empty:
        result = result * (tokens < vocab)[..., None]
    if masked is not None:
        result[:, masked] = 0
    return result.transpose(1, 2).contiguous() if channels_first else result


def as_tuples(tokens: Shaped[Tensor, "samples positions"], vocab: int, *, size: int) -> Int[Tensor, "samples tuples"]:
    """Codes in base v of non-overlapping groups of ``size`` neighbours.

    Raises:
        ValueError: the length is not a multiple of ``size``.
    """
    if tokens.shape[1] % size:
        raise ValueError(f"groups of {size} must divide the length, got {tokens.shape[1]} tokens: crop them")
    return string_codes(tokens.unflatten(1, (-1, size)), vocab)
