"""The cell of the chapter on classification that trains no features: the tangent kernel and a convex problem."""

import torch

from quire.deep_kernels import tree_tangent_kernel
from quire.experiments.hierarchy_fit import curve_rows, draw_grammar, nested_data, scales
from quire.regression import NestedRegression, nested_logistic

__all__ = ["lazy_curve"]


def lazy_curve(
    vocab: int,
    num_rules: int,
    branching: int,
    depth: int,
    num_classes: int,
    network: str,
    seed: int,
    ratios: list[float],
    unit: str,
    level: float,
    *,
    loss: str = "logistic",
    ridge: float = 1e-3,
    device: str = "cpu",
) -> list[dict]:
    """Test error of the tangent kernel of the infinitely wide "cnn", or "shallow", network: features that do not move.

    Args:
        loss: "logistic" (multinomial, as the networks are trained) or "square" (regression on one-hot labels).
        ridge: λ beside the sum of the losses. With the logistic loss the residual of a sample is λ times its coefficient:
            1e-3 leaves a mean loss of about 1e-2, a network that has fitted its data.

    Raises:
        ValueError: another loss.
        NotConvergedError: the logistic regression does not reach residuals of 1e-6.
    """
    grammar = draw_grammar(vocab, num_rules, branching, depth, num_classes, seed=seed, rules="random")
    sizes, data = nested_data(grammar, ratios, unit, seed, num_test=1024)
    train, test = data["train"].tokens.to(device), data["test"].tokens.to(device)
    labels = data["train"].labels.long().to(device)
    filter_size = branching if network == "cnn" else grammar.num_tokens
    gram, cross = (tree_tangent_kernel(train, other, vocab=vocab, branching=filter_size) for other in (train, test))
    if loss == "logistic":
        outputs = nested_logistic(
            gram, cross, labels, num_classes=num_classes, sizes=sizes, ridge=ridge, tolerance=1e-6
        )
    elif loss == "square":
        targets = torch.nn.functional.one_hot(labels, num_classes).double() - 1 / num_classes
        outputs = NestedRegression(gram, cross, ridge=ridge).predictions(targets, sizes=sizes)
    else:
        raise ValueError(f'loss must be "logistic" or "square", got {loss!r}')
    errors = (outputs.argmax(-1).cpu() != data["test"].labels.long()).double().mean(1).tolist()
    return curve_rows(sizes, errors, level=level, **scales(grammar))
