r"""Neural collapse: the geometry of features and weights at the end of training (papyan2020prevalence).

With class means M (less the mean over classes) and the last layer's weights W: (1) the variability within a class goes to zero against
that between classes; (2) class means have one length and one angle, with cosine -1/(C-1); (3) weights and means become proportional;
(4) the classifier decides as the nearest class mean does. A mean cosine of -1/(C-1) follows from the centring alone: only the *spread* of
the cosines is evidence of (2).

For features that may be anything (:func:`unconstrained_features`) with weight decay, collapse is exact.
"""

from dataclasses import dataclass

import torch
from torch.nn import functional

from quire.types import Float, Int, Tensor

__all__ = ["NeuralCollapse", "neural_collapse", "unconstrained_features"]


@dataclass(frozen=True)
class NeuralCollapse:
    """How far features are from collapse; all are zero there, but for the mean cosine.

    Attributes:
        variability: tr(within) / tr(between).
        mean_cosine, cosine_deviation: of all pairs of class means.
        length_deviation: of the lengths of class means, over their mean.
        self_duality: squared distance of W/‖W‖ and M/‖M‖.
        disagreement: fraction of samples that the classifier and the nearest class mean put into other classes.
    """

    variability: float
    mean_cosine: float
    cosine_deviation: float
    length_deviation: float
    self_duality: float
    disagreement: float


@torch.no_grad()
def neural_collapse(
    features: Float[Tensor, "samples width"],
    labels: Int[Tensor, " samples"],
    weights: Float[Tensor, "classes width"],
    bias: Float[Tensor, " classes"] | None = None,
) -> NeuralCollapse:
    """Measure collapse.

    Args:
        features: what the last layer sees.
        labels: each class at least once.
        weights, bias: of the last layer.

    Raises:
        ValueError: shapes do not fit, a class has no sample, or there are fewer than two classes.
    """
    classes = len(weights)
    counts = torch.bincount(labels, minlength=classes)
    if classes < 2 or len(counts) != classes or not bool((counts > 0).all()) or features.shape[1:] != weights.shape[1:]:
        raise ValueError(
            f"each of two classes or more needs a sample, and features the width of the weights: got counts "
            f"{counts.tolist()}, features {list(features.shape)}, weights {list(weights.shape)}"
        )
    features, weights = features.double(), weights.double()
    means = features.new_zeros(classes, features.shape[1]).index_add(0, labels, features) / counts[:, None]
    centred = means - means.mean(0)
    within = (features - means[labels]).square().sum() / len(features)
    between = centred.square().sum() / classes
    cosines = functional.cosine_similarity(centred[:, None], centred[None], dim=2)
    pairs = cosines[~torch.eye(classes, dtype=torch.bool)]
    lengths = centred.norm(dim=1)
    decided = features @ weights.T + (0 if bias is None else bias.double())
    nearest = torch.cdist(features, means)
    return NeuralCollapse(
        variability=float(within / between),
        mean_cosine=float(pairs.mean()),
        cosine_deviation=float(pairs.std(correction=0)),
        length_deviation=float(lengths.std(correction=0) / lengths.mean()),
        self_duality=float((weights / weights.norm() - centred / centred.norm()).square().sum()),
        disagreement=float((decided.argmax(1) != nearest.argmin(1)).double().mean()),
    )


def unconstrained_features(
    *, classes: int, samples: int, width: int, decay: float, generator: torch.Generator, steps: int = 500
) -> tuple[Float[Tensor, "all width"], Int[Tensor, " all"], Float[Tensor, "classes width"]]:
    r"""Minimise :math:`\mathrm{CE}(HW^\top) + \tfrac{\lambda}{2}(\|W\|^2 + \|H\|^2/n)` over features and weights alike (zhu2021geometric).

    Args:
        classes, samples: n features for each class.
        width: at least as many as classes less one.
        decay: λ; if it is too large the minimum is at zero, and there is nothing to collapse.
        generator: of the first guess.
        steps: of L-BFGS at most.

    Returns:
        H ``[classes · samples, width]``, labels, W; float64.

    Raises:
        ValueError: the width is too small, or the solution is zero.
    """
    if width < classes - 1 or classes < 2 or samples < 1 or not decay > 0:
        raise ValueError(f"width ≥ classes - 1 ≥ 1 and decay > 0 are needed, got {width}, {classes}, {decay}")
    labels = torch.arange(classes).repeat_interleave(samples)
    features, weights = (
        torch.randn(number, width, generator=generator, dtype=torch.float64).requires_grad_()
        for number in (classes * samples, classes)
    )
    search = torch.optim.LBFGS(
        [features, weights], max_iter=steps, tolerance_grad=1e-12, tolerance_change=1e-16, line_search_fn="strong_wolfe"
    )

    def objective() -> Tensor:
        search.zero_grad()
        fit = functional.cross_entropy(features @ weights.T, labels)
        total = fit + 0.5 * decay * (weights.square().sum() + features.square().sum() / samples)
        total.backward()
        return total

    search.step(objective)
    if float(weights.detach().norm()) < 1e-3:
        raise ValueError(f"with decay {decay} the minimum is at zero: lower it")
    return features.detach(), labels, weights.detach()
