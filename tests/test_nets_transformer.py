"""The attention-only transformer against torch's own attention."""

import math

import pytest
import torch
from torch import nn

from quire import nets
from quire.rng import generator

DOUBLE = torch.float64


def attention(members=2, **changes):
    sizes = {"num_tokens": 6, "vocab": 5, "num_classes": 3, "depth": 2, "width": 8, "num_heads": 2} | changes
    inits = [generator("init", k) for k in range(members)]
    return nets.attention_only(nets.AttentionConfig(**sizes), generators=inits, dtype=DOUBLE)


def tokens(net, batch=4):
    shape = (net.members, batch, net.config.num_tokens)
    return torch.randint(net.config.vocab + 1, shape, generator=generator("tokens"))


def multihead_twin(net, member, inputs):
    """Hidden layers and logits through nn.MultiheadAttention."""
    width, heads = net.config.width, net.config.num_heads
    hidden = net.embedding[member][inputs] + net.positions[member]
    layers = [hidden]
    for projection, mixer in zip(net.projections, net.mixers, strict=True):
        block = nn.MultiheadAttention(width, heads, bias=False, batch_first=True, dtype=DOUBLE)
        block.in_proj_weight.data = projection[member].detach().t() / math.sqrt(width)
        block.out_proj.weight.data = mixer[member].detach().t() / math.sqrt(width)
        hidden = block(hidden, hidden, hidden, need_weights=False)[0]
        layers.append(hidden)
    return layers, hidden[:, -1] @ net.readout[member] * net.output_scale


@pytest.mark.parametrize("readout", ["ntk", "mean_field"])
@pytest.mark.parametrize("depth, heads", [(1, 1), (2, 2), (3, 8)])
def test_equals_multihead_attention(readout, depth, heads):
    net = attention(readout=readout, depth=depth, num_heads=heads)
    inputs = tokens(net)
    outputs, found = net(inputs), nets.activations(net, inputs)
    for member in range(2):
        layers, logits = multihead_twin(net, member, inputs[member])
        assert torch.allclose(outputs[member], logits, atol=1e-12)
        for name, layer in zip(net.layer_names, layers, strict=False):
            assert torch.allclose(found[name][member], layer, atol=1e-12)
    assert torch.allclose(found["output"], outputs, atol=1e-12)


def test_gradients_equal_those_of_multihead_attention():
    net = attention(1)
    inputs = tokens(net)
    parameters = [net.embedding, net.positions, net.readout]
    ours = torch.autograd.grad(net(inputs).square().sum(), parameters)
    twin = torch.autograd.grad(multihead_twin(net, 0, inputs[0])[1].square().sum(), [net.embedding, net.readout])
    assert torch.allclose(ours[0], twin[0], atol=1e-12)
    assert torch.allclose(ours[2], twin[1], atol=1e-12)


def test_permuting_positions_with_their_embeddings_changes_nothing():
    """Attention does not know the order: only the last position, which is read, is special."""
    net = attention()
    inputs = tokens(net)
    before = net(inputs)
    order = torch.tensor([3, 1, 0, 4, 2, 5])
    net.positions.data = net.positions.data[:, order]
    assert torch.allclose(net(inputs[:, :, order]), before, atol=1e-13)


def test_member_independence():
    net, other = attention(3), attention(1)
    inputs = tokens(net)
    assert torch.allclose(net(inputs)[0], other(inputs[:1])[0], atol=1e-14)
    assert net.select([1]).num_parameters == other.num_parameters


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: attention(width=9), "multiple of num_heads=2"),
        (lambda: attention(depth=0), "depth must be a positive"),
        (lambda: attention()(torch.zeros(3, 5, dtype=torch.long)), r"inputs must be tokens \[batch, 6\]"),
        (lambda: attention()(torch.zeros(3, 6)), "got floats"),
        (lambda: attention()(torch.full((3, 6), 6)), r"tokens must lie in 0\.\.5"),
    ],
)
def test_errors(make, message):
    with pytest.raises(ValueError, match=message):
        make()
