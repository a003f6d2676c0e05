r"""Finite-width networks whose kernels are the hierarchical ones, many at a time.

A non-overlapping convolution is a linear map of reshaped patches, so a batch of networks is a chain of batched matrix
products. In the NTK parametrisation (weights of unit variance, H channels),

.. math::
    h^1 = \mathrm{relu}(\sqrt2\, W^1 x_i),\qquad
    h^l = \mathrm{relu}\Big(\sqrt{\tfrac{2}{H s_l}}\, W^l h^{l-1}_{children}\Big),\qquad
    f = \frac{1}{\sqrt{H p_L}} \sum_i a_i \cdot h^L_i,

with filters W shared along a level. As H grows, the kernel of f's gradients tends to the hierarchical NTK at the rate
:math:`1/\sqrt H`, and gradient descent on :math:`f - f_{init}` to kernel regression with it.

Source: jacot2018ntk; cagnetta2023deep (deep convolutional networks).
"""

from math import sqrt

import torch
from torch import nn

from quire.cite import cites
from quire.deep_kernels.architecture import Architecture
from quire.deep_kernels.inputs import as_patches
from quire.nets import Ensemble
from quire.rng import generator as stream
from quire.training import MemberData, Objective, TrainConfig, train
from quire.types import Float, Tensor

__all__ = ["draw_weights", "empirical_kernel", "network_outputs", "train_centred"]


def draw_weights(
    architecture: Architecture,
    width: int,
    *,
    num_networks: int,
    generator: torch.Generator,
    dtype: torch.dtype = torch.float32,
) -> list[Tensor]:
    """Standard normal weights of ``num_networks`` networks: one tensor per layer, networks first."""
    if width < 1 or num_networks < 1:
        raise ValueError(f"width and num_networks must be ≥ 1, got {width} and {num_networks}: ask for at least one")
    first, *others = architecture.filter_sizes
    shapes = [(first, width), *((size * width, width) for size in others), (architecture.readout_size * width, 1)]
    return [torch.randn(num_networks, *shape, generator=generator, dtype=dtype) for shape in shapes]


@cites("jacot2018ntk", "NTK parametrisation")
def network_outputs(
    weights: list[Tensor], inputs: Float[Tensor, "samples length"], *, architecture: Architecture
) -> Float[Tensor, "networks samples"]:
    """Outputs of all the networks on all the inputs.

    >>> tree = Architecture((2, 2))
    >>> weights = draw_weights(tree, 8, num_networks=3, generator=torch.Generator().manual_seed(0))
    >>> network_outputs(weights, torch.tensor([[1.0, 0.0, 0.0, 1.0]]), architecture=tree).shape
    torch.Size([3, 1])
    """
    return _outputs(weights, _first_layer_input(inputs, architecture).unsqueeze(0), architecture)


def empirical_kernel(
    weights: list[Tensor],
    left: Float[Tensor, "rows length"],
    right: Float[Tensor, "columns length"],
    *,
    architecture: Architecture,
) -> Float[Tensor, "rows columns"]:
    """Inner products of the gradients of the first network: its own tangent kernel, by :mod:`torch.func`."""
    single = [layer[:1] for layer in weights]

    def gradients(inputs):
        patches = _first_layer_input(inputs, architecture).unsqueeze(0)
        jacobian = torch.func.jacrev(lambda layers: _outputs(layers, patches, architecture)[0])(single)
        return torch.cat([block.flatten(1) for block in jacobian], dim=1)

    return gradients(left) @ gradients(right).T


def train_centred(
    weights: list[Tensor],
    inputs: Float[Tensor, "samples length"],
    targets: Float[Tensor, "networks samples"],
    *,
    architecture: Architecture,
    test_inputs: Float[Tensor, "tests length"],
    learning_rate: float,
    momentum: float,
    num_steps: int,
) -> dict[str, Tensor]:
    """Full-batch gradient descent on half the summed squared error, one target per network.

    The initial function is subtracted from f so that the wide limit is kernel regression without the noise of the
    initial draw. Learning rates below 2 / (largest eigenvalue of the Gram matrix) are stable in that limit.

    Returns:
        "predictions" (networks, tests), "losses" (networks): the mean squared training error at the end.
    """
    points, tests = (_first_layer_input(data, architecture) for data in (inputs, test_inputs))
    net = _Networks(weights, architecture)
    with torch.no_grad():
        offset, test_offset = net.on_all(points), net.on_all(tests)
    wanted = torch.stack([offset, targets], 2)
    result = train(
        net,
        MemberData.concatenate([(points, both) for both in wanted]),
        config=TrainConfig(
            learning_rate=learning_rate,
            max_steps=num_steps,
            batch_size=None,
            optimizer="momentum",
            momentum=momentum,
            loss=Objective(_half_square),
            reduction="sum",
        ),
        generators=[
            stream("unused", network) for network in range(len(targets))
        ],  # whole sets, no noise: nothing is drawn
    )
    with torch.no_grad():
        residual = result.net.on_all(points) - offset - targets
        return {
            "predictions": result.net.on_all(tests) - test_offset,
            "losses": residual.square().mean(1),
        }


class _Networks(Ensemble):
    """The networks on patches ``[networks, samples, nodes, patch]``."""

    def __init__(self, weights: list[Tensor], architecture: Architecture):
        super().__init__()
        self.architecture = architecture
        self.layers = nn.ParameterList(layer.clone() for layer in weights)

    def on_all(self, patches: Float[Tensor, "samples nodes patch"]) -> Float[Tensor, "networks samples"]:
        """Outputs of all the networks on the same samples."""
        return _outputs(list(self.layers), patches.unsqueeze(0), self.architecture)

    def _run(self, inputs: Tensor, record: dict[str, Tensor] | None) -> Tensor:
        return _outputs(list(self.layers), inputs, self.architecture).unsqueeze(2)


def _half_square(outputs: Tensor, wanted: Float[Tensor, "networks samples two"]) -> Float[Tensor, "networks samples"]:
    """Half the squared distance of f - f_init from the target; ``wanted`` holds (f_init, target)."""
    return 0.5 * (outputs[..., 0] - wanted[..., 0] - wanted[..., 1]).square()


def _first_layer_input(inputs: Tensor, architecture: Architecture) -> Tensor:
    return as_patches(inputs, architecture=architecture, normalise=False).transpose(0, 1).contiguous()


def _outputs(weights: list[Tensor], patches: Tensor, architecture: Architecture) -> Tensor:
    """Of networks [networks, …] on patches [networks or 1, samples, nodes, patch]."""
    networks, width = weights[0].shape[0], weights[0].shape[2]
    samples = patches.shape[1]
    hidden = patches.flatten(1, 2).expand(networks, -1, -1)
    for position, size in enumerate(architecture.filter_sizes):
        scale = sqrt(2.0) if position == 0 else sqrt(2.0 / (size * width))
        hidden = hidden if position == 0 else hidden.reshape(networks, -1, size * width)
        hidden = torch.relu(scale * (hidden @ weights[position]))
    top = architecture.readout_size * width
    return (hidden.reshape(networks, samples, top) @ weights[-1])[..., 0] / sqrt(top)
