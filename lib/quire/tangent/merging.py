r"""One set of weights, or one and masks, from several task vectors; all tensors are ``[vectors, …]`` by name.

* Task arithmetic: :math:`\sum_t \tau_t`, times one coefficient (Ilharco et al. 2023).
* TIES: keep the largest entries of each vector, elect the sign of their sum, average those that agree (Yadav et al. 2023).
* TALL masks: :math:`m_t = 1[|\tau_t| > \lambda\,|\tau - \tau_t|]` says where the sum τ serves task t; consensus keeps the entries that
  serve k tasks or more (Wang et al. 2024).
"""

from collections.abc import Mapping

import torch

from quire.types import Bool, Float, Tensor

__all__ = ["consensus", "mask_counts", "summed", "tall_masks", "ties"]

Stacked = Mapping[str, Tensor]


def summed(vectors: Stacked) -> dict[str, Tensor]:
    """Σ_t τ_t.

    >>> summed({"w": torch.ones(3, 2)})["w"].tolist()
    [3.0, 3.0]
    """
    _check(vectors)
    return {name: tensor.sum(0) for name, tensor in vectors.items()}


def ties(vectors: Stacked, *, keep: float) -> dict[str, Tensor]:
    """Trim, elect, and average.

    Args:
        vectors: ``[vectors, …]`` by name.
        keep: fraction of each vector's entries that is kept, the largest over all layers, in (0, 1].

    Returns:
        the mean over the vectors that agree with the elected sign, zero where none does.

    Raises:
        ValueError: keep is out of its range.

    >>> two = {"w": torch.tensor([[3.0, -1.0, 2.0], [1.0, -4.0, -5.0]])}
    >>> ties(two, keep=1.0)["w"].tolist()
    [2.0, -2.5, -5.0]
    """
    _check(vectors)
    if not 0 < keep <= 1:
        raise ValueError(f"keep is a fraction in (0, 1], got {keep}: 0.2 is twenty per cent")
    flat = torch.cat([tensor.flatten(1) for tensor in vectors.values()], dim=1)
    count = max(1, round(keep * flat.shape[1]))
    order = flat.abs().argsort(dim=1, descending=True, stable=True)[:, :count]
    trimmed = torch.zeros_like(flat).scatter(1, order, flat.gather(1, order))
    sign = trimmed.sum(0).sign()
    agree = (trimmed.sign() == sign) & (trimmed != 0)
    mean = (trimmed * agree).sum(0) / agree.sum(0).clamp_min(1)
    pieces = mean.split([tensor[0].numel() for tensor in vectors.values()])
    return {name: part.view_as(vectors[name][0]) for name, part in zip(vectors, pieces, strict=True)}


def tall_masks(vectors: Stacked, *, threshold: float | Float[Tensor, " vectors"]) -> dict[str, Bool[Tensor, "..."]]:
    """Where the sum of the vectors serves each task.

    Args:
        vectors: ``[vectors, …]`` by name.
        threshold: λ, one number or one for each task; a larger one keeps less.

    Returns:
        masks ``[vectors, …]``; task t is served by θ0 + m_t ∘ Σ τ.

    Raises:
        ValueError: a threshold is negative, or there is neither one nor one for each task.
    """
    merged = summed(vectors)
    number = len(next(iter(vectors.values())))
    levels = torch.as_tensor(threshold)
    if levels.numel() not in (1, number) or not bool((levels >= 0).all()):
        raise ValueError(f"threshold must be one number, or {number}, not negative, got {levels.tolist()}")
    found = {}
    for name, tensor in vectors.items():
        level = levels.to(tensor).reshape(-1, *[1] * (tensor.ndim - 1))
        found[name] = tensor.abs() > level * (merged[name] - tensor).abs()
    return found


def mask_counts(masks: Mapping[str, Bool[Tensor, "..."]]) -> Float[Tensor, " counts"]:
    """Fraction of the weights that serve 0, 1, … all tasks: catastrophic ones, selfish ones, and shared ones.

    >>> mask_counts({"w": torch.tensor([[True, False], [True, False]])}).tolist()
    [0.5, 0.0, 0.5]
    """
    counts = torch.cat([mask.sum(0).flatten() for mask in masks.values()])
    number = len(next(iter(masks.values())))
    return torch.bincount(counts, minlength=number + 1).double() / len(counts)


def consensus(vectors: Stacked, masks: Mapping[str, Bool[Tensor, "..."]], *, least: int) -> dict[str, Tensor]:
    """Σ τ where at least so many tasks are served; 0 is task arithmetic, more than all tasks gives zero.

    Raises:
        ValueError: masks are not those of these vectors.
    """
    merged = summed(vectors)
    if {name: mask.shape for name, mask in masks.items()} != {name: tensor.shape for name, tensor in vectors.items()}:
        raise ValueError("masks must have the names and shapes of the vectors: take them from tall_masks")
    return {name: tensor * (masks[name].sum(0) >= least) for name, tensor in merged.items()}


def _check(vectors: Stacked) -> None:
    lengths = {len(tensor) for tensor in vectors.values()}
    if not vectors or len(lengths) != 1 or 0 in lengths:
        raise ValueError(f"vectors must be [vectors, …] tensors of one length by name, got lengths {sorted(lengths)}")
