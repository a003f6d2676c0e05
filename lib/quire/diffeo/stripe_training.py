r"""Training of the stripe model: gradient descent on the hinge loss of all points, each network until it is low enough,
or until enough of its points have their margin.

With the bias as the weight of a constant input, :math:`h = \max(X W^\top, 0)` and :math:`f = h\,a / H`, the gradients are
:math:`\partial_a = h^\top\delta / H` and :math:`\partial_W = a\,\big(1[h > 0]^\top (\delta X)\big) / H`, where
:math:`\delta = \partial f`: one number per point and no graph of the hidden layer. Learning rates are in mean-field units
(each neuron moves by rate · H times the gradient).
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from quire.cite import cites
from quire.diffeo.stripes import StripeNet, stripe_labels
from quire.nets import Ensemble
from quire.rng import generator as stream
from quire.training import MemberData, Objective, TrainConfig, train
from quire.types import Bool, Float, Tensor

__all__ = ["StripeTraining", "draw_stripe_networks", "train_stripes"]

SMALLEST = 1e-12  # a mean loss below this is zero: every point has its margin


@dataclass(frozen=True)
class StripeTraining:
    """The trained networks; seeds that reached neither target are not ``converged``.

    Attributes:
        network: of all seeds.
        loss: of each seed's final weights.
        converged: whether a target is reached.
        num_steps: steps of the seed that took most.
    """

    network: StripeNet
    loss: Float[Tensor, " seed"]
    converged: Bool[Tensor, " seed"]
    num_steps: int


def draw_stripe_networks(
    seeds: int, *, dim: int, num_hidden: int, initial_scale: float, generator: torch.Generator, like: Tensor
) -> StripeNet:
    """Networks with Gaussian parameters of this standard deviation, on the device and in the precision of ``like``."""
    shape = (seeds, num_hidden, dim + 2)
    draws = (torch.randn(shape, generator=generator, device=generator.device) * initial_scale).to(like)
    return StripeNet(draws[..., :dim].clone(), draws[..., dim].clone(), draws[..., dim + 1].clone())


@cites("paccolat2021compression", "feature regime, hinge loss")
def train_stripes(
    inputs: Float[Tensor, "seed batch dim"],
    *,
    num_hidden: int,
    initial_scale: float,
    learning_rate: float,
    target_loss: float,
    max_steps: int,
    generator: torch.Generator,
    target_fitted: float = 1.0,
) -> StripeTraining:
    """Full-batch gradient descent on the hinge loss ⟨max(0, 1 - y f)⟩, each seed until a target is reached.

    Args:
        inputs: training points of each seed; labels are :func:`stripe_labels`.
        num_hidden: h.
        initial_scale: standard deviation of all initial parameters; the feature regime needs ≤ 1e-4 at P ~ 500,
            because Λ cannot exceed the ratio of a grown weight to an initial one.
        learning_rate: in mean-field units: each neuron moves by learning_rate·h times the gradient.
        target_loss: a seed stops when its loss is below; zero: never.
        max_steps: where all stop.
        generator: of the initial parameters.
        target_fitted: a seed stops when this fraction of its points have the margin y f ≥ 1, as a tenth of them have where
            paccolat2021compression reads Λ; those without a slope do not push any longer. One: only when all have.

    Raises:
        ValueError: a fraction outside of (0, 1].
    """
    if not 0 < target_fitted <= 1:
        raise ValueError(f"target_fitted must be a fraction in (0, 1], got {target_fitted}")
    seeds, _, dim = inputs.shape
    start = draw_stripe_networks(
        seeds, dim=dim, num_hidden=num_hidden, initial_scale=initial_scale, generator=generator, like=inputs
    )
    points = torch.cat([inputs / dim**0.5, torch.ones_like(inputs[..., :1])], 2)
    labels = stripe_labels(inputs)
    result = train(
        _StripeEnsemble(start),
        MemberData.concatenate(list(zip(points, labels, strict=True))),
        config=TrainConfig(
            learning_rate=learning_rate,
            max_steps=max_steps,
            batch_size=None,
            loss=Objective(_HingeUntil(target_fitted)),
            stop_loss=max(target_loss, SMALLEST),
            stop_before_step=True,
            on_divergence="stop",
        ),
        generators=[
            stream("stripes.unused", seed) for seed in range(seeds)
        ],  # nothing is drawn: the whole set, no noise
    )
    reached = torch.tensor([reason == "stop_loss" for reason in result.stop_reasons], device=inputs.device)
    with torch.no_grad():
        each = _hinge(result.net(points), labels)
    after_the_last_step = (each.mean(1) < target_loss) | (_fitted(each) >= target_fitted)
    return StripeTraining(result.net.network(), each.mean(1), reached | after_the_last_step, int(result.steps.max()))


class _StripeEnsemble(Ensemble):
    """Stripe networks on points that carry a one as their last component; see the module."""

    def __init__(self, network: StripeNet):
        super().__init__()
        self.weight = nn.Parameter(torch.cat([network.weight, network.bias.unsqueeze(2)], 2))
        self.readout = nn.Parameter(network.readout.clone())
        self.learning_rate_scale = float(self.readout.shape[1])

    def network(self) -> StripeNet:
        """The same networks, on points as they are."""
        weight = self.weight.detach()
        return StripeNet(weight[..., :-1].clone(), weight[..., -1].clone(), self.readout.detach().clone())

    def accumulate(self, inputs: Tensor, objective: Callable[[Tensor], Tensor]) -> Tensor:
        """See :meth:`quire.nets.Ensemble.accumulate`."""
        width = self.readout.shape[1]
        with torch.no_grad():
            hidden = self._hidden(inputs)
            outputs = self._read(hidden)
        values = objective(outputs.requires_grad_())
        (slope,) = torch.autograd.grad(values.sum(), outputs)
        with torch.no_grad():
            slope.div_(width)
            self.readout.grad.unsqueeze(1).baddbmm_(slope.transpose(1, 2), hidden)
            pushed = torch.bmm(hidden.sign_().transpose(1, 2), slope * inputs)
            self.weight.grad.addcmul_(self.readout.unsqueeze(2), pushed)
        return values.detach()

    def _run(self, inputs: Tensor, record: dict[str, Tensor] | None) -> Tensor:
        hidden = self._hidden(inputs)
        if record is not None:
            record["layer1"] = hidden
        return self._read(hidden)

    def _hidden(self, inputs: Tensor) -> Tensor:
        return torch.bmm(inputs, self.weight.transpose(1, 2)).relu_()

    def _read(self, hidden: Tensor) -> Tensor:
        return torch.bmm(hidden, self.readout.unsqueeze(2)) / self.readout.shape[1]


@dataclass(frozen=True)
class _HingeUntil:
    """The hinge loss of each point, and no loss at all in a seed of which this fraction of points have none."""

    fitted: float

    def __call__(
        self, outputs: Float[Tensor, "seed batch one"], labels: Float[Tensor, "seed batch"]
    ) -> Float[Tensor, "seed batch"]:
        each = _hinge(outputs, labels)
        return each * (_fitted(each) < self.fitted).unsqueeze(1)


def _fitted(each: Float[Tensor, "seed batch"]) -> Float[Tensor, " seed"]:
    """Fraction of points without a loss."""
    return (each <= 0).to(each.dtype).mean(1)


def _hinge(
    outputs: Float[Tensor, "seed batch one"], labels: Float[Tensor, "seed batch"]
) -> Float[Tensor, "seed batch"]:
    """max(0, 1 - y f), with no slope at the kink."""
    return (1 - labels * outputs[..., 0]).relu()
