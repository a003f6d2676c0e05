"""Networks on the stripe model: JSON arguments, rows of numbers."""

import torch

from quire.device import resolve
from quire.diffeo import StripeTraining, stripe_labels, stripe_relative_stability, train_stripes
from quire.rng import generator
from quire.types import Tensor

__all__ = ["stripes"]


def stripes(
    *,
    num_train: int,
    seed: int,
    num_networks: int,
    dim: int,
    num_hidden: int,
    initial_scale: float,
    learning_rate: float,
    target_loss: float,
    target_fitted: float,
    max_steps: int,
    num_test: int,
    noises: list[float],
    device: str = "cpu",
) -> list[dict]:
    """Train networks on the stripe model and compare three measures of its linear invariance.

    Args:
        num_train: P.
        seed: of the ``num_networks`` networks of this cell, each with its own data.
        dim, num_hidden, initial_scale, learning_rate, target_loss, target_fitted, max_steps: of
            :func:`quire.diffeo.train_stripes`.
        num_test: points on which errors, gradients and stabilities are averaged.
        noises: norms of the perturbations in units of √d.
        device: where they are trained.

    Returns:
        One row per noise and network.
    """
    on = resolve(device)
    stream = generator("stripes", num_train, seed)
    draw = torch.randn((3, num_networks, max(num_train, num_test), dim), generator=stream).to(on)
    training, test, noise = draw[0, :, :num_train], draw[1, :, :num_test], draw[2, :, :num_test]
    run = train_stripes(
        training,
        num_hidden=num_hidden,
        initial_scale=initial_scale,
        learning_rate=learning_rate,
        target_loss=target_loss,
        target_fitted=target_fitted,
        max_steps=max_steps,
        generator=stream,
    )
    known = _invariance(run, test)
    rows = []
    for norm in noises:
        relative = stripe_relative_stability(run.network, test, noise=noise, norm=norm)
        rows += [
            {"network": network, "noise_norm": norm, "relative": relative[network].item(), **known[network]}
            for network in range(num_networks)
        ]
    return rows


def _invariance(run: StripeTraining, test: Tensor) -> list[dict]:
    """What does not depend on the noise, for each network: anisotropies, the stability that they predict, the error."""
    dim = test.shape[-1]
    errors = (run.network(test) * stripe_labels(test) <= 0).double().mean(1)
    compression, anisotropy = run.network.compression(), run.network.gradient_anisotropy(test)
    return [
        {
            "compression": compression[network].item(),
            "gradient_anisotropy": anisotropy[network].item(),
            "predicted": (dim / (anisotropy[network] ** 2 + dim - 1)).item(),
            "from_weights": (dim / (compression[network] ** 2 + dim - 1)).item(),
            "test_error": errors[network].item(),
            "converged": bool(run.converged[network]),
            "steps": run.num_steps,
        }
        for network in range(len(errors))
    ]
