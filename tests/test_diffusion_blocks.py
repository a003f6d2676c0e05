"""Correlated blocks of change, against covariances written out pair by pair."""

import pytest
import torch

from quire.diffusion.blocks import Blocks, changed, line_distances, pair_blocks, patch_distances, tree_blocks

ORDERS = ["within", "together", "alike"]


def draw(*shape: int, chance: float = 0.4) -> torch.Tensor:
    """Independent spins."""
    return torch.rand(*shape, generator=torch.Generator().manual_seed(0)) < chance


def covariance(spins: torch.Tensor, order: str) -> torch.Tensor:
    """The matrix of unbiased covariances, by its definition."""
    values = spins.double()
    originals, draws, sites = values.shape
    if order == "within":
        return torch.stack([torch.cov(one.T) for one in values]).mean(0)
    flat = values.flatten(0, 1)
    if order == "together":
        return torch.cov(flat.T)
    deviation = flat - flat.mean()
    return deviation.T @ deviation / len(flat) * flat.numel() / (flat.numel() - 1)


def averaged(matrix: torch.Tensor, group) -> dict:
    """Mean of the entries whose pair of sites is in each group."""
    found: dict = {}
    for i in range(len(matrix)):
        for j in range(len(matrix)):
            found.setdefault(group(i, j), []).append(float(matrix[i, j]))
    return {key: sum(values) / len(values) for key, values in found.items()}


def ancestor(i: int, j: int, branching: int) -> int:
    """Level of the lowest common ancestor."""
    level = 0
    while i != j:
        i, j, level = i // branching, j // branching, level + 1
    return level


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("branching,sites", [(2, 8), (3, 9), (2, 2), (2, 1)])
def test_blocks_on_trees_are_pair_by_pair_covariances(order, branching, sites):
    spins = draw(5, 7, sites)
    matrix = covariance(spins, order) if sites > 1 or order == "alike" else None
    found = tree_blocks(spins, branching, order=order)
    if matrix is None:
        assert found.susceptibility == 1
        return
    expected = averaged(matrix, lambda i, j: ancestor(i, j, branching))
    assert found.correlation.tolist() == pytest.approx([expected[level] for level in range(len(expected))], abs=1e-14)
    assert found.susceptibility == pytest.approx(float(matrix.sum() / matrix.diagonal().sum()), abs=1e-12)
    assert found.distance.tolist() == [0.0, *(float(branching**level) for level in range(1, len(expected)))]
    assert found.changed == float(spins.double().mean())


@pytest.mark.parametrize("order", ORDERS)
def test_blocks_on_lines_and_images_are_pair_by_pair_covariances(order):
    spins = draw(4, 6, 6)
    matrix = covariance(spins, order)
    line = averaged(matrix, lambda i, j: abs(i - j))
    assert pair_blocks(spins, line_distances(6), order=order).correlation.tolist() == pytest.approx(
        [line[r] for r in range(6)], abs=1e-14
    )
    found = pair_blocks(spins, patch_distances(2, 3), order=order)
    image = averaged(matrix, lambda i, j: (i // 3 - j // 3) ** 2 + (i % 3 - j % 3) ** 2)
    assert found.distance.square().round().tolist() == sorted(image)
    assert found.correlation.tolist() == pytest.approx([image[r] for r in sorted(image)], abs=1e-14)


@pytest.mark.parametrize("order", ORDERS)
def test_sites_that_change_on_their_own_have_a_susceptibility_of_one(order):
    spins = draw(40, 500, 16)
    assert tree_blocks(spins, 2, order=order).susceptibility == pytest.approx(1, abs=0.05)
    assert tree_blocks(spins, 2, order=order).length == 2.0


def test_a_block_that_changes_as_a_whole_is_counted():
    spins = draw(200, 50, 4).repeat_interleave(4, 2)
    found = tree_blocks(spins, 2, order="alike")
    assert found.susceptibility == pytest.approx(4, rel=0.1) and found.length == 8.0
    assert pair_blocks(spins, line_distances(16), order="alike").susceptibility == pytest.approx(found.susceptibility)


def test_the_order_of_averages_matters_where_originals_differ():
    chance = torch.tensor([0.1, 0.9]).view(2, 1, 1).expand(2, 2000, 8)
    spins = torch.rand(2, 2000, 8, generator=torch.Generator().manual_seed(1)) < chance
    assert tree_blocks(spins, 2, order="within").susceptibility == pytest.approx(1, abs=0.1)
    # the variance of the two means, .16, on top of .09 within: 1 + 7 · .16/.25
    assert tree_blocks(spins, 2, order="together").susceptibility == pytest.approx(1 + 7 * 0.16 / 0.25, rel=0.05)


def test_permuting_draws_and_exchanging_the_values_changes_nothing():
    spins = draw(6, 10, 8)
    before = tree_blocks(spins, 2, order="within")
    for other in (spins.flip(0), spins.flip(1), ~spins, spins.long() * 2 - 1):
        after = tree_blocks(other, 2, order="within")
        scale = 4 if other.dtype == torch.long else 1
        assert torch.allclose(after.correlation, scale * before.correlation, atol=1e-14)
        assert after.susceptibility == pytest.approx(before.susceptibility)


def test_a_length_that_is_not_reached_is_infinite():
    assert Blocks(torch.tensor([0.0, 1.0]), torch.tensor([1.0, 0.5]), 2.0, 0.5).length == float("inf")


def test_changes_are_differences_from_the_original():
    assert changed(torch.tensor([[3]]), torch.tensor([[[3], [4]]])).flatten().tolist() == [False, True]


@pytest.mark.parametrize(
    "make,message",
    [
        (lambda: tree_blocks(draw(2, 2, 6), 2, order="alike"), "6 sites are not the leaves"),
        (lambda: tree_blocks(draw(2, 2, 4), 1, order="alike"), "not the leaves of a tree with 1 children"),
        (lambda: tree_blocks(draw(2, 2, 4), 2, order="both"), "order must be one of"),
        (lambda: tree_blocks(draw(5, 1, 4), 2, order="within"), "needs two draws"),
        (lambda: tree_blocks(torch.zeros(2, 2, 4), 2, order="alike"), "all equal"),
        (lambda: tree_blocks(torch.zeros(0, 2, 4), 2, order="alike"), "all equal"),
        (lambda: pair_blocks(draw(2, 2, 4), line_distances(3), order="alike"), "distances must be of 4 sites"),
    ],
)
def test_bad_input_is_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()
