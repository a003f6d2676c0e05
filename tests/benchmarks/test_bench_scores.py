"""Speed and memory of the score machines, as ratios within one process, one thread; times come with ``make bench``.

The first alternative is the strategy of the published code, restated: all logits of all windows by one convolution with the
windows as filters, then all differences between the noisy pixels and the windows' centres, weighted and summed. The second is
``scaled_dot_product_attention`` on the whole bank, as a user would write it, without merging equal windows. The bound is
the time of one product of two square matrices for the same number of operations: two products, queries with keys and weights with
keys.
"""

import math
import time

import numpy as np
import psutil
import pytest
import torch
import torch.nn.functional as F

from quire.data import load
from quire.diffusion import BoundaryBroken, EquivariantLocal, Local
from quire.rng import generator

ABAR = 0.5


pytestmark = pytest.mark.usefixtures("one_thread")


def bank_and_noisy(count, side, batch=1):
    """Drawn characters, as empty around the strokes as digits are, and noisy ones."""
    drawn = load("glyphs", num_samples=count + batch, num_test=0, size=side)
    images = torch.from_numpy(drawn.inputs).float()[:, None] / 127.5 - 1
    clean, stream = images[count:], generator("bench scores")
    noise = torch.randn(clean.shape, generator=stream)
    return images[:count], math.sqrt(ABAR) * clean + math.sqrt(1 - ABAR) * noise


def published(noisy, bank, size):
    """The score from all differences of all windows; images of the bank in one piece."""
    reach, kept, variance = size // 2, math.sqrt(ABAR), 1 - ABAR
    padded = F.pad(noisy, [reach] * 4, mode="circular")
    square = F.unfold(padded, size).square().sum(1).view(len(noisy), 1, *noisy.shape[2:])
    windows = F.unfold(F.pad(bank, [reach] * 4, mode="circular"), size).mT.reshape(-1, bank.shape[1], size, size)
    logits = 2 * kept * F.conv2d(padded, windows) - square - ABAR * windows.square().sum((1, 2, 3)).view(1, -1, 1, 1)
    weights = ((logits - logits.amax(1, keepdim=True)) / (2 * variance)).exp()
    differences = noisy[:, None] - kept * windows[:, :, reach, reach][None, :, :, None, None]
    return -(weights[:, :, None] * differences).sum(1) / weights.sum(1)[:, None] / variance


def whole_bank_attention(noisy, bank, size):
    """The score by one call of torch's attention, the norms of the keys as its mask."""
    reach = size // 2
    queries, keys = (F.unfold(F.pad(one, [reach] * 4, mode="circular"), size).mT for one in (noisy, bank))
    keys = keys.flatten(0, 1)
    values = keys[:, [size**2 // 2]]
    norms = -ABAR / (1 - ABAR) / 2 * keys.square().sum(1)
    scaled = queries.flatten(0, 1) * (math.sqrt(ABAR) / (1 - ABAR))
    mean = F.scaled_dot_product_attention(
        scaled[None, None], keys[None, None], values[None, None], norms[None, None, None], scale=1.0
    )
    return (math.sqrt(ABAR) * mean.view(noisy.shape) - noisy) / (1 - ABAR)


def cpu_time(call):
    start = time.process_time()
    call()
    return time.process_time() - start


def ratio_of(slow, fast, rounds=3):
    """Median of interleaved ratios of CPU time."""
    slow(), fast()
    return float(np.median([cpu_time(slow) / max(cpu_time(fast), 1e-9) for _ in range(rounds)]))


def extra_memory(call):
    """Growth of the process while it runs, in megabytes; of its highest resident size, looked at every millisecond."""
    import threading

    process, done = psutil.Process(), threading.Event()
    before = highest = process.memory_info().rss

    def watch():
        nonlocal highest
        while not done.wait(0.001):
            highest = max(highest, process.memory_info().rss)

    watcher = threading.Thread(target=watch)
    watcher.start()
    call()
    done.set()
    watcher.join()
    return (highest - before) / 2**20


@pytest.mark.parametrize("size", [3, 7, 15])
def test_against_the_published_strategy(benchmark, size):
    """One noisy image of 32 × 32 pixels, 64 training images; a new machine, its windows included, and one used before."""
    bank, noisy = bank_and_noisy(64, 32)
    machine = EquivariantLocal(bank, train_patches="circular")

    def anew():
        return EquivariantLocal(bank, train_patches="circular").score(noisy, ABAR, size)

    ours_memory = extra_memory(anew)
    theirs_memory = extra_memory(lambda: published(noisy, bank, size))
    assert (machine.score(noisy, ABAR, size) - published(noisy, bank, size)).abs().max() < 1e-3
    benchmark.extra_info.update(
        {
            "published_over_ours": ratio_of(
                lambda: published(noisy, bank, size), lambda: machine.score(noisy, ABAR, size)
            ),
            "published_over_ours_anew": ratio_of(lambda: published(noisy, bank, size), anew),
            "extra_MB": ours_memory,
            "published_extra_MB": theirs_memory,
        }
    )
    benchmark(lambda: machine.score(noisy, ABAR, size))
    ratios = [benchmark.extra_info[name] for name in ("published_over_ours", "published_over_ours_anew")]
    assert size > 7 or min(ratios) >= 10
    assert ours_memory < 300


@pytest.mark.parametrize("size", [3, 7])
def test_against_attention_on_the_whole_bank(benchmark, size):
    """A batch of eight, torch's own attention with a mask."""
    bank, noisy = bank_and_noisy(64, 32, batch=8)
    machine = EquivariantLocal(bank, train_patches="circular")

    def ours():
        return machine.score(noisy, ABAR, size)

    assert (ours() - whole_bank_attention(noisy, bank, size)).abs().max() < 1e-3
    benchmark.extra_info.update(
        {
            "attention_over_ours": ratio_of(lambda: whole_bank_attention(noisy, bank, size), ours),
            "attention_extra_MB": extra_memory(lambda: whole_bank_attention(noisy, bank, size)),
            "extra_MB": extra_memory(ours),
        }
    )
    benchmark(ours)
    assert benchmark.extra_info["attention_over_ours"] > 1


def test_fraction_of_the_matmul_roofline(benchmark):
    """No two windows are equal, so that the number of operations is known."""
    size, stream = 7, generator("roofline")
    bank, noisy = (torch.randn(count, 1, 32, 32, generator=stream) for count in (64, 2))
    machine = EquivariantLocal(bank, train_patches="circular")
    square = torch.randn(1024, 1024, generator=stream)
    useful = 4 * noisy.numel() * bank.numel() * size**2

    def ours():
        return machine.mean(noisy, ABAR, size)

    ours(), square @ square
    rate = 2 * 1024**3 / min(cpu_time(lambda: square @ square) for _ in range(20))
    taken = min(cpu_time(ours) for _ in range(3))
    benchmark.extra_info.update({"fraction_of_matmul": useful / taken / rate, "matmul_gflops": rate / 1e9})
    benchmark(ours)
    assert benchmark.extra_info["fraction_of_matmul"] > 0.3


@pytest.mark.parametrize("machine", [Local, BoundaryBroken])
def test_the_other_machines(benchmark, machine):
    """What they take relative to the equivariant one: the local one compares each pixel with far fewer windows."""
    bank, noisy = bank_and_noisy(64, 32)
    equivariant, other = EquivariantLocal(bank, train_patches="circular"), machine(bank)
    ratio = ratio_of(lambda: equivariant.score(noisy, ABAR, 7), lambda: other.score(noisy, ABAR, 7))
    benchmark.extra_info.update({"equivariant_over_this": ratio})
    benchmark(lambda: other.score(noisy, ABAR, 7))
    assert ratio > 0.5


def exponent(places, times):
    return float(np.polyfit(np.log(places), np.log(times), 1)[0])


def test_scaling(benchmark):
    """Powers of the time in the images of the bank, in the side of the images, and in the side of the window."""
    stream = generator("scaling")

    def taken(count, side, size):
        bank, noisy = (
            torch.randn(count, 1, side, side, generator=stream),
            torch.randn(2, 1, side, side, generator=stream),
        )
        machine = EquivariantLocal(bank, train_patches="circular")
        machine.mean(noisy, ABAR, size)
        return min(cpu_time(lambda: machine.mean(noisy, ABAR, size)) for _ in range(5))

    counts, sides, sizes = [64, 128, 256, 512], [16, 24, 32], [5, 9, 13, 15]
    benchmark.extra_info.update(
        {
            "power_of_bank": exponent(counts, [taken(count, 16, 5) for count in counts]),
            "power_of_side": exponent(sides, [taken(64, side, 5) for side in sides]),
            "power_of_window": exponent(sizes, [taken(64, 16, size) for size in sizes]),
        }
    )
    benchmark(lambda: None)
    assert 0.8 < benchmark.extra_info["power_of_bank"] < 1.2
