r"""Are the eigenfunctions of the tangent kernel localised on a task's data? (ortizjimenez2023tangent, Sec. 5.)

With :math:`q_\rho` the eigenvectors of the Gram matrix on the data of a task and of a control, the *local energy* of a set R at a datum is
:math:`\sum_{\rho\in R} q_\rho(i)^2`. Over all ρ it is one everywhere, whatever the kernel: R must be chosen, or the ρ be weighted by what
represents the task's labels y, :math:`c_\rho^2 = (q_\rho \cdot y)^2`.
"""

import torch

from quire.types import Bool, Float, Int, Tensor

__all__ = ["cross_ratio", "label_weighted_energy", "local_energy"]


def local_energy(
    eigenvectors: Float[Tensor, "data modes"], chosen: Int[Tensor, " some"] | None = None
) -> Float[Tensor, " data"]:
    """Σ_ρ q_ρ(i)² over the chosen modes: a number in [0, 1] for each datum; over all of them it is one.

    >>> local_energy(torch.eye(3), torch.tensor([0, 2])).tolist()
    [1.0, 0.0, 1.0]
    """
    modes = eigenvectors if chosen is None else eigenvectors[:, chosen]
    return modes.square().sum(1)


def label_weighted_energy(
    gram: Float[Tensor, "data data"], labels: Float[Tensor, "data outputs"], own: Bool[Tensor, " data"]
) -> float:
    """Σ_ρ c_ρ² Σ_{i own} q_ρ(i)² / Σ_ρ c_ρ²: one if the modes that represent the labels live on the task's data.

    Args:
        gram: kernel on the data of the task and of others.
        labels: of the task's data, zero on others; the squares are summed over the outputs.
        own: which data are the task's.

    Raises:
        ValueError: shapes do not fit, or labels are all zero.

    >>> own = torch.tensor([True, True, False, False])
    >>> labels = torch.tensor([[1.0], [-1.0], [0.0], [0.0]])
    >>> label_weighted_energy(torch.diag(torch.tensor([4.0, 3.0, 2.0, 1.0])), labels, own)
    1.0
    """
    _check(gram, own)
    if len(labels) != len(gram) or not bool(labels.any()):
        raise ValueError(f"labels must be {len(gram)} rows, not all zero, got {list(labels.shape)}")
    modes = torch.linalg.eigh(gram.double()).eigenvectors
    weights = (modes.T @ labels.double()).square().sum(1)
    local = modes[own].square().sum(0)
    return float((weights * local).sum() / weights.sum())


def cross_ratio(gram: Float[Tensor, "data data"], own: Bool[Tensor, " data"]) -> float:
    """Mean of |k(x, x')| / √(k(x, x) k(x', x')) between the two groups over that within them: zero if the kernel has two blocks.

    A datum with itself does not count.

    Raises:
        ValueError: shapes do not fit, a group has fewer than two data, or the diagonal is not positive.

    >>> cross_ratio(torch.ones(4, 4), torch.tensor([True, True, False, False]))
    1.0
    """
    _check(gram, own)
    diagonal = gram.diagonal().double()
    if not bool((diagonal > 0).all()):
        raise ValueError("the diagonal of a kernel must be positive: a datum with no gradient has no direction")
    normal = (gram.double() / (diagonal[:, None] * diagonal).sqrt()).abs()
    same = own[:, None] == own
    across = normal[~same].mean()
    within = normal[same & ~torch.eye(len(gram), dtype=torch.bool)].mean()
    return float(across / within)


def _check(gram: Tensor, own: Tensor) -> None:
    if gram.ndim != 2 or gram.shape[0] != gram.shape[1] or own.shape != gram.shape[:1]:
        raise ValueError(f"gram must be square with one flag a row, got {list(gram.shape)} and {list(own.shape)}")
    if not bool(torch.isfinite(gram).all()):
        raise ValueError("gram must be finite: have the weights diverged?")
    if int(own.sum()) < 2 or int((~own).sum()) < 2:
        raise ValueError(f"both groups need two data at least, got {int(own.sum())} and {int((~own).sum())}")
