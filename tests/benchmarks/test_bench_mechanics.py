"""The sharpness by Hessian-vector products beside the whole Hessian and its eigenvalues, as a ratio within one process, and memory;

several networks at once beside one after the other, and learning rates at once beside torch's Adam for each.
"""

import copy
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from timing import cpu_seconds
from torch import nn
from torch.func import functional_call, jacrev

from quire.mechanics import losses_at_rates, sharpness, sharpnesses

SAMPLES, WIDTH = 100, 24


pytestmark = pytest.mark.usefixtures("one_thread")


def problem():
    """A network of 1,100 weights, and its loss."""
    drawn = torch.Generator().manual_seed(0)
    net = nn.Sequential(
        nn.Linear(16, WIDTH), nn.Tanh(), nn.Linear(WIDTH, WIDTH), nn.Tanh(), nn.Linear(WIDTH, 4)
    ).double()
    for parameter in net.parameters():
        parameter.data.normal_(0, 0.2, generator=drawn)
    x, y = (torch.randn(SAMPLES, k, generator=drawn, dtype=torch.float64) for k in (16, 4))
    parameters = {name: parameter.detach() for name, parameter in net.named_parameters()}
    return lambda p: 0.5 * (functional_call(net, p, (x,)) - y).square().sum(1).mean(), parameters


def by_products():
    """The largest eigenvalue to a thousandth."""
    loss, parameters = problem()
    return sharpness(loss, parameters, tolerance=1e-5, generator=torch.Generator().manual_seed(1))[0]


def by_the_whole_hessian():
    """All eigenvalues, and the largest of them."""
    loss, parameters = problem()
    parts = jacrev(jacrev(loss))(parameters)
    sizes = {name: tensor.numel() for name, tensor in parameters.items()}
    rows = [torch.cat([parts[a][b].reshape(sizes[a], sizes[b]) for b in parameters], dim=1) for a in parameters]
    return float(torch.linalg.eigvalsh(torch.cat(rows))[-1])


def test_products_beat_the_whole_hessian(benchmark):
    assert by_products() == pytest.approx(by_the_whole_hessian(), rel=2e-3)
    ratio = cpu_seconds(by_the_whole_hessian) / cpu_seconds(by_products)
    benchmark.extra_info["whole Hessian"] = ratio
    benchmark.pedantic(by_products, rounds=1)
    assert ratio >= 3


def test_networks_at_once(benchmark):
    """Ten products for each of six networks."""
    loss, one = problem()
    six = {name: torch.stack([t * (1 + k / 10) for k in range(6)]) for name, t in one.items()}
    asked = dict(tolerance=0.0, most=10)

    def together():
        return sharpnesses(loss, six, generator=torch.Generator().manual_seed(1), **asked)[0]

    def in_turn():
        states = [{name: t[member] for name, t in six.items()} for member in range(6)]
        return [sharpness(loss, state, generator=torch.Generator().manual_seed(1), **asked)[0] for state in states]

    assert together().tolist() == pytest.approx(in_turn(), rel=1e-9)
    ratio = cpu_seconds(in_turn) / cpu_seconds(together)
    benchmark.extra_info["one after the other"] = ratio
    benchmark.pedantic(together, rounds=1)
    assert ratio > 1


@pytest.mark.parametrize(("width", "least"), [(64, 1.0), (256, 0.5)])
def test_learning_rates_at_once(benchmark, width, least):
    """Ten rates, twenty steps: narrow networks share their overhead, wide ones cost what they cost."""
    drawn = torch.Generator().manual_seed(0)
    net = nn.Sequential(nn.Linear(64, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 10))
    x, y = torch.randn(500, 64, generator=drawn), torch.randint(10, (500,), generator=drawn)
    rates = [2.0**-k for k in range(3, 13)]

    def together():
        order = torch.Generator().manual_seed(1)
        return losses_at_rates(net, x, y, rates=rates, steps=20, batch_size=64, generator=order)

    def in_turn():
        return [_trained_at(rate, copy.deepcopy(net), x, y) for rate in rates]

    assert together().tolist() == pytest.approx(in_turn(), rel=0.05)
    ratio = cpu_seconds(in_turn) / cpu_seconds(together)
    benchmark.extra_info["torch.optim.Adam for each"] = ratio
    benchmark.pedantic(together, rounds=1)
    assert ratio > least


def _trained_at(rate, net, x, y):
    order, optimizer = torch.Generator().manual_seed(1), torch.optim.Adam(net.parameters(), lr=rate)
    for _ in range(20):
        batch = torch.randint(len(y), (64,), generator=order)
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(x[batch]), y[batch]).backward()
        optimizer.step()
    with torch.no_grad():
        return float(nn.functional.cross_entropy(net(x), y))


PEAK = """
import sys
sys.path[:0] = {paths!r}
from test_bench_mechanics import by_products, by_the_whole_hessian
def peak():
    return int(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1])
before = peak()
{call}()
print((peak() - before) / 1024)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")
def test_memory_of_both(record_property):
    paths = [str(Path(__file__).parent), str(Path(__file__).parents[1])]
    used = {}
    for call in ("by_products", "by_the_whole_hessian"):
        program = PEAK.format(paths=paths, call=call)
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        used[call] = float(done.stdout.split()[-1])
    print(f"\npeak memory beyond the start, MB: {used}")
    assert used["by_products"] < used["by_the_whole_hessian"]
