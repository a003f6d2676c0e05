r"""The stripe model: a label that depends on one of d coordinates, learnt by a one-hidden-layer network.

    x ~ N(0, Id_d),    y = +1 if -0.3 < x_1 < 1.18549, else -1 (balanced);    f(x) = (1/h) Σ_i a_i max(w_i·x/√d +
    b_i, 0)

From a small initialisation, weights align with the informative direction. The *compression factor* of the weights is

    Λ² = ⟨w_{i1}²⟩_i / ⟨w_{ij}²⟩_{i, j ≥ 2},    predicted to grow as √P (paccolat2021compression).

The diffeomorphism of this model is a noise in the d - 1 directions that the label ignores, compared with an
isotropic noise of the same norm. For small norms, with Λ_f² = E[(∂_1 f)²] / E[(∂_j f)²]_{j ≥ 2} the anisotropy of
the *gradient of f*,

    R_f = d / (Λ_f² + d - 1)    exactly,

which is not the weights' Λ: the neurons' components across the stripe partly average out in f.
"""

from dataclasses import dataclass

from quire.cite import cites
from quire.types import Float, Tensor

__all__ = ["STRIPE", "StripeNet", "stripe_labels", "stripe_relative_stability"]

STRIPE = (-0.3, 1.18549)


@cites("paccolat2021compression", "stripe model")
def stripe_labels(inputs: Float[Tensor, "*batch dim"]) -> Float[Tensor, "*batch"]:
    """+1 inside the stripe, -1 outside.

    >>> import torch
    >>> stripe_labels(torch.tensor([[0.0, 5.0], [2.0, 0.0]])).tolist()
    [1.0, -1.0]
    """
    inside = (inputs[..., 0] > STRIPE[0]) & (inputs[..., 0] < STRIPE[1])
    return inside.to(inputs.dtype) * 2 - 1


@dataclass
class StripeNet:
    """Independent networks with a leading seed axis; ``offset`` is subtracted from f if centred."""

    weight: Float[Tensor, "seed hidden dim"]
    bias: Float[Tensor, "seed hidden"]
    readout: Float[Tensor, "seed hidden"]

    def __call__(self, inputs: Float[Tensor, "seed batch dim"]) -> Float[Tensor, "seed batch"]:
        """f(x), every seed on its own inputs."""
        hidden = self._preactivation(inputs).relu()
        return (hidden @ self.readout.unsqueeze(-1)).squeeze(-1) / self.readout.shape[1]

    def gradient(self, inputs: Float[Tensor, "seed batch dim"]) -> Float[Tensor, "seed batch dim"]:
        """∇f(x)."""
        active = (self._preactivation(inputs) > 0).to(inputs.dtype)
        scale = self.readout.shape[1] * inputs.shape[-1] ** 0.5
        return (active * self.readout.unsqueeze(1)) @ self.weight / scale

    def compression(self) -> Float[Tensor, " seed"]:
        """Λ, the root-mean-square weight along the informative direction over that along another."""
        return (self.weight[..., 0].square().mean(1) / self.weight[..., 1:].square().mean((1, 2))).sqrt()

    def gradient_anisotropy(self, inputs: Float[Tensor, "seed batch dim"]) -> Float[Tensor, " seed"]:
        """Λ_f, from the gradient at the inputs."""
        square = self.gradient(inputs).square().mean(1)
        return (square[:, 0] / square[:, 1:].mean(1)).sqrt()

    def _preactivation(self, inputs: Tensor) -> Tensor:
        return inputs @ self.weight.transpose(1, 2) / inputs.shape[-1] ** 0.5 + self.bias.unsqueeze(1)


@cites("petrini2021diffeo", "appendix, relative stability of the stripe model; identity derived here")
def stripe_relative_stability(
    network: StripeNet,
    inputs: Float[Tensor, "seed batch dim"],
    *,
    noise: Float[Tensor, "seed batch dim"],
    norm: float,
) -> Float[Tensor, " seed"]:
    """Measured R_f of each seed for a noise of the given norm per coordinate.

    Args:
        network: f.
        inputs: test points.
        noise: standard normal numbers; their directions serve both perturbations.
        norm: the perturbations' norm, in units of √d.

    Returns:
        ⟨(f(x + η_⊥) - f(x))²⟩ / ⟨(f(x + η) - f(x))²⟩ with ‖η_⊥‖ = ‖η‖.
    """
    radius = norm * inputs.shape[-1] ** 0.5
    across = noise.clone()
    across[..., 0] = 0
    values = network(inputs)
    change = [network(inputs + radius * step / step.norm(dim=-1, keepdim=True)) - values for step in (across, noise)]
    return change[0].square().mean(1) / change[1].square().mean(1)
