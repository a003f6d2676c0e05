"""Merging by small cases worked by hand, and against loops over the weights."""

import math

import pytest
import torch
from tangent_models import drawn

from quire.nets import ResidualMLP
from quire.tangent import TaskVector, consensus, linear_scaling, mask_counts, summed, tall_masks, ties


def stacked(*rows):
    return {"w": torch.tensor(rows, dtype=torch.float64)}


def several(num=4):
    return {"a": drawn(num, 3, 5), "b": drawn(num, 7, seed=1)}


def test_sum():
    vectors = several()
    assert torch.equal(summed(vectors)["a"], vectors["a"][0] + vectors["a"][1] + vectors["a"][2] + vectors["a"][3])


def test_ties_by_hand():
    """Of four entries each keeps two: [5, 0, 0, -3] and [0, 4, 0, 2]; signs +, +, 0, - ; the last by -3 alone."""
    vectors = stacked([5.0, 1.0, 0.5, -3.0], [-1.0, 4.0, 0.5, 2.0])
    assert ties(vectors, keep=0.5)["w"].tolist() == [5, 4, 0, -3]
    assert ties(vectors, keep=1.0)["w"].tolist() == [5, 2.5, 0.5, -3]
    assert ties(stacked([1.0], [-1.0]), keep=1.0)["w"].tolist() == [0]  # no sign is elected


@pytest.mark.parametrize("keep", [0.05, 0.2, 0.5, 1.0])
def test_ties_against_the_loop(keep):
    vectors = several()
    flat = torch.cat([vectors["a"].flatten(1), vectors["b"]], dim=1)
    count = max(1, round(keep * 22))
    rows = []
    for row in flat.tolist():
        limit = sorted((abs(value) for value in row), reverse=True)[count - 1]
        rows.append([value if abs(value) >= limit else 0.0 for value in row])
    expected = []
    for column in zip(*rows, strict=True):
        total = sum(column)
        agree = [value for value in column if value * total > 0]
        expected.append(sum(agree) / len(agree) if agree else 0.0)
    found = ties(vectors, keep=keep)
    assert torch.cat([found["a"].flatten(), found["b"]]).tolist() == pytest.approx(expected, rel=1e-13)
    assert found["a"].shape == (3, 5)


def test_masks_by_hand():
    """τ = [4, -3, 0]; entries of the first: |3| > λ|1|, |1| > λ|-4| only below 1/4, |2| > λ|2| only below one."""
    vectors = stacked([3.0, 1.0, 2.0], [1.0, -4.0, -2.0])
    assert tall_masks(vectors, threshold=0.5)["w"].tolist() == [[True, False, True], [False, True, True]]
    assert tall_masks(vectors, threshold=0.2)["w"].tolist() == [[True, True, True], [True, True, True]]
    mixed = tall_masks(vectors, threshold=torch.tensor([0.2, 1.0]))["w"]
    assert mixed.tolist() == [[True, True, True], [False, True, False]]
    assert tall_masks(stacked([0.0], [0.0]), threshold=0.0)["w"].tolist() == [[False], [False]]


def test_one_task_is_served_by_all_that_it_moves():
    vectors = stacked([3.0, 0.0, -2.0])
    masks = tall_masks(vectors, threshold=0.6)["w"]
    assert torch.equal(masks[0] * summed(vectors)["w"], vectors["w"][0])


def test_consensus_by_hand():
    vectors = stacked([3.0, 1.0, 2.0], [1.0, -4.0, -2.5])
    masks = tall_masks(vectors, threshold=0.5)  # serves 1, 1, and 2 tasks
    assert consensus(vectors, masks, least=2)["w"].tolist() == [0, 0, -0.5]
    assert consensus(vectors, masks, least=1)["w"].tolist() == [4, -3, -0.5]
    assert torch.equal(consensus(vectors, masks, least=0)["w"], summed(vectors)["w"])
    assert not consensus(vectors, masks, least=3)["w"].any()


def test_counts_are_fractions_of_all_weights():
    masks = {"a": torch.tensor([[True, True, False], [True, False, False]]), "b": torch.tensor([[[True]], [[True]]])}
    assert mask_counts(masks).tolist() == [0.25, 0.25, 0.5]
    assert float(mask_counts(tall_masks(several(), threshold=0.4)).sum()) == pytest.approx(1)


def names():
    net = ResidualMLP(num_inputs=4, width=4, depth=3, num_outputs=2, generator=torch.Generator())
    return [name for name, _ in net.named_parameters()]


def test_scaling_with_depth():
    factor = linear_scaling(names(), blocks=r"^blocks\.(\d+)\.", shallow=0.2, slope=0.6)
    found = {name: factor(name) for name in names()}
    for name, value in found.items():
        block = name.split(".")[1] if name.startswith("blocks") else "0"
        assert value == pytest.approx({"0": 0.2, "1": 0.5, "2": 0.8}[block]), name
    last = linear_scaling(
        names(), blocks=r"^blocks\.(\d+)\.", shallow=0.2, slope=0.6, behind=["norm.", "project."], tail="last"
    )
    changed = {name for name in names() if last(name) != factor(name)}
    assert changed == {"norm.weight", "norm.bias", "project.weight", "project.bias"}
    assert last("project.weight") == pytest.approx(0.8) and last("embed.weight") == pytest.approx(0.2)


def test_scaling_of_a_task_vector_and_of_blocks_past_ten():
    many = [f"layers.{i}.mlp.0.w" for i in range(12)]  # the 0 within is no block
    factor = linear_scaling(many, blocks=r"^layers\.(\d+)\.", shallow=0.0, slope=11.0)
    scaled = TaskVector({name: torch.ones(2) for name in many}).scaled_by_layer(factor)
    assert [float(scaled.tensors[name][0]) for name in many] == pytest.approx(list(range(12)))


def test_what_cannot_be_merged_is_refused():
    vectors = several()
    masks = tall_masks(vectors, threshold=0.4)
    for call in (
        lambda: summed({}),
        lambda: summed({"a": drawn(2, 3), "b": drawn(3, 3)}),
        lambda: summed({"a": drawn(0, 3)}),
        lambda: ties(vectors, keep=0.0),
        lambda: ties(vectors, keep=1.1),
        lambda: ties(vectors, keep=math.nan),
        lambda: tall_masks(vectors, threshold=-0.1),
        lambda: tall_masks(vectors, threshold=math.nan),
        lambda: tall_masks(vectors, threshold=torch.ones(3)),
        lambda: consensus(vectors, {"a": masks["a"]}, least=1),
        lambda: consensus(vectors, {**masks, "b": masks["b"][:2]}, least=1),
        lambda: linear_scaling(["a", "b"], blocks=r"^blocks\.(\d+)\.", shallow=1.0, slope=0.0),
        lambda: linear_scaling(["blocks.0.w"], blocks=r"^blocks\.(\d+)\.", shallow=1.0, slope=0.0),
    ):
        with pytest.raises(ValueError):
            call()
