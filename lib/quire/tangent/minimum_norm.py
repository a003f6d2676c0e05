r"""The shortest task vector with which a linearised model fits its targets: :math:`\tau = J^\top (J J^\top)^{-1} (y - f_0)`.

It is where gradient descent on the squared loss of :math:`f_\mathrm{lin}` ends from τ = 0: a sum of the gradients of the task's own data, so
that its effect elsewhere, :math:`J(x)\tau = \sum_i k(x, x_i)\, a_i`, is a matter of the tangent kernel between the two.
"""

from collections.abc import Mapping

import torch
from torch import nn
from torch.func import functional_call, jacrev

from quire.tangent.evaluation import check_params
from quire.tangent.task_vector import TaskVector
from quire.types import Float, Tensor

__all__ = ["minimum_norm_vector"]


def minimum_norm_vector(
    model: nn.Module, params: Mapping[str, Tensor], inputs: Float[Tensor, "samples ..."], targets: Tensor
) -> TaskVector:
    """Solve for τ with the Jacobian written out: for small problems, in float64.

    Args:
        model: from inputs to outputs ``[samples, outputs]``.
        params: θ0 by name.
        inputs, targets: what is fitted, samples × outputs fewer than the parameters.

    Raises:
        ValueError: more equations than parameters, targets of another shape than the outputs, or targets that cannot be fitted.
    """
    check_params(model, params)
    weights = {name: params[name].detach() for name, _ in model.named_parameters()}
    start = functional_call(model, dict(params), (inputs,)).detach()
    if targets.shape != start.shape:
        raise ValueError(f"targets must have the shape of the outputs, {list(start.shape)}, got {list(targets.shape)}")
    numbers = sum(tensor.numel() for tensor in weights.values())
    if start.numel() > numbers:
        raise ValueError(
            f"{start.numel()} equations have no exact solution in {numbers} parameters: give fewer samples"
        )
    parts = jacrev(lambda p: functional_call(model, {**params, **p}, (inputs,)))(weights)
    jacobian = torch.cat([parts[name].reshape(start.numel(), -1) for name in weights], dim=1)
    residual = (targets - start).flatten()
    flat = jacobian.T @ torch.linalg.lstsq(jacobian @ jacobian.T, residual[:, None]).solution[:, 0]
    if not bool((jacobian @ flat - residual).norm() <= 1e-4 * residual.norm()):
        raise ValueError("the targets cannot be fitted: is a sample given twice, or are the weights float32?")
    pieces = flat.split([tensor.numel() for tensor in weights.values()])
    return TaskVector({n: piece.view_as(weights[n]) for n, piece in zip(weights, pieces, strict=True)})
