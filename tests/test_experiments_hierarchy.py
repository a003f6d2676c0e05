"""Cells of the classification chapter: rows that can be stored, limits that are known, the same numbers twice."""

import math

import pytest
import torch

from quire import hierarchy as h
from quire.deep_kernels import tree_tangent_kernel
from quire.experiments import hierarchy as cells
from quire.experiments import hierarchy_lazy as lazy
from quire.experiments import hierarchy_networks as nets
from quire.experiments import hierarchy_variants as variants

SMALL = dict(vocab=4, num_rules=4, branching=2, depth=2, num_classes=4)


def check_rows(rows, arguments):
    assert rows and all(set(row) == set(rows[0]) for row in rows)
    assert not set(rows[0]) & set(arguments)
    for row in rows:
        for value in row.values():
            assert isinstance(value, int | float | str | bool)
            assert not isinstance(value, float) or not math.isinf(value)


def test_derivation_is_a_complete_tree_and_parses():
    rows = cells.derivation(**SMALL, seed=0)
    check_rows(rows, SMALL)
    assert [sum(r["level"] == level for r in rows) for level in range(3)] == [4, 2, 1]
    assert not any(r["wrong"] for r in rows)
    places = {(r["level"], r["place"]) for r in rows}
    assert all((r["level"] + 1, r["parent_place"]) in places for r in rows if r["level"] < 2)


def test_class_signal_crosses_the_noise_near_the_threshold():
    arguments = dict(vocab=12, num_rules=12, branching=2, depth=2, num_classes=12, seed=0, ratios=[0.5, 1.0, 2.0])
    rows = cells.class_signal(**arguments)
    check_rows(rows, arguments)
    for row in rows:
        assert abs(row["measured"] / (row["signal"] + row["noise"]) - 1) < 0.2
        assert 0.7 < row["noise"] / row["noise_theory"] < 1.1
    assert 0.7 < rows[0]["crossing"] / rows[0]["threshold"] < 1.6


def test_string_signal_shows_synonyms():
    rows = cells.string_signal(**SMALL, seed=0)
    check_rows(rows, SMALL)
    assert len(rows) == 4 * 16 and rows[0]["spread"] < 1e-12
    assert abs(sum(r["covariance"] ** 2 for r in rows) / len(rows) - 1) < 1e-9


def test_clustering_improves_with_data():
    arguments = dict(vocab=6, num_rules=6, branching=2, depth=2, num_classes=6, seed=0, ratios=[0.5, 64.0])
    rows = cells.first_step_clustering(**arguments)
    check_rows(rows, arguments)
    assert rows[0]["clustering_error"] > 0.3 > rows[1]["clustering_error"]
    assert rows[0]["relative_error"] > rows[1]["relative_error"]


def test_zipf_curve_has_the_predicted_slope():
    arguments = dict(exponent=1.0, num_rules=2**16, num_strings=1, ranks=[10, 30, 100, 300])
    rows = cells.zipf_curve(**arguments)
    check_rows(rows, arguments)
    first, last = rows[0], rows[-1]
    slope = math.log(last["error"] / first["error"]) / math.log(last["samples"] / first["samples"])
    assert abs(slope - first["predicted_slope"]) < 0.05


@pytest.mark.parametrize("network", ["cnn", "lcn", "shallow", "deep"])
def test_networks_fit_and_rows_are_reproducible(network):
    arguments = SMALL | dict(
        network=network, width=16, seed=0, ratios=[0.1, 0.3], unit="data", level=0.5, learning_rate=0.25, max_steps=60
    )
    rows = nets.learning_curve(**arguments)
    check_rows(rows, arguments)
    assert [r["samples"] for r in rows] == [26, 77] and all(0 <= r["error"] <= 1 for r in rows)
    assert repr(rows) == repr(nets.learning_curve(**arguments))
    alone = nets.learning_curve(**arguments | dict(ratios=[0.1]))  # a member does not depend on its company
    assert abs(alone[0]["error"] - rows[0]["error"]) < 0.05


def test_deep_network_learns_the_random_grammar_and_not_the_latin_one():
    arguments = dict(
        vocab=6, num_rules=6, branching=2, depth=2, num_classes=6, network="cnn", width=32, seed=0,
        ratios=[0.45], unit="data", level=0.1,
    )  # fmt: skip
    random = nets.learning_curve(**arguments)[0]
    latin = nets.learning_curve(**arguments, rules="latin")[0]
    assert random["fitted"] and latin["fitted"]
    assert random["relative_error"] < 0.3 < 0.8 < latin["relative_error"]
    with pytest.raises(ValueError, match="uncorrelated grammar needs"):
        nets.learning_curve(**arguments | dict(num_rules=3), rules="latin")


def test_lazy_curve_uses_the_kernel_of_its_network():
    arguments = SMALL | dict(network="cnn", seed=0, ratios=[0.1, 0.5], unit="data", level=0.7)
    rows = lazy.lazy_curve(**arguments)
    check_rows(rows, arguments)
    other = lazy.lazy_curve(**arguments | dict(network="shallow"))
    assert [r["samples"] for r in rows] == [r["samples"] for r in other] and rows != other
    assert rows[1]["error"] < rows[0]["error"] < 0.8
    square = lazy.lazy_curve(**arguments, loss="square", ridge=1e-8)
    assert square != rows and abs(square[0]["error"] - rows[0]["error"]) < 0.15
    with pytest.raises(ValueError, match='loss must be "logistic" or "square"'):
        lazy.lazy_curve(**arguments, loss="hinge")


def test_tangent_kernel_is_that_of_a_wide_network():
    from quire.nets import TreeConfig, tree_cnn
    from quire.rng import generator

    tokens = h.sample(h.RandomHierarchy(**SMALL), 6, seed=0, replacement=False).tokens
    exact = tree_tangent_kernel(tokens, tokens, vocab=4, branching=2)
    config = TreeConfig(
        filter_size=2, depth=2, width=512, num_classes=1, vocab=4, readout="ntk", weight_sharing=True, init_scale=1.0
    )
    kernels = []
    for seed in range(16):
        net = tree_cnn(config, generators=[generator("ntk", seed)], dtype=torch.float64)
        gradients = []
        for token in tokens:
            net.zero_grad()
            net(token[None]).sum().backward()
            gradients.append(torch.cat([p.grad.flatten() for p in net.parameters()]))
        stacked = torch.stack(gradients)
        kernels.append(stacked @ stacked.T)
    # without the gain √2, and with inputs of mean square 1/v, every layer's share is smaller by 2^-L / v
    found = 4 * 2**2 * torch.stack(kernels).mean(0)
    assert abs(float(found.diagonal().mean()) / 3 - 1) < 0.1
    assert torch.allclose(found / found.diagonal().mean(), exact / 3, atol=0.03)
    with pytest.raises(ValueError, match="power of branching"):
        tree_tangent_kernel(tokens[:, :3], tokens[:, :3], vocab=4, branching=2)


def test_sensitivity_rows_cover_layers_and_levels():
    arguments = SMALL | dict(width=16, seed=0, ratios=[0.5, 2.0], probes=64, max_steps=50)
    rows = nets.layer_sensitivity(**arguments)
    check_rows(rows, arguments)
    assert len(rows) == 2 * 3 * 2 and all(r["sensitivity"] >= 0 for r in rows)
    assert {(r["layer"], r["level"]) for r in rows if r["invariant"]} == {(2, 1), (3, 1), (3, 2)}


@pytest.mark.parametrize("network", ["cnn", "lcn"])
def test_sparse_curve(network):
    arguments = dict(
        vocab=4, num_rules=3, branching=2, depth=2, num_empty=1, placement="blocks", network=network, width=16, seed=0,
        sizes=[64, 128], level=0.5, max_steps=40,
    )  # fmt: skip
    rows = variants.sparse_curve(**arguments)
    check_rows(rows, arguments)
    assert [r["samples"] for r in rows] == [64, 128]


def test_zipf_network_curve():
    arguments = dict(vocab=8, num_rules=8, num_classes=4, exponent=1.0, width=32, seed=0, ratios=[4.0, 64.0])
    rows = variants.zipf_network_curve(**arguments)
    check_rows(rows, arguments)
    assert [r["samples"] for r in rows] == [128, 2048] and all(r["fitted"] for r in rows)
    # the ideal learner with 2.5 n_c m / f_k: one rule known, then five of eight
    law = h.zipf_law(8, 1.0)
    for row, known in zip(rows, (1, 4), strict=True):
        assert abs(row["ideal"] - (1 - sum(law[:known]) ** 2)) < 1e-12
    assert rows[1]["error"] < 0.5 * rows[0]["error"]
