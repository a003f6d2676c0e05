"""How well features can be told apart: by the classifier that comes with them, or by one that is fitted anew."""

import torch

from quire.regression import logistic_coefficients
from quire.types import Float, Int, Tensor

__all__ = ["accuracy", "refitted_accuracy"]

RIDGE = 1e-2  # against the sum of the losses, with features of mean square length one


def accuracy(
    outputs: Float[Tensor, "*draws images classes"], labels: Int[Tensor, " images"]
) -> float | Float[Tensor, "*draws"]:
    """Fraction of images whose largest output is their class; a number where there are no draws."""
    found = (outputs.argmax(-1) == labels).double().mean(-1)
    return found if found.ndim else float(found)


def refitted_accuracy(
    features: Float[Tensor, "draws images width"],
    tested: Float[Tensor, "draws others width"],
    *,
    labels: Int[Tensor, " images"],
    test_labels: Int[Tensor, " others"],
) -> Float[Tensor, " draws"]:
    """Accuracy of multinomial logistic regression on features, draw by draw."""
    found = []
    for own, held in zip(features.double(), tested.double(), strict=True):
        size = own.square().sum(-1).mean()
        gram, cross = own @ own.mT / size, held @ own.mT / size
        fitted = logistic_coefficients(
            gram, labels, num_classes=int(labels.max()) + 1, ridge=RIDGE, tolerance=1e-2, max_steps=200
        )
        found.append(accuracy(cross @ fitted, test_labels))
    return torch.tensor(found, dtype=torch.float64)
