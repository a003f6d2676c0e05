r"""The model in its tangent space: :math:`f_\mathrm{lin}(x; \theta_0 + \tau) = f(x; \theta_0) + \tau^\top \nabla_\theta f(x; \theta_0)`.

One Jacobian-vector product at θ0 along τ; the gradient is never formed (ortizjimenez2023tangent, Eq. (4)). Two uses: *post-hoc*,
at the τ of ordinary fine-tuning, and *tangent fine-tuning*, where τ itself is trained: :class:`Linearized` is an ordinary
module whose only trainable parameters are τ.
"""

import copy
from collections.abc import Mapping

import torch
from torch import nn
from torch.func import functional_call, jvp, vmap

from quire.tangent.evaluation import as_function, check_params
from quire.tangent.task_vector import TaskVector
from quire.types import Float, Tensor

__all__ = ["Linearized", "linear_parts", "linearize"]

State = Mapping[str, Tensor]


def linearize(model: nn.Module, params: State | None = None) -> "Linearized":
    """The linearisation of a model around weights.

    Args:
        model: any module; copied, in evaluation mode (dropout and batch statistics would make it another function each time).
        params: its ``state_dict``, or its parameters; None: those that it has.

    Raises:
        ValueError: names or shapes are not the model's.

    >>> net = linearize(nn.Linear(2, 1))
    >>> bool((net(torch.ones(1, 2)) == net.base(torch.ones(1, 2))).all())
    True
    """
    base = copy.deepcopy(model)
    if params is not None:
        check_params(base, params)
        base.load_state_dict(dict(params), strict=False)
    return Linearized(base)


class Linearized(nn.Module):
    """f(x; θ0) + Jτ; ``base`` holds θ0, frozen, and ``shift`` holds τ, zero at first and trainable."""

    def __init__(self, base: nn.Module):
        super().__init__()
        self.base = base.eval().requires_grad_(False)
        self.shift = copy.deepcopy(self.base).requires_grad_(True)
        with torch.no_grad():
            for parameter in self.shift.parameters():
                parameter.zero_()

    def train(self, mode: bool = True) -> "Linearized":
        """The base stays in evaluation mode."""
        super().train(mode)
        self.base.eval()
        self.shift.eval()
        return self

    def forward(self, *inputs: Tensor) -> Tensor:
        """Outputs at θ0 + τ, linear in τ."""
        tangents = dict(self.shift.named_parameters())
        value, slope = _product(self.base, dict(self.base.named_parameters()), tangents, inputs)
        return value + slope

    def task_vector(self) -> TaskVector:
        """τ, by the names of the model's parameters."""
        return TaskVector({name: tensor.detach().clone() for name, tensor in self.shift.named_parameters()})

    def set_task_vector(self, vector: TaskVector) -> None:
        """Evaluate at another τ, for instance that of ordinary fine-tuning (post-hoc linearisation); its buffers are left out.

        Raises:
            ValueError: names or shapes are not the model's.
        """
        check_params(self.shift, vector.tensors)
        with torch.no_grad():
            for name, parameter in self.shift.named_parameters():
                parameter.copy_(vector.tensors[name])


@torch.no_grad()
def linear_parts(
    model: nn.Module, params: State, vectors: Mapping[str, Tensor], *inputs: Tensor
) -> tuple[Float[Tensor, "batch ..."], Float[Tensor, "vectors batch ..."]]:
    """f(x; θ0) and every Jτ: all that a linear model needs at any combination of task vectors.

    Args:
        model: a module.
        params: θ0, by name: parameters, and buffers where they differ from the model's.
        vectors: τ of all tasks by name of the parameter, ``[vectors, …]``; what they say of buffers (the running statistics
            of a batch norm) is left out, as these are no weights.
        inputs: of the model.

    Returns:
        f0, and Jτ with the vectors first.

    Raises:
        ValueError: names or shapes are not the model's.
    """
    check_params(model, params)
    check_params(model, vectors, stacked=True)
    names = [name for name, _ in model.named_parameters()]
    fixed = {name: tensor for name, tensor in params.items() if name not in names}
    weights, tangents = ({name: source[name] for name in names} for source in (params, vectors))

    def product(direction: State) -> Tensor:
        return jvp(lambda p: functional_call(model, {**fixed, **p}, inputs), (weights,), (direction,))[1]

    with as_function(model):
        return functional_call(model, dict(params), inputs), vmap(product)(tangents)


def _product(model: nn.Module, weights: State, tangents: State, inputs: tuple) -> tuple[Tensor, Tensor]:
    with as_function(model):
        return jvp(lambda p: functional_call(model, p, inputs), (dict(weights),), (dict(tangents),))
