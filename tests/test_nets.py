"""Ensembles for hierarchical data against plain torch modules, and the laws that they obey."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from quire import nets
from quire.rng import generator

DOUBLE = torch.float64


def inits(count, name="init"):
    return [generator(name, k) for k in range(count)]


def tree(members=2, dtype=DOUBLE, **changes):
    settings_ = {"filter_size": 2, "depth": 2, "width": 6, "num_classes": 3, "vocab": 5} | changes
    return nets.tree_cnn(nets.TreeConfig(**settings_), generators=inits(members), dtype=dtype)


def dense(members=2, dtype=DOUBLE, **changes):
    settings_ = {"num_inputs": 7, "depth": 2, "width": 6, "num_classes": 3, "vocab": None} | changes
    return nets.fully_connected(nets.FullyConnectedConfig(**settings_), generators=inits(members), dtype=dtype)


def tokens(net, batch, seed=0):
    shape = (net.members, batch, net.num_inputs)
    return torch.randint(net.config.vocab + 1, shape, generator=generator("tokens", seed))


def conv1d_twin(net, member):
    """The same member of a convolutional ensemble, as torch would write it: stride = kernel."""
    config = net.config
    channels, layers = config.vocab or 1, []
    for weight, index in zip(net.weights, range(config.depth), strict=True):
        conv = nn.Conv1d(
            channels, config.width, config.filter_size, stride=config.filter_size, bias=len(net.biases) > 0
        )
        kernel = weight[member].detach().view(config.filter_size, channels, config.width).permute(2, 1, 0)
        conv.weight.data = kernel / math.sqrt(config.filter_size * channels)
        if len(net.biases):
            conv.bias.data = net.biases[index][member, 0].detach().clone()
        layers += [conv, nn.ReLU()]
        channels = config.width
    readout = nn.Linear(config.width, config.num_classes, bias=False)
    readout.weight.data = net.readout[member].detach().t() * net.output_scale
    return nn.Sequential(*layers, nn.Flatten(), readout).to(DOUBLE)


@settings(max_examples=25, deadline=None)
@given(
    filter_size=st.integers(2, 3),
    depth=st.integers(1, 3),
    vocab=st.one_of(st.none(), st.sampled_from([2, 5, 33, 100])),
    whitening=st.sampled_from(["norm", "variance", "centred", "none"]),
    bias=st.sampled_from(["none", "normal"]),
    readout=st.sampled_from(["mean_field", "ntk"]),
)
def test_tree_cnn_is_a_conv1d_with_stride_equal_to_kernel(filter_size, depth, vocab, whitening, bias, readout):
    changes = {"filter_size": filter_size, "depth": depth, "vocab": vocab, "whitening": whitening}
    net = tree(bias=bias, readout=readout, **changes)
    if vocab is None:
        inputs = torch.randn(2, 4, net.num_inputs, dtype=DOUBLE, generator=generator("x"))
        channels = inputs.unsqueeze(2)
    else:
        inputs = tokens(net, 4)
        channels = nets.encode(inputs, vocab=vocab, whitening=whitening, dtype=DOUBLE).transpose(2, 3)
    outputs = net(inputs)
    for member in range(2):
        assert torch.allclose(outputs[member], conv1d_twin(net, member)(channels[member]), atol=1e-12)


def test_gradients_equal_those_of_the_plain_module():
    net = tree(depth=3, bias="normal")
    inputs = tokens(net, 5)
    gradients = torch.autograd.grad(net(inputs).square().sum(), list(net.parameters()))
    channels = nets.encode(inputs, vocab=5, whitening="norm", dtype=DOUBLE).transpose(2, 3)
    for member in range(2):
        twin = conv1d_twin(net, member)
        twin(channels[member]).square().sum().backward()
        for layer in range(3):
            kernel = twin[2 * layer].weight.grad.permute(2, 1, 0).flatten(0, 1)
            expected = kernel / math.sqrt(kernel.shape[0])
            assert torch.allclose(gradients[1 + layer][member], expected, atol=1e-12)
            assert torch.allclose(gradients[4 + layer][member, 0], twin[2 * layer].bias.grad, atol=1e-12)
        assert torch.allclose(gradients[0][member], twin[-1].weight.grad.t() * net.output_scale, atol=1e-12)


@pytest.mark.parametrize("weight_sharing", [True, False])
@pytest.mark.parametrize("vocab", [None, 5, 60, 130])
@pytest.mark.parametrize("bias", ["none", "normal"])
@pytest.mark.parametrize("filter_size, depth", [(2, 3), (3, 1)])
def test_written_out_gradient_equals_automatic_differentiation(weight_sharing, vocab, bias, filter_size, depth):
    net = tree(3, weight_sharing=weight_sharing, vocab=vocab, bias=bias, filter_size=filter_size, depth=depth)
    if vocab is None:
        inputs = torch.randn(3, 6, net.num_inputs, dtype=DOUBLE, generator=generator("x"))
    else:
        inputs = tokens(net, 6)
    factors = torch.randn(3, 6, 3, dtype=DOUBLE, generator=generator("factors"))

    def objective(outputs):
        return (outputs.tanh() * factors).sum((1, 2))

    expected = torch.autograd.grad(objective(net(inputs)).sum(), list(net.parameters()))
    for parameter in net.parameters():
        parameter.grad = torch.ones_like(parameter)
    for _ in range(2):  # the second time in the buffers of the first
        values = net.accumulate(inputs, objective)
    assert torch.allclose(values, objective(net(inputs)).detach(), atol=1e-13)
    for parameter, gradient in zip(net.parameters(), expected, strict=True):
        assert torch.allclose(parameter.grad, 1 + 2 * gradient, atol=1e-12)


def test_locally_connected_net_with_tied_weights_is_the_convolutional_one():
    shared, local = (tree(depth=3, bias="normal"), tree(depth=3, bias="normal", weight_sharing=False))
    for target, source in zip(local.parameters(), shared.parameters(), strict=True):
        rows = source.detach() if source.shape == target.shape else source.detach()[:, None]
        target.data = rows.expand(target.shape).clone()
    inputs = tokens(shared, 9)
    assert torch.allclose(shared(inputs), local(inputs), atol=1e-13)
    features = nets.activations(local, inputs), nets.activations(shared, inputs)
    for name in shared.layer_names:
        assert torch.allclose(features[0][name], features[1][name], atol=1e-13)


def test_fully_connected_net_is_a_chain_of_linear_layers():
    net = dense(depth=3, bias="normal", readout="ntk")
    inputs = torch.randn(2, 4, 7, dtype=DOUBLE, generator=generator("x"))
    hidden = inputs
    for weight, bias in zip(net.weights, net.biases, strict=True):
        hidden = torch.relu(hidden @ weight / math.sqrt(weight.shape[1]) + bias)
    assert torch.allclose(net(inputs), hidden @ net.readout / math.sqrt(6), atol=1e-13)


def test_gradient_with_respect_to_real_inputs_is_available():
    net = dense(depth=1, num_classes=1)
    inputs = torch.randn(2, 4, 7, dtype=DOUBLE, generator=generator("x"))
    assert torch.autograd.gradcheck(net, inputs.requires_grad_())


@pytest.mark.parametrize("vocab", [3, 120])
def test_gradient_of_the_token_layer(vocab):
    weight = torch.randn(2, 2 * vocab, 2, dtype=DOUBLE, generator=generator("w")).requires_grad_()
    patches = torch.randint(vocab + 1, (2, 4, 2), generator=generator("t"))

    def layer(values):
        return nets.token_linear(patches, values, scale=0.7, whitening="norm")

    assert torch.autograd.gradcheck(layer, weight, fast_mode=True)


def test_a_member_is_the_same_network_in_any_ensemble():
    together = tree(4)
    config = together.config
    alone = nets.tree_cnn(config, generators=[generator("init", 2)], dtype=DOUBLE)
    picked = together.select([3, 2])
    inputs = tokens(together, 5)[0]
    assert torch.equal(alone(inputs)[0], together.select([2])(inputs)[0])
    assert torch.allclose(picked(inputs), together(inputs)[[3, 2]], atol=1e-15)


def test_members_do_not_influence_each_other():
    net = tree(3)
    inputs = tokens(net, 4)
    before = net(inputs)
    changed = inputs.clone()
    changed[1] = (changed[1] + 1) % 5
    after = net(changed)
    assert torch.equal(before[[0, 2]], after[[0, 2]])
    assert not torch.allclose(before[1], after[1])


def test_float32_weights_are_the_rounded_float64_weights():
    for single, double in zip(tree(dtype=torch.float32).parameters(), tree().parameters(), strict=True):
        assert torch.equal(single, double.float())


@settings(max_examples=10, deadline=None)
@given(st.permutations(range(6)), st.booleans())
def test_permuting_neurons_changes_nothing(order, weight_sharing):
    net = tree(weight_sharing=weight_sharing)
    inputs = tokens(net, 5)
    before = net(inputs)
    order = torch.tensor(order)
    first, second = net.weights
    first.data = first.data[..., order]
    blocks = second.data.unflatten(-2, (2, 6))
    second.data = blocks[..., order, :].flatten(-3, -2)
    assert torch.allclose(net(inputs), before, atol=1e-13)


def test_relabelling_symbols_with_the_weights_changes_nothing():
    net = tree(vocab=5)
    inputs = tokens(net, 6)
    before = net(inputs)
    order = torch.randperm(5, generator=generator("names"))
    renamed = torch.cat([order.argsort(), torch.tensor([5])])[inputs]
    net.weights[0].data = net.weights[0].data.unflatten(1, (2, 5))[:, :, order].flatten(1, 2)
    assert torch.allclose(net(renamed), before, atol=1e-13)


def test_a_masked_position_is_the_zero_vector():
    net = tree()
    masked = torch.full((1, 4), 5)
    assert torch.count_nonzero(nets.encode(masked, vocab=5, whitening="norm")) == 0
    assert torch.count_nonzero(net(masked)) == 0


@pytest.mark.parametrize("readout, slope", [("mean_field", -1.0), ("ntk", 0.0)])
def test_output_variance_at_initialisation(readout, slope):
    """Var f = c/width (mean field) or c (NTK): slope of log variance over log width, from 300 independent members."""
    widths, variances = [8, 32, 128], []
    for width in widths:
        net = tree(300, width=width, readout=readout, dtype=torch.float32, num_classes=1)
        variances.append(float(net(torch.tensor([[0, 1, 2, 3]])).detach().var()))
    fit = torch.tensor(variances).log().diff().sum() / math.log(widths[-1] / widths[0])
    error = math.sqrt(2 * 2 * 2 / 300) / math.log(16)  # of the slope, with twice the variance of a Gaussian's square
    assert abs(float(fit) - slope) < 4 * error


def test_hidden_change_is_of_order_one_at_any_width_in_the_mean_field_parametrization():
    """One SGD step with the scaled learning rate moves a hidden unit by O(1) with "mean_field", by O(width**-1/2) with "ntk"."""

    def change(width, readout):
        net = tree(8, width=width, readout=readout)
        inputs = torch.tensor([[0, 1, 2, 3], [4, 0, 3, 1], [2, 2, 1, 0], [3, 4, 4, 1]])
        labels = torch.tensor([0, 1, 2, 0])
        before = nets.activations(net, inputs)["layer2"]
        losses = functional.cross_entropy(net(inputs).flatten(0, 1), labels.repeat(8), reduction="none")
        losses.view(8, 4).mean(1).sum().backward()
        for parameter in net.parameters():
            parameter.data -= 0.5 * net.learning_rate_scale * parameter.grad
        return float((nets.activations(net, inputs)["layer2"] - before).square().mean().sqrt())

    field = change(512, "mean_field") / change(64, "mean_field")
    lazy = change(512, "ntk") / change(64, "ntk")
    assert 0.7 < field < 1.4  # 1 in the limit
    assert 0.2 < lazy < 0.6  # 8**-1/2 in the limit


def test_activations_have_the_shapes_of_the_tree():
    net = tree(depth=3)
    found = nets.activations(net, tokens(net, 4))
    assert list(found) == ["layer1", "layer2", "layer3", "output"]
    assert [tuple(value.shape) for value in found.values()] == [(2, 4, 4, 6), (2, 4, 2, 6), (2, 4, 1, 6), (2, 4, 3)]
    assert list(nets.activations(net, tokens(net, 4), layers=["layer2"])) == ["layer2"]
    with pytest.raises(KeyError, match="layer9"):
        nets.activations(net, tokens(net, 4), layers=["layer9"])


def test_selecting_copies():
    net = tree()
    other = net.select([0])
    other.readout.data.zero_()
    assert torch.count_nonzero(net.readout) > 0


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: tree(depth=0), "depth must be a positive integer"),
        (lambda: tree(width=0), "width must be a positive integer"),
        (lambda: tree(num_classes=0), "num_classes must be a positive"),
        (lambda: tree(filter_size=1), "filter_size must be at least 2"),
        (lambda: tree(vocab=1), "vocab must be at least 2"),
        (lambda: tree(members=0), "one per member"),
        (lambda: tree().select([]), "non-empty"),
        (lambda: tree().select([2]), r"0\.\.1"),
        (lambda: tree()(torch.zeros(3, 5, dtype=torch.long)), r"inputs must be \[batch, 4\]"),
        (lambda: tree()(torch.zeros(3, 4)), "integer tokens, got floats"),
        (lambda: tree()(torch.full((3, 4), 6)), r"tokens must lie in 0\.\.5"),
        (lambda: tree()(torch.full((3, 4), -1)), r"tokens must lie in 0\.\.5"),
        (lambda: nets.whitening_constants("zca", 4), "whitening must be one of"),
    ],
)
def test_errors(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_errors_of_unknown_names_and_shared_generators():
    config = nets.TreeConfig(filter_size=2, depth=1, width=2, num_classes=2, vocab=2)
    one = generator("init")
    with pytest.raises(ValueError, match="different objects"):
        nets.tree_cnn(config, generators=[one, one])
    for name, value in {"readout": "sp", "bias": "ones", "whitening": "zca"}.items():
        with pytest.raises((ValueError, TypeError)):
            tree(**{name: value})
