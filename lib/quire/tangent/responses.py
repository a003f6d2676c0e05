r"""Outputs on fixed inputs as a function of the coefficients of task vectors, :math:`\alpha \mapsto f(x; \theta_0 + \sum_t \alpha_t\tau_t)`.

Every experiment of task arithmetic asks this function again and again on the same inputs. A linear model answers from f0 and the
Jτ, computed once: any grid of coefficients is then a product of small matrices. A non-linear one needs a pass for each α; the
weights of several α are stacked, so that each layer is one batched product.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import nn
from torch.func import functional_call, vmap

from quire.tangent.evaluation import as_function, check_params
from quire.tangent.linearized import linear_parts
from quire.types import Float, Tensor

__all__ = ["Response", "linear_response", "nonlinear_response", "stack_vectors"]

STACKED = (
    2_000_000  # weights and outputs of a stack, in numbers: a stack fits the caches and no memory is asked for twice
)


@dataclass(frozen=True)
class Response:
    """See the module; called with coefficients ``[points, vectors]`` it gives outputs ``[points, batch, …]``.

    Attributes:
        num_vectors: how many task vectors there are.
        outputs: the function.
        headed: from a head to the response of its logits, where that is cheaper than to multiply all outputs.
    """

    num_vectors: int
    outputs: Callable[[Tensor], Tensor]
    headed: Callable[[Tensor], "Response"] | None = None

    def __call__(self, coefficients: Float[Tensor, "points vectors"]) -> Float[Tensor, "points batch ..."]:
        """Outputs at each point.

        Raises:
            ValueError: no points, not one coefficient for each vector, or one that is not finite.
        """
        if coefficients.ndim != 2 or coefficients.shape[0] == 0 or coefficients.shape[1] != self.num_vectors:
            raise ValueError(
                f"coefficients must be [points, {self.num_vectors}] with one point at least, got {list(coefficients.shape)}"
            )
        if not bool(torch.isfinite(coefficients).all()):
            raise ValueError("coefficients must be finite, got some that are not")
        return self.outputs(coefficients)

    def through(self, head: Float[Tensor, "classes width"]) -> "Response":
        """The logits of a frozen head, without the length of the embedding."""
        if self.headed is not None:
            return self.headed(head)
        return Response(self.num_vectors, lambda coefficients: _logits(self.outputs(coefficients), head))


def stack_vectors(vectors: list) -> dict[str, Tensor]:
    """Task vectors of one architecture as one tensor for each name, ``[vectors, …]``.

    Raises:
        ValueError: there are none, or names or shapes differ.
    """
    if not vectors or any(one.tensors.keys() != vectors[0].tensors.keys() for one in vectors):
        raise ValueError(f"vectors must be one task vector or more with the same names, got {len(vectors)}")
    for name, tensor in vectors[0].tensors.items():
        if any(one.tensors[name].shape != tensor.shape for one in vectors):
            raise ValueError(f"{name} must have one shape in all vectors: take them from one architecture")
    return {name: torch.stack([one.tensors[name] for one in vectors]) for name in vectors[0].tensors}


def linear_response(
    model: nn.Module, params: Mapping[str, Tensor], vectors: Mapping[str, Tensor], inputs: Tensor, *, batch: int = 512
) -> Response:
    """Of the linearised model: f0 + Σ α_t Jτ_t, from one pass over the inputs.

    Args:
        model: from inputs to outputs, linearised as a whole: an image encoder, without its normalising head.
        params: θ0.
        vectors: ``[vectors, …]`` by name, see :func:`stack_vectors`.
        inputs: ``[samples, …]``.
        batch: samples that go through the model at once.
    """
    parts = [linear_parts(model, params, vectors, part) for part in inputs.split(batch)]
    plain, slopes = torch.cat([part[0] for part in parts]), torch.cat([part[1] for part in parts], dim=1)
    return _linear(plain, slopes)


def _linear(plain: Tensor, slopes: Tensor) -> Response:
    def outputs(coefficients: Tensor) -> Tensor:
        moved = coefficients.to(slopes) @ slopes.flatten(1)
        return plain + moved.unflatten(1, plain.shape)

    return Response(len(slopes), outputs, lambda head: _linear(_logits(plain, head), _logits(slopes, head)))


def _logits(embeddings: Tensor, head: Tensor) -> Tensor:
    return embeddings @ head.to(embeddings).T


def nonlinear_response(
    model: nn.Module, params: Mapping[str, Tensor], vectors: Mapping[str, Tensor], inputs: Tensor
) -> Response:
    """Of the model itself, the weights of several points at a time; arguments as for :func:`linear_response`."""
    check_params(model, params)
    check_params(model, vectors, stacked=True)
    numbers = sum(tensor[0].numel() for tensor in vectors.values())
    rest = {name: tensor for name, tensor in params.items() if name not in vectors}

    @torch.no_grad()
    def outputs(coefficients: Tensor) -> Tensor:
        weights = coefficients.to(next(iter(vectors.values())))
        found = []
        with as_function(model):
            for part in weights.split(max(1, STACKED // numbers)):
                moved = {name: params[name] + torch.tensordot(part, tau, 1) for name, tau in vectors.items()}
                found.append(vmap(lambda p: functional_call(model, {**rest, **p}, (inputs,)))(moved))
        return torch.cat(found)

    return Response(len(next(iter(vectors.values()))), outputs)
