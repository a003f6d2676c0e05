"""The sharpness by Hessian-vector products beside the whole Hessian and its eigenvalues, as a ratio within one process, and memory."""

import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.func import functional_call, jacrev

from quire.mechanics import sharpness

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


def timed(call):
    before = time.process_time()
    call()
    return time.process_time() - before


def test_products_beat_the_whole_hessian(record_property):
    assert by_products() == pytest.approx(by_the_whole_hessian(), rel=2e-3)
    times = [(timed(by_the_whole_hessian), timed(by_products)) for _ in range(3)]
    ratio = min(slow for slow, _ in times) / min(fast for _, fast in times)
    record_property("ratio", ratio)
    print(f"\nsharpness of {sum(t.numel() for t in problem()[1].values())} weights, whole Hessian / quire: {ratio:.1f}")
    assert ratio >= 3


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
