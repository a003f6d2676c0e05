"""Vision nets: shapes, initialisation from a generator, probes, stacking."""

import math

import pytest
import torch
from torch import nn

from quire import nets
from quire.rng import generator

BOOK = ["fc-l2", "fc-l4", "lenet", "vgg3", "vgg3-bn", "vgg3-bn-gap", "vgg6-bn-gap"]
PAPER = ["vgg11", "vgg11-bn", "resnet18", "resnet10-small"]


def build(name, shape=(1, 28, 28), key=0, **options):
    return nets.build(name, input_shape=shape, num_classes=10, generator=generator("init", key), **options)


def images(batch=3, shape=(1, 28, 28)):
    return torch.randn(batch, *shape, generator=generator("images"))


@pytest.mark.parametrize("name", BOOK)
def test_book_nets(name):
    net = build(name)
    found = nets.activations(net, images())
    assert found["output"].shape == (3, 10)
    assert list(found) == list(net.probe_layers)
    assert all(torch.isfinite(value).all() for value in found.values())
    assert torch.equal(found["output"], net(images()).detach())


@pytest.mark.parametrize("name", PAPER)
def test_paper_nets(name):
    net = build(name, shape=(3, 32, 32))
    assert nets.activations(net, images(2, (3, 32, 32)), layers=["gap"])["gap"].shape[2:] == (1, 1)


def test_parameter_counts_of_the_published_architectures():
    """ResNet18 and VGG11-bn for 32 x 32 images and ten classes."""
    counts = {"resnet18": 11_173_962, "resnet34": 21_282_122}
    for name, count in counts.items():
        assert sum(p.numel() for p in build(name, shape=(3, 32, 32)).parameters()) == count
    widths = [3, 64, 128, 256, 256, 512, 512, 512, 512]
    convolutions = sum(9 * a * b + 2 * b for a, b in zip(widths, widths[1:], strict=False))
    assert sum(p.numel() for p in build("vgg11-bn", shape=(3, 32, 32)).parameters()) == convolutions + 5130


def test_a_residual_block_is_its_formula():
    net = build("resnet10-small", dtype=torch.float64).eval()
    block = net.stage2_block1
    inputs = torch.randn(2, 16, 8, 8, dtype=torch.float64, generator=generator("x"))
    conv = nn.functional.conv2d
    hidden = torch.relu(conv(inputs, block.conv1.weight, stride=2, padding=1) / math.sqrt(1 + 1e-5))
    hidden = conv(hidden, block.conv2.weight, padding=1) / math.sqrt(1 + 1e-5)
    short = conv(inputs, block.shortcut.conv.weight, stride=2) / math.sqrt(1 + 1e-5)
    assert torch.allclose(block(inputs), torch.relu(hidden + short), atol=1e-12)


def test_no_global_random_state_is_read_or_changed():
    torch.manual_seed(0)
    state = torch.get_rng_state()
    first = build("vgg3-bn")
    torch.manual_seed(1)
    assert torch.equal(build("vgg3-bn").conv1.weight, first.conv1.weight)
    torch.manual_seed(0)
    assert torch.equal(torch.get_rng_state(), state)
    assert not torch.equal(build("vgg3-bn", key=1).conv1.weight, first.conv1.weight)


@pytest.mark.parametrize("init", ["uniform", "he"])
def test_initial_variance(init):
    """Variance 1/(3 fan_in) for "uniform", 2/fan_in for "he", within five standard errors."""
    weight = build("vgg11", shape=(3, 32, 32), init=init).conv5.weight.detach()
    fan_in = weight[0].numel()
    expected, kurtosis = (1 / (3 * fan_in), 1.8) if init == "uniform" else (2 / fan_in, 3.0)
    assert abs(float(weight.var()) / expected - 1) < 5 * math.sqrt((kurtosis - 1) / weight.numel())


@pytest.mark.parametrize("strategy", ["loop", "vmap"])
@pytest.mark.parametrize("name", ["fc-l4", "lenet", "vgg3-bn-gap"])
def test_a_stack_is_its_members(name, strategy):
    plain = [build(name, key=k, dtype=torch.float64) for k in range(3)]
    stacked = nets.stack(plain, strategy=strategy)
    inputs = images(6).double()
    each = torch.stack([inputs + k for k in range(3)])
    outputs = stacked(each)
    for k, net in enumerate(plain):
        assert torch.allclose(outputs[k], net(each[k]), atol=1e-12)
    outputs.square().sum().backward()
    gradients = dict(stacked.named_parameters())
    for k, net in enumerate(plain):
        net.zero_grad()
        net(each[k]).square().sum().backward()
        for key, parameter in net.named_parameters():
            assert torch.allclose(gradients[key.replace(".", "/")].grad[k], parameter.grad, atol=1e-10)
    probes = nets.activations(stacked, each)
    assert list(probes) == list(plain[0].probe_layers)
    assert torch.allclose(probes["output"], stacked(each), atol=1e-12)


@pytest.mark.parametrize("strategy", ["loop", "vmap"])
def test_running_statistics_of_a_stack(strategy):
    """A pass in training mode moves each member's statistics as it would alone; member() carries them."""
    plain = [build("vgg3-bn", key=k, dtype=torch.float64) for k in range(2)]
    stacked = nets.stack(plain, strategy=strategy)
    inputs = torch.stack([images().double(), 2 * images().double()])
    stacked(inputs)
    for k, net in enumerate(plain):
        net(inputs[k])
        member = stacked.member(k)
        assert torch.allclose(member.bn2.running_mean, net.bn2.running_mean, atol=1e-13)
        assert int(member.bn2.num_batches_tracked) == 1
        member, net = member.eval(), net.eval()
        assert torch.allclose(member(inputs[k]), net(inputs[k]), atol=1e-12)


def test_errors():
    with pytest.raises(ValueError, match="name must be one of"):
        build("vgg4")
    with pytest.raises(ValueError, match="at least 32 pixels"):
        build("vgg11")
    with pytest.raises(ValueError, match="at least 16 x 16"):
        build("lenet", shape=(1, 12, 12))
    with pytest.raises(ValueError, match="input_shape must be"):
        build("vgg3", shape=(0, 28, 28))
    for wrong in (lambda: build("vgg3", init="zeros"), lambda: nets.stack([nn.Linear(2, 2)], strategy="pmap")):
        with pytest.raises((ValueError, TypeError)):  # the type checker of the tests may speak first
            wrong()
    with pytest.raises(ValueError, match="at least one net"):
        nets.stack([])
    with pytest.raises(ValueError, match="net 1 differs from net 0"):
        nets.stack([nn.Linear(2, 2), nn.Linear(2, 3)])
    with pytest.raises(ValueError, match=r"inputs must be \[2, batch, …\]"):
        nets.stack([nn.Linear(2, 2), nn.Linear(2, 2)])(torch.zeros(3, 4, 2))
