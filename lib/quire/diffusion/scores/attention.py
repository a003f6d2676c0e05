r"""A softmax average over more keys than fit into memory: attention whose values are its keys.

.. math:: m_q = \sum_j w_{qj} k_j,\qquad w_{qj} = \frac{e^{q\cdot k_j}}{Z_q},\qquad \log Z_q = \log\sum_j e^{q\cdot k_j}.

Two sets of keys are merged exactly from their averages and their log Z, so that keys may come in chunks. On a CPU each
chunk is one call of torch's flash-attention kernel, which never forms the matrix of logits; elsewhere, blocks of logits.
The largest logit and its key come from a second, plain pass.

Source: Dao et al., NeurIPS 2022 (FlashAttention), Section 3.1: merging by log-sum-exp.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import torch

from quire.types import Float, Int, Tensor

__all__ = ["Attended", "attend", "strongest"]

LOGITS = 2**20  # of one block, where there is no flash kernel: 4 MB in float32


@dataclass(frozen=True, eq=False)
class Attended:
    """What queries see.

    Attributes:
        mean: the weighted average of the keys.
        log_total: log Z.
    """

    mean: Float[Tensor, "groups queries dims"]
    log_total: Float[Tensor, "groups queries"]


def attend(
    queries: Float[Tensor, "groups queries dims"], chunks: Iterable[Float[Tensor, "groups keys dims"]]
) -> Attended:
    """Average the keys with the softmax of their products with each query.

    Args:
        queries: groups of queries; a group sees its own keys only.
        chunks: the keys, in any number of parts.

    Raises:
        ValueError: there is no chunk.

    >>> queries, keys = torch.zeros(1, 1, 2), torch.tensor([[[1.0, 0.0], [3.0, 0.0]]])
    >>> attend(queries, keys.split(1, 1)).mean.tolist()
    [[[2.0, 0.0]]]
    """
    total = None
    for keys in chunks:
        part = _one_chunk(queries, keys)
        total = part if total is None else _merged(total, part)
    if total is None:
        raise ValueError("attend needs at least one chunk of keys, got none: the bank is empty")
    return total


def strongest(
    queries: Float[Tensor, "groups queries dims"], chunks: Iterable[Float[Tensor, "groups keys dims"]]
) -> tuple[Float[Tensor, "groups queries"], Int[Tensor, "groups queries"]]:
    """The largest logit of each query and the number of its key, counted through the chunks; the first of equal ones.

    >>> queries, keys = torch.ones(1, 1, 1), torch.tensor([[[1.0], [3.0], [3.0]]])
    >>> strongest(queries, keys.split(1, 1))
    (tensor([[3.]]), tensor([[1]]))
    """
    best = queries.new_full(queries.shape[:2], -torch.inf)
    where = torch.zeros(queries.shape[:2], dtype=torch.long, device=queries.device)
    passed = 0
    for keys in chunks:
        for block in keys.split(_block(queries, keys), 1):
            largest, place = torch.bmm(queries, block.mT).max(2)
            better = largest > best
            best, where = torch.where(better, largest, best), torch.where(better, place + passed, where)
            passed += block.shape[1]
    return best, where


def _one_chunk(queries: Tensor, keys: Tensor) -> Attended:
    if queries.is_cpu:
        flash = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
        one_head = keys[:, None]
        mean, log_total = flash(queries[:, None], one_head, one_head, 0.0, False, scale=1.0)
        return Attended(mean[:, 0], log_total[:, 0])
    return _in_blocks(queries, keys)


def _in_blocks(queries: Tensor, keys: Tensor) -> Attended:
    """The same by plain operations."""
    total = None
    for block in keys.split(_block(queries, keys), 1):
        logits = torch.bmm(queries, block.mT)
        log_total = logits.logsumexp(2)
        part = Attended(torch.bmm((logits - log_total[..., None]).exp_(), block), log_total)
        total = part if total is None else _merged(total, part)
    return total


def _block(queries: Tensor, keys: Tensor) -> int:
    """Keys of one block of logits."""
    fitting = LOGITS * (1 if queries.is_cpu else 64) // (queries.shape[0] * queries.shape[1])
    return max(1, min(keys.shape[1], fitting))


def _merged(first: Attended, second: Attended) -> Attended:
    log_total = torch.logaddexp(first.log_total, second.log_total)
    share = (second.log_total - log_total).exp()[..., None]
    return Attended(torch.lerp(first.mean, second.mean, share), log_total)
