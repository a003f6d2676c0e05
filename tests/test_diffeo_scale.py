"""Scale detection on a ring against brute force; averages over seeds and their correlation with the error."""

import pytest
import torch

from quire.diffeo import (
    SCALE_TASKS,
    pixel_pairs,
    pooling_matrix,
    pooling_stability,
    ring_images,
    ring_pooling,
    ring_probes,
    scale_labels,
)
from quire.rng import generator


def brute_force(first, second, task, length, scale, gap):
    """Walk around the ring; look for a block that holds both."""
    if task == "block":
        blocks = [set(range(start, start + scale)) for start in range(0, length, scale)]
        return 1 if any({first, second} <= block for block in blocks) else -1
    steps = next(k for k in range(length) if (first + k) % length == second or (first - k) % length == second)
    return 1 if steps < scale - gap else -1 if steps >= scale + gap else 0


@pytest.mark.parametrize("task", SCALE_TASKS)
@pytest.mark.parametrize(("length", "scale", "gap"), [(8, 2, 0), (12, 4, 0), (12, 3, 1), (64, 16, 0)])
def test_labels_by_brute_force(task, length, scale, gap):
    gap = 0 if task == "block" else gap
    pairs = pixel_pairs(length)
    labels = scale_labels(pairs, task=task, length=length, scale=scale, gap=gap)
    assert labels.tolist() == [brute_force(*pair, task, length, scale, gap) for pair in pairs.tolist()]


def test_both_classes_are_complete():
    """L(ξ - 1) pairs are closer than ξ; L/ξ blocks hold ξ(ξ - 1)/2 pairs each."""
    pairs = pixel_pairs(64)
    assert len(pairs) == 64 * 63 // 2 == len(set(map(tuple, pairs.tolist())))
    close = scale_labels(pairs, task="distance", length=64, scale=16, gap=0)
    assert int((close == 1).sum()) == 64 * 15 and int((close == 0).sum()) == 0
    same = scale_labels(pairs, task="block", length=64, scale=16, gap=0)
    assert int((same == 1).sum()) == 4 * 16 * 15 // 2


def test_distance_does_not_change_when_the_ring_is_turned():
    pairs = pixel_pairs(20)
    options = {"task": "distance", "length": 20, "scale": 6, "gap": 2}
    assert torch.equal(scale_labels(pairs, **options), scale_labels((pairs + 7) % 20, **options))


def test_images_have_two_active_pixels_and_norm_of_the_ring():
    images = ring_images(pixel_pairs(10) + 10, 10)
    assert images.shape == (45, 10) and ((images > 0).sum(1) == 2).all()
    assert torch.allclose(images.square().sum(1), torch.tensor(10.0))  # 2 · (√(L/2))²
    assert torch.equal(images, ring_images(pixel_pairs(10) - 10, 10))


@pytest.mark.parametrize(("options", "message"), [
    ({"task": "size", "length": 8, "scale": 2, "gap": 0}, "task must be one of"),
    ({"task": "block", "length": 9, "scale": 2, "gap": 0}, "must fill the ring"),
    ({"task": "block", "length": 8, "scale": 2, "gap": 1}, "gap=1"),
])  # fmt: skip
def test_errors_of_the_labels(options, message):
    with pytest.raises(ValueError, match=message):
        scale_labels(pixel_pairs(8), **options)


def test_moves_are_of_one_pixel_within_a_block_and_noise_has_their_mean_square():
    pairs = pixel_pairs(64)
    pairs = pairs[(pairs[:, 1] - pairs[:, 0] >= 3) & (pairs[:, 1] - pairs[:, 0] <= 61)]
    probes = ring_probes(pairs, length=64, scale=16, generator=generator("ring"))
    moved = (probes.moved > 0).nonzero()[:, 1].view(-1, 2)
    step = moved - pairs
    assert step.abs().max() == 1 and torch.equal(moved // 16, pairs // 16)
    share = (step == 0).double().mean().item()
    assert share == pytest.approx(1 / 16, abs=4 * (1 / 16 / step.numel()) ** 0.5)  # two of 32 moves leave a block of 16
    noise = (probes.noisy - probes.images).double()
    displacement = (probes.moved - probes.images).double().square().mean()
    assert noise.min() == 0 and (noise.square().mean() / displacement).item() == pytest.approx(0.5, rel=0.02)


def test_pooling_on_a_ring_is_what_constant_filters_do_to_the_moves():
    """D_k over all positions of one active pixel and both moves, those out of a block undone: brute force."""
    length, scale = 32, 8
    theory, matrix = ring_pooling(length, scale=scale), torch.eye(length, dtype=torch.float64)
    moves = [(p, p + step) for p in range(length) for step in (-1, 1)]
    moves = [(p, q % length if q // scale == p // scale else p) for p, q in moves]
    for layer in range(5):
        matrix = pooling_matrix(matrix.shape[0], filter_size=2, stride=2) @ matrix
        change = sum((matrix[:, p] - matrix[:, q]).square().sum() for p, q in moves) / len(moves)
        assert theory.diffeo[layer].item() == pytest.approx((change / (2 * matrix[:, 0].square().sum())).item())
    free = pooling_stability(length, 5, filter_size=2, stride=2, dim=1)
    assert torch.allclose(theory.noise, free.noise * 7 / 8) and torch.equal(
        theory.relative, theory.diffeo / theory.noise
    )


def test_probes_of_blocks_that_do_not_fill_the_ring():
    with pytest.raises(ValueError, match="do not fill a ring of 20"):
        ring_probes(pixel_pairs(20), length=20, scale=6, generator=generator("ring"))
