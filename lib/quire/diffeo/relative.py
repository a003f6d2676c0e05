r"""Stability of a function to diffeomorphisms relative to noise.

    D_f = ⟨‖f(τx) - f(x)‖²⟩ / ⟨‖f(x) - f(z)‖²⟩,    G_f = ⟨‖f(x + η) - f(x)‖²⟩ / ⟨‖f(x) - f(z)‖²⟩,    R_f =
    D_f / G_f

over images x, z, one field τ and one noise η per image, ‖η‖ matched to ‖τx - x‖
(:mod:`quire.diffeo.perturbation`). R_f is unchanged by a rescaling of f, and equals 1 to leading order for
any f whose Jacobian has independent isotropic rows.

The averages ⟨·⟩ are conventions, and papers and codes differ, so that both are arguments:

* ``reduce="mean"`` (tomasini2022spatial), ``"median"`` of the squared norms (the text of
  petrini2021diffeo), or ``"median_coordinate"``: for each output coordinate the median over the images,
  then the sum (its published code);
* ``denominator="off_diagonal"``: pairs of distinct images, or ``"all_pairs"``: the full matrix with its
  zero diagonal, plus 1e-10 (both published codes).

Medians are lower medians (``torch.median``), as in the published code.
"""

from dataclasses import dataclass

import torch

from quire.cite import cites
from quire.types import Float, Tensor

__all__ = ["DENOMINATORS", "REDUCTIONS", "Stability", "relative_stability"]

REDUCTIONS = ("mean", "median", "median_coordinate")
DENOMINATORS = ("off_diagonal", "all_pairs")


@dataclass(frozen=True)
class Stability:
    """``diffeo`` is D_f, ``noise`` is G_f and ``relative`` is R_f = D_f/G_f."""

    diffeo: float
    noise: float
    relative: float


@cites("tomasini2022spatial", "definition of relative stability")
@cites("petrini2021diffeo", "definition of relative stability")
def relative_stability(
    outputs: Float[Tensor, "batch *features"],
    warped: Float[Tensor, "batch *features"],
    noisy: Float[Tensor, "batch *features"],
    *,
    reduce: str,
    denominator: str,
) -> Stability:
    """D_f, G_f and R_f from the function's values on x, τx and x + η.

    Args:
        outputs: f(x), flattened over the features.
        warped: f(τx), one field per image.
        noisy: f(x + η).
        reduce: "mean", "median" or "median_coordinate".
        denominator: "off_diagonal" or "all_pairs".

    Raises:
        ValueError: an unknown convention, or fewer than two images.

    >>> f = torch.tensor([[0.0], [2.0]])
    >>> relative_stability(f, f + 1, f - 2, reduce="mean", denominator="off_diagonal")
    Stability(diffeo=0.25, noise=1.0, relative=0.25)
    """
    if reduce not in REDUCTIONS:
        raise ValueError(f"reduce must be one of {REDUCTIONS}, got {reduce!r}: results differ by up to 40 %")
    if denominator not in DENOMINATORS:
        raise ValueError(f"denominator must be one of {DENOMINATORS}, got {denominator!r}")
    if len(outputs) < 2:
        raise ValueError(f"the denominator is an average over pairs of images: expected ≥ 2 images, got {len(outputs)}")
    outputs, warped, noisy = (values.flatten(1) for values in (outputs, warped, noisy))
    spread = _pair_spread(outputs, reduce, denominator)
    diffeo, noise = (_reduced(values - outputs, reduce) for values in (warped, noisy))
    return Stability((diffeo / spread).item(), (noise / spread).item(), (diffeo / noise).item())


def _reduced(difference: Tensor, reduce: str) -> Tensor:
    square = difference**2
    if reduce == "median_coordinate":
        return square.median(0).values.sum()
    norms = square.sum(1)
    return norms.mean() if reduce == "mean" else norms.median()


def _pair_spread(outputs: Tensor, reduce: str, denominator: str) -> Tensor:
    """⟨‖f(x) - f(z)‖²⟩; the mean in O(batch), the medians from the Gram matrix."""
    batch = len(outputs)
    centred = outputs - outputs.mean(0)
    if reduce == "mean":
        all_pairs = 2 * (centred**2).sum(1).mean()
        return all_pairs + 1e-10 if denominator == "all_pairs" else all_pairs * batch / (batch - 1)
    norms = (centred**2).sum(1)
    squares = (norms[:, None] + norms[None, :] - 2 * centred @ centred.T).clamp(min=0)
    if denominator == "all_pairs":
        return squares.fill_diagonal_(0).median() + 1e-10
    row, column = torch.triu_indices(batch, batch, offset=1, device=outputs.device)
    return squares[row, column].median()
