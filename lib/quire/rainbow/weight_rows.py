r"""Rows of a weight matrix as a sample of a law: their covariance, and new rows that are drawn from it."""

import math

import torch

from quire.types import Float, Tensor

__all__ = ["LAWS", "covariance_spectrum", "sample_rows"]

LAWS = ("gaussian", "shifted", "resampled")


def sample_rows(
    weight: Float[Tensor, "*batch rows columns"],
    shape: tuple[int, int],
    *,
    law: str = "gaussian",
    generator: torch.Generator,
) -> Float[Tensor, "draws *batch new columns"]:
    r"""New rows for a layer.

    "gaussian": normal, of mean zero, with the uncentred covariance :math:`C = W^\top W/n` of the old ones; "shifted": normal, with their mean
    and their centred covariance; "resampled": old ones, drawn with replacement. A normal row is :math:`n^{-1/2}\sum_i g_i w_i` with normal
    numbers g: it has the covariance C, which is never formed.

    Args:
        weight: W, whose rows are the weights of a unit; several where there are leading axes.
        shape: (draws, new): how many matrices, of how many rows.
        law: of LAWS.
        generator: on the CPU.

    Raises:
        ValueError: an unknown law, no rows, or numbers below one.
    """
    draws, new = shape
    if law not in LAWS:
        raise ValueError(f"law must be one of {list(LAWS)}, got {law!r}")
    if weight.ndim < 2 or 0 in weight.shape or draws < 1 or new < 1:
        raise ValueError(
            f"expected a matrix of rows and at least one new row, got {list(weight.shape)} and the shape {shape}"
        )
    *batch, rows, _ = weight.shape
    if law == "resampled":
        chosen = torch.randint(rows, (draws, *batch, new), generator=generator).to(weight.device)
        return weight.expand(draws, *weight.shape).gather(-2, chosen[..., None].expand(*chosen.shape, weight.shape[-1]))
    noise = torch.randn((draws, *batch, new, rows), generator=generator, dtype=torch.float64) / math.sqrt(rows)
    centre = weight.mean(-2, keepdim=True) if law == "shifted" else torch.zeros_like(weight[..., :1, :])
    return centre + noise.to(weight) @ (weight - centre)


def covariance_spectrum(weight: Float[Tensor, "*batch rows columns"]) -> Float[Tensor, "*batch eigenvalues"]:
    r"""Eigenvalues of :math:`W^\top W/n`, the uncentred covariance of the n rows, from the largest; min(rows, columns) of them.

    >>> covariance_spectrum(torch.tensor([[2.0, 0.0], [0.0, 2.0], [0.0, 0.0], [0.0, 0.0]])).tolist()
    [1.0, 1.0]
    """
    return torch.linalg.svdvals(weight.double()).square() / weight.shape[-2]
