"""Windows of a text, and the collapse of learning curves on invented ones."""

import numpy as np
import pytest
import torch

from quire import hierarchy as h
from quire.rng import generator


def curves(alpha, z, noise=0.0):
    """L = t^(-αz) F(P/t^z) with F a power that flattens, exactly or up to some noise."""
    t, size = np.repeat([1.0, 2, 4, 7], 5), np.tile(4.0 ** np.arange(5, 10), 4)
    scaled = size / t**z
    loss = t ** (-alpha * z) * (2 * scaled**-alpha + 1.5)
    return t, size, loss * np.exp(noise * np.random.default_rng(0).normal(size=len(t)))


@pytest.mark.parametrize("alpha,z", [(0.1, 2.8), (0.3, 2.0)])
def test_collapse_finds_the_exponent(alpha, z):
    t, size, loss = curves(alpha, z)
    found = h.loss_collapse(t, size, loss, dynamic_exponent=z)
    assert found.alpha == pytest.approx(alpha, abs=0.003) and found.residual < 0.005 < found.unscaled
    order = np.random.default_rng(1).permutation(len(t))
    shuffled = h.loss_collapse(t[order], size[order], loss[order], dynamic_exponent=z)
    assert vars(shuffled) == pytest.approx(vars(found))


def test_a_wrong_range_collapses_worse():
    data = curves(0.1, 2.8)
    right, wrong = (h.loss_collapse(*data, dynamic_exponent=z) for z in (2.8, 0.0))
    assert right.residual < 0.2 * wrong.residual and np.isnan(wrong.alpha)


def test_the_residual_is_the_relative_noise():
    t, size, loss = curves(0.1, 2.8, noise=0.02)
    found = h.loss_collapse(t, size, loss, dynamic_exponent=2.8)
    assert 0.01 < found.residual < 0.04  # √2 · 0.02, less where one of two values is interpolated


def test_the_residual_has_no_unit():
    t, size, loss = curves(0.1, 2.8, noise=0.02)
    one, other = (h.loss_collapse(t, size * a, loss * b, dynamic_exponent=2.8) for a, b in ((1, 1), (7, 3)))
    assert (one.alpha, one.residual) == pytest.approx((other.alpha, other.residual))


def test_collapse_errors():
    with pytest.raises(ValueError, match="one t, P and loss"):
        h.loss_collapse([1, 2], [1, 2], [1.0], dynamic_exponent=1.0)
    with pytest.raises(ValueError, match="positive and finite"):
        h.loss_collapse([1, 2], [1, 2], [1.0, 0.0], dynamic_exponent=1.0)
    with pytest.raises(ValueError, match="share a range"):
        h.loss_collapse([1, 1, 100, 100], [1, 2, 1, 2], [1.0] * 4, dynamic_exponent=3.0)
    with pytest.raises(ValueError, match="share a range"):
        h.loss_collapse([1, 1], [1, 2], [1.0, 1.0], dynamic_exponent=3.0)


def test_stretches_share_no_character():
    parts = h.split_text(torch.arange(101), held_out=0.25)
    assert torch.equal(torch.cat([parts["train"], parts["validation"], parts["test"]]), torch.arange(101))
    assert len(parts["validation"]) == len(parts["test"]) == 25
    with pytest.raises(ValueError, match="held_out must keep"):
        h.split_text(torch.arange(10), held_out=0.5)


def test_windows_end_at_the_same_places_for_every_context():
    text = torch.arange(1000)
    long, short = (h.text_windows(text, 500, context=t, reach=15, generator=generator("windows")) for t in (15, 3))
    assert torch.equal(long[:, -4:], short) and long.shape == (500, 16)
    assert (long.diff(dim=1) == 1).all() and long.min() >= 0 and long.max() < 1000
    first = h.text_windows(text, 100, context=3, reach=15, generator=generator("windows"))
    assert torch.equal(first, short[:100])  # nested
    with pytest.raises(ValueError, match="context <= reach"):
        h.text_windows(text, 5, context=16, reach=15, generator=generator("windows"))
