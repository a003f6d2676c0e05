"""One network trained at many learning rates, as one batched network: how the best rate moves is read off a grid of them.

All start from the same weights and see the same batches, so that a step of all is one batched product per layer. On a CPU a step of a small
network is mostly overhead, which they share; a large one costs what the members cost one by one.
"""

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import nn
from torch.func import functional_call, grad, vmap

from quire.types import Float, Int, Shaped, Tensor

__all__ = ["losses_at_rates"]

DECAYS = (0.9, 0.999)  # of Adam's two moments, as in torch
EPSILON = 1e-8


def losses_at_rates(
    net: nn.Module,
    inputs: Shaped[Tensor, "samples ..."],
    targets: Shaped[Tensor, "samples ..."],
    *,
    rates: Sequence[float],
    steps: int,
    batch_size: int,
    generator: torch.Generator,
    factors: Mapping[str, float] | None = None,
    loss: Callable[[Tensor, Tensor], Tensor] = nn.functional.cross_entropy,
) -> Float[Tensor, " rates"]:
    """Loss on all samples after some steps of Adam (kingma2015adam), for each learning rate.

    Args:
        net: where all start; it stays as it is.
        inputs, targets: on the device of the net.
        rates: η, positive.
        steps, batch_size: batches are drawn with replacement.
        generator: of the batches.
        factors: of the rate of each parameter by name, see :func:`quire.mechanics.rate_factors`; None: one.
        loss: mean over samples, from (outputs, targets).

    Returns:
        One loss for each rate; not finite where training has diverged.

    Raises:
        ValueError: no rate, one that is not positive, or a factor for a parameter that there is not.
    """
    start = {name: parameter.detach() for name, parameter in net.named_parameters()}
    _check(rates, factors or {}, start)

    def value(weights: dict, batch: Int[Tensor, " batch"]) -> Tensor:
        return loss(functional_call(net, weights, (inputs[batch],)), targets[batch])

    weights = {name: tensor.expand(len(rates), *tensor.shape).clone() for name, tensor in start.items()}
    moments = {name: (torch.zeros_like(tensor), torch.zeros_like(tensor)) for name, tensor in weights.items()}
    own = {name: _column(rates, tensor) * (factors or {}).get(name, 1.0) for name, tensor in weights.items()}
    slope = vmap(grad(value), in_dims=(0, None))
    for step in range(1, steps + 1):
        batch = torch.randint(len(targets), (batch_size,), generator=generator).to(targets.device)
        for name, gradient in slope(weights, batch).items():
            weights[name].sub_(own[name] * _adam(gradient, moments[name], step))
    everything = torch.arange(len(targets), device=targets.device)
    with torch.no_grad():
        return vmap(value, in_dims=(0, None))(weights, everything)


def _adam(gradient: Tensor, moments: tuple[Tensor, Tensor], step: int) -> Tensor:
    """The direction of a step of Adam; its moments go on in place."""
    first, second = moments
    first.lerp_(gradient, 1 - DECAYS[0])
    second.mul_(DECAYS[1]).addcmul_(gradient, gradient, value=1 - DECAYS[1])
    size = (second / (1 - DECAYS[1] ** step)).sqrt_().add_(EPSILON)
    return (first / (1 - DECAYS[0] ** step)).div_(size)


def _column(rates: Sequence[float], tensor: Tensor) -> Tensor:
    """The rates along the first axis of ``[rates, …]``."""
    return torch.tensor(rates, dtype=tensor.dtype, device=tensor.device).reshape(-1, *[1] * (tensor.ndim - 1))


def _check(rates: Sequence[float], factors: Mapping[str, float], parameters: Mapping[str, Tensor]) -> None:
    if not rates or not all(rate > 0 for rate in rates):
        raise ValueError(f"rates must be positive, at least one, got {list(rates)}")
    unknown = sorted(set(factors) - set(parameters))
    if unknown:
        raise ValueError(f"factors names {unknown}: the parameters are {sorted(parameters)}")
