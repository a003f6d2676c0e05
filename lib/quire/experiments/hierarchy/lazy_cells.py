"""Networks whose features do not move: the tangent kernel and a convex problem. JSON arguments, rows of numbers."""

import torch

from quire.deep_kernels import tree_tangent_kernel
from quire.experiments.hierarchy.fitting import curve_rows, draw_grammar, nested_data, scales
from quire.regression import NestedRegression, nested_logistic
from quire.types import Float, Int, Tensor

__all__ = ["lazy_curve"]


def lazy_curve(
    *,
    vocab: int,
    num_rules: int,
    branching: int,
    depth: int,
    num_classes: int,
    network: str,
    seed: int,
    ratios: list,
    unit: str,
    level: float,
    loss: str = "logistic",
    ridge: float = 1e-3,
    device: str = "cpu",
) -> list[dict]:
    """Test error of the tangent kernel of the infinitely wide "cnn", or "shallow", network: features that do not move.

    Args:
        vocab, num_rules, branching, depth, num_classes, seed: of the grammar.
        network: "cnn" (matched to the tree) or "shallow" (one hidden layer).
        ratios: P in units of ``unit``.
        unit: "threshold" (n_c m^L) or "data" (all of them).
        level: of the threshold, as a fraction of the error 1 - 1/n_c of chance.
        loss: "logistic" (multinomial, as the networks are trained) or "square" (regression on one-hot labels).
        ridge: λ beside the sum of the losses. With the logistic loss the residual of a sample is λ times its coefficient:
            1e-3 leaves a mean loss of about 1e-2, a network that has fitted its data.
        device: where the matrices are.

    Returns:
        One row per size, with needed: the P at which the error crosses the level (nan where it does not).

    Raises:
        ValueError: another loss.
        NotConvergedError: the logistic regression does not reach residuals of 1e-6.
    """
    grammar = draw_grammar(vocab, num_rules, branching, depth, num_classes, seed=seed, rules="random")
    sizes, data = nested_data(grammar, ratios, unit, seed, num_test=1024)
    train, test = data["train"].tokens.to(device), data["test"].tokens.to(device)
    filter_size = branching if network == "cnn" else grammar.num_tokens
    kernels = [tree_tangent_kernel(train, other, vocab=vocab, branching=filter_size) for other in (train, test)]
    labels = data["train"].labels.long().to(device)
    outputs = _outputs(*kernels, labels, num_classes=num_classes, sizes=sizes, loss=loss, ridge=ridge)
    errors = (outputs.argmax(-1).cpu() != data["test"].labels.long()).double().mean(1).tolist()
    return curve_rows(sizes, errors, level=level, **scales(grammar))


def _outputs(
    gram: Float[Tensor, "train train"],
    cross: Float[Tensor, "train test"],
    labels: Int[Tensor, "train"],
    *,
    num_classes: int,
    sizes: list,
    loss: str,
    ridge: float,
) -> Float[Tensor, "sizes test classes"]:
    """Outputs on the test data, for every size."""
    if loss == "logistic":
        return nested_logistic(gram, cross, labels, num_classes=num_classes, sizes=sizes, ridge=ridge, tolerance=1e-6)
    if loss == "square":
        targets = torch.nn.functional.one_hot(labels, num_classes).double() - 1 / num_classes
        return NestedRegression(gram, cross, ridge=ridge).predictions(targets, sizes=sizes)
    raise ValueError(f'loss must be "logistic" or "square", got {loss!r}')
