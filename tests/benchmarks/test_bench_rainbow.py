"""Alignment of wide features beside the decomposition of their covariance, and new rows beside a covariance that is formed, as ratios."""

import pytest
import torch
from timing import cpu_seconds

from quire.rainbow import alignment_distance, sample_rows

pytestmark = pytest.mark.usefixtures("one_thread")


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_alignment_of_wide_features(benchmark):
    """300 images, 1,200 features: the nuclear norm from a matrix of images by images, and from one of features by features."""
    x, y = normal(300, 1200), normal(300, 1200, seed=1)

    def formed():
        nuclear = torch.linalg.svdvals(x.mT @ y).sum()
        return (x.square().sum() + y.square().sum() - 2 * nuclear) / y.square().sum()

    torch.testing.assert_close(alignment_distance(x, y), formed())
    ratio = cpu_seconds(formed) / cpu_seconds(lambda: alignment_distance(x, y))
    benchmark.extra_info["covariance of features"] = ratio
    benchmark.pedantic(lambda: alignment_distance(x, y), rounds=1)
    assert ratio > 3


def test_new_rows_without_a_covariance(benchmark):
    """1,000 rows of 1,000 numbers: as sums of old rows, and with the root of a covariance."""
    weight = normal(1000, 1000)

    def formed():
        values, vectors = torch.linalg.eigh(weight.mT @ weight / len(weight))
        return normal(1000, 1000, seed=2) @ (vectors * values.clamp(min=0).sqrt()).mT

    def ours():
        return sample_rows(weight, (1, 1000), generator=torch.Generator().manual_seed(2))

    ratio = cpu_seconds(formed) / cpu_seconds(ours)
    benchmark.extra_info["root of the covariance"] = ratio
    benchmark.pedantic(ours, rounds=1)
    assert ratio > 2
