"""The structured tangent kernel against whole Jacobians, another library, and what has no rule."""

import numpy as np
import pytest
import torch
from tangent_models import Attention, drawn, jacobian, made
from torch import nn

from quire.tangent import tangent_gram


def written_out(net, inputs):
    """By the Jacobian of every sample."""
    whole = jacobian(net, inputs)
    return torch.einsum("acp,bcp->ab", whole, whole)


@pytest.mark.parametrize("name", ["dense", "convolutional", "Tokens"])
def test_against_the_whole_jacobian(name):
    net, inputs = made(name)
    found = tangent_gram(net, inputs)
    torch.testing.assert_close(found, written_out(net, inputs), rtol=1e-11, atol=1e-11)
    torch.testing.assert_close(found, found.T, rtol=0, atol=1e-12)
    assert float(torch.linalg.eigvalsh(found).min()) > -1e-10


def test_more_samples_than_a_block_of_rows():
    net, inputs = made("dense", samples=130)
    found = tangent_gram(net, inputs)
    torch.testing.assert_close(found, written_out(net, inputs), rtol=1e-11, atol=1e-11)


LAYERS = {
    "dense without bias": (lambda: nn.Linear(6, 4, bias=False), (6,)),
    "dense on a grid of positions": (lambda: nn.Sequential(nn.Linear(6, 4), nn.Tanh(), nn.Flatten()), (2, 3, 6)),
    "norm over two axes": (lambda: nn.Sequential(nn.LayerNorm((3, 6)), nn.Tanh(), nn.Flatten()), (3, 6)),
    "norm of tokens": (lambda: nn.Sequential(nn.LayerNorm(6), nn.Tanh(), nn.Flatten()), (3, 6)),
    "norm without bias": (lambda: nn.Sequential(nn.LayerNorm(6, bias=False), nn.Tanh()), (6,)),
    "convolution of rectangles": (
        lambda: nn.Sequential(nn.Conv2d(2, 3, (2, 3), stride=(1, 2), padding=(1, 0)), nn.Tanh(), nn.Flatten()),
        (2, 5, 7),
    ),
    "in place after a dense layer": (lambda: nn.Sequential(nn.Linear(6, 9), nn.ReLU(inplace=True), nn.Linear(9, 4)), (6,)),
    "a layer that is not used": (lambda: Unused(), (6,)),
    "a batch norm without weights, in evaluation mode": (
        lambda: nn.Sequential(nn.Linear(6, 9), nn.BatchNorm1d(9, affine=False).eval(), nn.Tanh(), nn.Linear(9, 4)),
        (6,),
    ),
}  # fmt: skip


class Unused(nn.Module):
    """Two layers, one of them idle."""

    def __init__(self):
        super().__init__()
        self.used, self.idle = nn.Linear(6, 4), nn.Linear(6, 4)

    def forward(self, inputs):
        """One."""
        return self.used(inputs)


@pytest.mark.parametrize("name", list(LAYERS))
def test_each_layer(name):
    build, shape = LAYERS[name]
    with torch.random.fork_rng():
        torch.manual_seed(1)
        net = build().double()
    with torch.no_grad():
        for seed, parameter in enumerate(net.parameters()):
            parameter += drawn(*parameter.shape, seed=seed)
    inputs = drawn(5, *shape, seed=50)
    torch.testing.assert_close(tangent_gram(net, inputs), written_out(net, inputs), rtol=1e-11, atol=1e-11)


def test_frozen_weights_do_not_count():
    net, inputs = made("dense")
    for frozen in (["embed"], ["embed.weight", "norm.bias"], ["blocks"]):
        part, _ = made("dense")
        for name, parameter in part.named_parameters():
            parameter.requires_grad_(not name.startswith(tuple(frozen)))
        whole = jacobian(net, inputs)
        sizes = [p.numel() for p in part.parameters()]
        kept = [p.requires_grad for p in part.parameters()]
        pieces = [piece for piece, keep in zip(whole.split(sizes, dim=2), kept, strict=True) if keep]
        expected = sum(torch.einsum("acp,bcp->ab", piece, piece) for piece in pieces)
        torch.testing.assert_close(tangent_gram(part, inputs), expected, rtol=1e-11, atol=1e-11)


def test_nothing_is_left_behind():
    net, inputs = made("dense")
    before = net(inputs)
    with torch.no_grad():
        found = tangent_gram(net, inputs)
    assert not found.requires_grad and all(p.grad is None for p in net.parameters())
    assert torch.equal(net(inputs), before)
    assert not any(module._forward_hooks for module in net.modules())
    frozen = net.requires_grad_(False)
    assert not tangent_gram(frozen, inputs).any()


@pytest.mark.filterwarnings("ignore:linear_util.wrap_init:DeprecationWarning")
def test_against_neural_tangents():
    compat = pytest.importorskip("neural_tangents_compat", exc_type=ImportError)
    nt, numpy = compat.neural_tangents, compat.jax.numpy
    net = nn.Sequential(nn.Linear(6, 9), nn.Tanh(), nn.Linear(9, 4)).double()
    inputs = drawn(5, 6)
    weights = {name: numpy.asarray(p.detach().numpy()) for name, p in net.named_parameters()}

    def function(params, x):
        hidden = numpy.tanh(x @ params["0.weight"].T + params["0.bias"])
        return hidden @ params["2.weight"].T + params["2.bias"]

    kernel = nt.empirical_ntk_fn(
        function, trace_axes=(-1,), vmap_axes=0, implementation=nt.NtkImplementation.STRUCTURED_DERIVATIVES
    )
    theirs = 4 * np.asarray(kernel(inputs.numpy(), None, weights))  # their trace is a mean over the outputs
    np.testing.assert_allclose(tangent_gram(net, inputs).numpy(), theirs, rtol=1e-10)


class Twice(nn.Module):
    """One layer in two places."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(6, 6)

    def forward(self, inputs):
        """Twice."""
        return self.layer(self.layer(inputs).tanh())


class Around(nn.Module):
    """A layer whose weight is used without a call."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(6, 6)

    def forward(self, inputs):
        """Its product."""
        return inputs @ self.layer.weight


class Another(nn.Linear):
    """A heir that computes otherwise."""

    def forward(self, inputs):
        """Doubled."""
        return 2 * super().forward(inputs)


def tied():
    net = nn.Sequential(nn.Linear(6, 6), nn.Tanh(), nn.Linear(6, 6))
    net[2].weight = net[0].weight
    return net


@pytest.mark.parametrize(
    ("net", "shape", "match"),
    [
        (Twice(), (6,), "used twice"),
        (Around(), (6,), "without calling"),
        (Another(6, 6), (6,), "no rule"),
        (tied(), (6,), "shares a weight"),
        (nn.Sequential(nn.Linear(6, 6), nn.BatchNorm1d(6)), (6,), "no rule"),
        (nn.Sequential(nn.Conv2d(2, 2, 3, groups=2), nn.Flatten()), (2, 5, 5), "no rule"),
        (nn.Sequential(nn.Conv2d(2, 2, 3, padding="same"), nn.Flatten()), (2, 5, 5), "padding"),
        (nn.Sequential(nn.Conv2d(2, 2, 3, padding=1, padding_mode="circular"), nn.Flatten()), (2, 5, 5), "padding"),
        (Attention(), (5, 8), "no rule"),
        (nn.Linear(6, 4), (3, 6), "flatten"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else str(value),
)
def test_what_has_no_rule_is_refused(net, shape, match):
    inputs = drawn(5, *shape).float()
    with pytest.raises(ValueError, match=match):
        tangent_gram(net, inputs)
