r"""The first layer on tokens: a sum of table rows instead of a product with one-hot vectors.

A token c out of v stands for the whitened one-hot vector :math:`x = a\,(e_c - b)`; a linear map of a patch
of s tokens is then :math:`\sum_i a\,(W_{i,c_i} - b \sum_{c'} W_{i,c'})`: s rows of a small table. Index v
stands for the zero vector: a masked or an empty position. Forward by gather;
backward by a product with the one-hot vectors, or by a scatter when the vocabulary is large (whichever is
faster, as measured).
"""

import math

import torch
from torch.nn import functional

from quire.types import Float, Shaped, Tensor

__all__ = ["encode", "token_linear", "whitening_constants"]

SCATTER_FROM = 96  # vocabulary from which the backward scatter beats the one-hot product (CPU, width 64)


def whitening_constants(whitening: str, vocab: int) -> tuple[float, float]:
    """The constants (a, b) of the encoding a (one-hot - b).

    Args:
        whitening: "norm" (mean zero, squared norm of a token one), "variance" (mean zero, variance of each
            channel one), "centred" (mean zero only) or "none" (plain one-hot).
        vocab: number of symbols.

    >>> a, b = whitening_constants("norm", 4)
    >>> round((a * (1 - b)) ** 2 + 3 * (a * b) ** 2, 12)
    1.0
    """
    if vocab < 2:
        raise ValueError(f"vocab must be at least 2 to be whitened, got {vocab}")
    norm = 1.0 / math.sqrt(1.0 - 1.0 / vocab)
    known = {
        "norm": (norm, 1.0 / vocab),
        "variance": (norm * math.sqrt(vocab), 1.0 / vocab),
        "centred": (1.0, 1.0 / vocab),
        "none": (1.0, 0.0),
    }
    if whitening not in known:
        raise ValueError(f"whitening must be one of {sorted(known)}, got {whitening!r}")
    return known[whitening]


def encode(
    tokens: Shaped[Tensor, "*batch"], *, vocab: int, whitening: str, dtype: torch.dtype = torch.float32
) -> Float[Tensor, "*batch vocab"]:
    """The vectors that stand for the tokens; index ``vocab`` (mask, empty symbol) gives the zero vector.

    >>> encode(torch.tensor([1, 2]), vocab=2, whitening="none").tolist()
    [[0.0, 1.0], [0.0, 0.0]]
    """
    return encoding_rows(vocab, whitening, dtype, tokens.device)[tokens.long()]


def check_tokens(tokens: Tensor, vocab: int) -> None:
    """Raise unless all tokens lie in 0..vocab (``vocab`` is the mask)."""
    low, high = (int(bound) for bound in torch.aminmax(tokens)) if tokens.numel() else (0, 0)
    if low < 0 or high > vocab:
        raise ValueError(f"tokens must lie in 0..{vocab} (vocab; {vocab} is the mask), got values in {low}..{high}")


def encoding_rows(vocab: int, whitening: str, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Row c: the vector of token c; the last row, of the mask, is zero."""
    factor, offset = whitening_constants(whitening, vocab)
    rows = torch.zeros(vocab + 1, vocab, dtype=dtype, device=device)
    rows[:vocab] = factor * (torch.eye(vocab, dtype=dtype, device=device) - offset)
    return rows


class _TokenLinear(torch.autograd.Function):
    """Patches of tokens [groups, rows, slots], weight [groups, slots * vocab, width] -> [groups, rows,
    width]."""

    @staticmethod
    def forward(ctx, tokens, weight, factor, offset):
        ctx.vocab, ctx.factor, ctx.offset = weight.shape[1] // tokens.shape[2], factor, offset
        outputs, index = gather_forward(tokens, weight, factor, offset)
        ctx.save_for_backward(tokens, index)
        return outputs

    @staticmethod
    def backward(ctx, grad):
        tokens, index = ctx.saved_tensors
        if ctx.vocab >= SCATTER_FROM:
            return None, scatter_backward(tokens, index, grad, ctx.vocab, ctx.factor, ctx.offset), None, None
        groups, rows, slots = tokens.shape
        onehot = torch.eye(ctx.vocab + 1, ctx.vocab, dtype=grad.dtype, device=grad.device)
        onehot = onehot.index_select(0, tokens.reshape(-1)).view(groups, rows, slots * ctx.vocab)
        blocks = torch.bmm(onehot.transpose(1, 2), grad).view(groups, slots, ctx.vocab, -1)
        blocks = torch.sub(blocks, blocks.sum(2, keepdim=True), alpha=ctx.offset).mul_(ctx.factor)
        return None, blocks.view(groups, slots * ctx.vocab, -1), None, None


def gather_forward(tokens: Tensor, weight: Tensor, factor: float, offset: float) -> tuple[Tensor, Tensor]:
    """Sums of table rows [groups, rows, width], and the rows' numbers."""
    groups, rows, slots = tokens.shape
    vocab, width = weight.shape[1] // slots, weight.shape[2]
    blocks = weight.view(groups, slots, vocab, width)
    table = weight.new_zeros(groups, slots, vocab + 1, width)
    torch.sub(blocks, blocks.sum(2, keepdim=True), alpha=offset, out=table[:, :, :vocab]).mul_(factor)
    shift = torch.arange(groups * slots, device=tokens.device).mul_(vocab + 1).view(groups, 1, slots)
    index = (tokens + shift).reshape(-1, slots)
    return functional.embedding_bag(index, table.view(-1, width), mode="sum").view(groups, rows, width), index


def scatter_backward(tokens: Tensor, index: Tensor, grad: Tensor, vocab: int, factor: float, offset: float) -> Tensor:
    """Gradient of the weight from that of the sums, by adding rows to the table."""
    groups, rows, slots = tokens.shape
    width = grad.shape[2]
    table = grad.new_zeros(groups * slots * (vocab + 1), width)
    spread = grad.reshape(-1, 1, width).expand(-1, slots, width).reshape(-1, width)
    table.index_add_(0, index.reshape(-1), spread)
    blocks = table.view(groups, slots, vocab + 1, width)[:, :, :vocab]
    blocks = torch.sub(blocks, blocks.sum(2, keepdim=True), alpha=offset).mul_(factor)
    return blocks.reshape(groups, slots * vocab, width)


def token_linear(
    tokens: Shaped[Tensor, "groups rows slots"],
    weight: Float[Tensor, "groups inputs width"],
    *,
    scale: float,
    whitening: str,
) -> Float[Tensor, "groups rows width"]:
    """``scale`` times the linear map of the whitened one-hot vectors of patches of ``slots`` tokens.

    Args:
        tokens: symbols in 0..vocab-1; ``vocab`` stands for a masked or an empty position.
        weight: ``[groups, slots * vocab, width]``; a group is a member, or a (member, position) pair.
        scale: the prefactor, ``1/sqrt(fan_in)``.
        whitening: see :func:`whitening_constants`.

    >>> t, w = torch.tensor([[[0, 1], [1, 2]]]), torch.randn(1, 4, 3, dtype=torch.float64)
    >>> dense = encode(t, vocab=2, whitening="norm", dtype=torch.float64).view(1, 2, 4) @ w
    >>> torch.allclose(token_linear(t, w, scale=1.0, whitening="norm"), dense)
    True
    """
    factor, offset = whitening_constants(whitening, weight.shape[1] // tokens.shape[2])
    return _TokenLinear.apply(tokens.long(), weight.contiguous(), scale * factor, offset)
