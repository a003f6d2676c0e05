r"""LiNeS: task vectors scaled linearly with depth (Wang et al. 2025).

Block ℓ of L gets :math:`\alpha + \beta(\ell-1)/(L-1)`. Shallow layers hold what tasks share, so that their change is kept small. What
belongs to no block and lies before the first (embeddings) gets α; in the paper so does what lies behind the last. On small networks the
last projection does better with the factor of the deepest block, which ``tail="last"`` gives.
"""

import re
from collections.abc import Callable, Iterable
from typing import Literal

__all__ = ["linear_scaling"]


def linear_scaling(
    names: Iterable[str],
    *,
    blocks: str,
    shallow: float,
    slope: float,
    behind: Iterable[str] = (),
    tail: Literal["first", "last"] = "first",
) -> Callable[[str], float]:
    r"""The factor of each parameter, for :meth:`quire.tangent.TaskVector.scaled_by_layer`.

    Args:
        names: of all parameters.
        blocks: a regular expression with one group, the block's number, for instance ``r"^blocks\.(\d+)\."``.
        shallow: α.
        slope: β.
        behind: beginnings of the names that lie behind the last block.
        tail: what these get: α as in the paper ("first"), or the factor of the deepest block ("last").

    Raises:
        ValueError: fewer than two blocks are found, or the tail is unknown.

    >>> factor = linear_scaling(["embed", "blocks.0.w", "blocks.1.w"], blocks=r"^blocks\.(\d+)\.", shallow=0.25, slope=0.5)
    >>> [factor(name) for name in ("embed", "blocks.0.w", "blocks.1.w")]
    [0.25, 0.25, 0.75]
    """
    found = {name: int(match.group(1)) for name in names if (match := re.search(blocks, name))}
    if len(set(found.values())) < 2:
        raise ValueError(f"blocks must find two blocks or more, {blocks!r} finds {sorted(set(found.values()))}")
    if tail not in ("first", "last"):
        raise ValueError(f'tail must be "first" or "last", got {tail!r}')
    numbers = sorted(set(found.values()))
    behind = tuple(behind)

    def factor(name: str) -> float:
        if name in found:
            return shallow + slope * numbers.index(found[name]) / (len(numbers) - 1)
        return shallow + slope if tail == "last" and name.startswith(behind) and behind else shallow

    return factor
