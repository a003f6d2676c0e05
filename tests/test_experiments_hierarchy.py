"""Cells and plans of the hierarchy chapter: rows that can be stored, limits that are known, the same numbers twice."""

import inspect
import itertools
import math

import pytest
import torch
from known_answers import storable

from quire.deep_kernels import tree_tangent_kernel
from quire.experiments.hierarchy import fitting, grammar_cells, lazy_cells, network_cells, plans, variant_cells
from quire.hierarchy import RandomHierarchy, sample, zipf_law
from quire.nets import TreeConfig, tree_cnn
from quire.rng import generator

SMALL = dict(vocab=4, num_rules=4, branching=2, depth=2, num_classes=4)


def test_derivation_is_a_complete_tree_and_parses():
    rows = grammar_cells.derivation(**SMALL, seed=0)
    storable(rows, SMALL)
    assert [sum(r["level"] == level for r in rows) for level in range(3)] == [4, 2, 1]
    assert not any(r["wrong"] for r in rows)
    places = {(r["level"], r["place"]) for r in rows}
    assert all((r["level"] + 1, r["parent_place"]) in places for r in rows if r["level"] < 2)


def test_class_signal_crosses_the_noise_near_the_threshold():
    arguments = dict(vocab=12, num_rules=12, branching=2, depth=2, num_classes=12, seed=0, ratios=[0.5, 1.0, 2.0])
    rows = grammar_cells.class_signal(**arguments)
    storable(rows, arguments)
    for row in rows:
        assert abs(row["measured"] / (row["signal"] + row["noise"]) - 1) < 0.2
        assert 0.7 < row["noise"] / row["noise_theory"] < 1.1
    assert 0.7 < rows[0]["crossing"] / rows[0]["threshold"] < 1.6


def test_string_signal_shows_synonyms():
    rows = grammar_cells.string_signal(**SMALL, seed=0)
    storable(rows, SMALL)
    assert len(rows) == 4 * 16 and rows[0]["spread"] < 1e-12
    assert abs(sum(r["covariance"] ** 2 for r in rows) / len(rows) - 1) < 1e-9


def test_clustering_improves_with_data():
    arguments = dict(vocab=6, num_rules=6, branching=2, depth=2, num_classes=6, seed=0, ratios=[0.5, 64.0])
    rows = grammar_cells.first_step_clustering(**arguments)
    storable(rows, arguments)
    assert rows[0]["clustering_error"] > 0.3 > rows[1]["clustering_error"]
    assert rows[0]["relative_error"] > rows[1]["relative_error"]


def test_zipf_curve_has_the_predicted_slope():
    arguments = dict(exponent=1.0, num_rules=2**16, num_strings=1, ranks=[10, 30, 100, 300])
    rows = grammar_cells.zipf_curve(**arguments)
    storable(rows, arguments)
    first, last = rows[0], rows[-1]
    slope = math.log(last["error"] / first["error"]) / math.log(last["samples"] / first["samples"])
    assert abs(slope - first["predicted_slope"]) < 0.05


@pytest.mark.parametrize("network", ["cnn", "lcn", "shallow", "deep"])
def test_networks_fit_and_rows_are_reproducible(network):
    arguments = SMALL | dict(
        network=network, width=16, seed=0, ratios=[0.1, 0.3], unit="data", level=0.5, learning_rate=0.25, max_steps=60
    )
    rows = network_cells.learning_curve(**arguments)
    storable(rows, arguments)
    assert [r["samples"] for r in rows] == [26, 77] and all(0 <= r["error"] <= 1 for r in rows)
    assert repr(rows) == repr(network_cells.learning_curve(**arguments))
    alone = network_cells.learning_curve(**arguments | dict(ratios=[0.1]))  # a member does not depend on its company
    assert abs(alone[0]["error"] - rows[0]["error"]) < 0.05


def test_an_annealed_network_ends_with_its_passes_or_when_it_fits():
    arguments = SMALL | dict(
        rules="random", width=32, seed=0, ratios=[0.1, 0.8], learning_rate=0.25, schedule_period=0.8
    )
    rows = variant_cells.annealed_curve(**arguments, max_epochs=150, stop_loss=0.3)
    storable(rows, arguments)
    assert [row["samples"] for row in rows] == [26, 205] and rows[1]["relative_error"] < 0.5
    assert all(row["fitted"] == (row["train_loss"] < 0.3) for row in rows) and any(row["fitted"] for row in rows)
    short = variant_cells.annealed_curve(**arguments, max_epochs=2, stop_loss=0.01)
    assert [row["steps"] for row in short] == [2, 4] and not any(row["fitted"] for row in short)


def test_deep_network_learns_the_random_grammar_and_not_the_latin_one():
    sizes = dict(vocab=6, num_rules=6, branching=2, depth=2, num_classes=6)
    arguments = dict(**sizes, network="cnn", width=32, seed=0, ratios=[0.45], unit="data", level=0.1)
    random = network_cells.learning_curve(**arguments)[0]
    latin = network_cells.learning_curve(**arguments, rules="latin")[0]
    assert random["fitted"] and latin["fitted"]
    assert random["relative_error"] < 0.3 < 0.8 < latin["relative_error"]
    with pytest.raises(ValueError, match="uncorrelated grammar needs"):
        network_cells.learning_curve(**arguments | dict(num_rules=3), rules="latin")


def test_lazy_curve_uses_the_kernel_of_its_network():
    arguments = SMALL | dict(network="cnn", seed=0, ratios=[0.1, 0.5], unit="data", level=0.7)
    rows = lazy_cells.lazy_curve(**arguments)
    storable(rows, arguments)
    other = lazy_cells.lazy_curve(**arguments | dict(network="shallow"))
    assert [r["samples"] for r in rows] == [r["samples"] for r in other] and rows != other
    assert rows[1]["error"] < rows[0]["error"] < 0.8
    square = lazy_cells.lazy_curve(**arguments, loss="square", ridge=1e-8)
    assert square != rows and abs(square[0]["error"] - rows[0]["error"]) < 0.15
    with pytest.raises(ValueError, match='loss must be "logistic" or "square"'):
        lazy_cells.lazy_curve(**arguments, loss="hinge")


def test_tangent_kernel_is_that_of_a_wide_network():
    tokens = sample(RandomHierarchy(**SMALL), 6, seed=0, replacement=False).tokens
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
    rows = network_cells.layer_sensitivity(**arguments)
    storable(rows, arguments)
    assert len(rows) == 2 * 3 * 2 and all(r["sensitivity"] >= 0 for r in rows)
    assert {(r["layer"], r["level"]) for r in rows if r["invariant"]} == {(2, 1), (3, 1), (3, 2)}


@pytest.mark.parametrize("network", ["cnn", "lcn"])
def test_sparse_curve(network):
    tree = dict(vocab=4, num_rules=3, branching=2, depth=2, num_empty=1, placement="blocks", seed=0)
    arguments = dict(**tree, network=network, width=16, sizes=[64, 128], level=0.5, max_steps=40)
    rows = variant_cells.sparse_curve(**arguments)
    storable(rows, arguments)
    assert [r["samples"] for r in rows] == [64, 128]


def test_zipf_network_curve():
    arguments = dict(vocab=8, num_rules=8, num_classes=4, exponent=1.0, width=32, seed=0, ratios=[4.0, 64.0])
    rows = variant_cells.zipf_network_curve(**arguments)
    storable(rows, arguments)
    assert [r["samples"] for r in rows] == [128, 2048] and all(r["fitted"] for r in rows)
    # the ideal learner with 2.5 n_c m / f_k: one rule known, then five of eight
    law = zipf_law(8, 1.0)
    for row, known in zip(rows, (1, 4), strict=True):
        assert abs(row["ideal"] - (1 - sum(law[:known]) ** 2)) < 1e-12
    assert rows[1]["error"] < 0.5 * rows[0]["error"]


def test_a_class_without_correlations_has_no_crossing():
    sizes = dict(vocab=2, num_rules=2, branching=2, depth=2, num_classes=2)
    found = [grammar_cells.class_signal(**sizes, seed=seed, ratios=[0.5, 2.0]) for seed in range(12)]
    without = [rows for rows in found if rows[0]["signal"] < 1e-20]
    assert without and len(without) < 12
    assert all(math.isnan(row["crossing"]) for rows in without for row in rows)
    assert all(row["crossing"] > 0 for rows in found if rows not in without for row in rows)


def test_labels_that_cluster_without_a_mistake_leave_no_unit_of_the_error(monkeypatch):
    monkeypatch.setattr(grammar_cells, "clustering_error", lambda found, truth: 0.0)
    for row in grammar_cells.first_step_clustering(**SMALL, seed=0, ratios=[1.0, 4.0]):
        assert row["clustering_error"] == 0 and math.isnan(row["relative_error"]) and math.isnan(row["needed"])


def test_sizes_networks_and_rules_that_there_are_not():
    grammar = RandomHierarchy(**SMALL)
    assert fitting.nested_sizes(grammar, [0.01, 0.5, 0.9], "data") == [4, 128]  # n_c is the least, 0.85 of 256 the most
    assert fitting.nested_sizes(grammar, [1.0, 2.0], "threshold") == [64, 128]
    with pytest.raises(ValueError, match="unit must be .threshold. or .data., got 'all'"):
        fitting.nested_sizes(grammar, [1.0], "all")
    with pytest.raises(ValueError, match=r"0.85 of the 256 data that there are, got \[256\]: lower ratios"):
        fitting.nested_sizes(grammar, [4.0], "threshold")
    with pytest.raises(ValueError, match="network must be .* got 'transformer'"):
        fitting.network_for(grammar, "transformer", width=4, members=1, seed=0)


def test_settings_get_the_largest_grammar_that_there_is_once():
    assert plans.settings_of([[4, 9, 9, 2], [4, 4, 4, 2], [4, 2, 9, 3]]) == [
        dict(vocab=4, num_rules=4, branching=2, depth=2, num_classes=4),
        dict(vocab=4, num_rules=2, branching=2, depth=3, num_classes=8),
    ]
    for v in (2, 3, 5):
        for m in range(2, 8):
            for n in range(2, 8):
                RandomHierarchy(**plans.setting(v, m, n, 2))


def test_settings_that_are_too_large_are_refused_by_name():
    plans.check_settings([[32, 32, 32, 2], [8, 8, 8, 4]], [[2, 2, 2, 5]])
    with pytest.raises(ValueError, match=r"\[v, m, n_c, L\] = \[32, 32, 32, 4\] have .* tokens, at most 4,194,304"):
        plans.check_settings([[4, 4, 4, 2]], [[32, 32, 32, 4]])
    with pytest.raises(ValueError, match=r"more than 2\^62 different data of \[v, m, n_c, L\] = \[4, 4, 4, 5\]"):
        plans.check_settings([[4, 4, 4, 5]])


SQUARE = [[4, 4, 4, 2]]
PLANS = {
    "signal": (grammar_cells.class_signal, plans.signal_cells(SQUARE, seeds=2), 2),
    "curve": (network_cells.learning_curve, plans.curve_cells(SQUARE, network="cnn", width=8, seeds=2), 2),
    "lazy": (lazy_cells.lazy_curve, plans.lazy_cells(SQUARE, network=["cnn", "shallow"], seeds=2, ratios=[1.0]), 4),
    "sensitivity": (network_cells.layer_sensitivity, plans.sensitivity_cells(4, depth=2, width=8, seeds=2), 2),
    "clustering": (grammar_cells.first_step_clustering, plans.clustering_cells([[4, 2], [5, 2]], seeds=2), 4),
    "uncorrelated": (network_cells.learning_curve, plans.uncorrelated_cells(ratios=[0.01], width=8, seeds=2), 12),
    "zipf": (grammar_cells.zipf_curve, plans.zipf_cells(64), 3),
    "zipf network": (
        variant_cells.zipf_network_curve,
        plans.zipf_network_cells(8, 99, ratios=[4, 8], width=8, seeds=2),
        4,
    ),
    "sparse": (variant_cells.sparse_curve, plans.sparse_cells(4, 9, 3, empty=[0, 1], width=8, seeds=2), 8),
}


@pytest.mark.parametrize("name", PLANS)
def test_plans_ask_for_different_cells_that_the_function_takes(name):
    function, cells, count = PLANS[name]
    assert len(cells) == count == len({repr(cell) for cell in cells})
    for cell in cells:
        inspect.signature(function).bind(**cell)


def test_curves_have_the_sizes_asked_for_or_those_of_a_deep_network():
    assert plans.curve_cells(SQUARE, network="cnn", width=8, seeds=1)[0]["ratios"] == plans.STEPS
    asked = dict(ratios=[0.1, 0.3], unit="data", level=0.7)
    assert asked.items() <= plans.curve_cells(SQUARE, network="shallow", width=8, seeds=1, **asked)[0].items()


def test_sparse_training_sets_grow_by_the_predicted_power():
    sizes = {
        (cell["network"], cell["num_empty"]): cell["sizes"][0]
        for cell in plans.sparse_cells(8, 4, 3, empty=[0, 1], width=8, seeds=1)
    }
    assert sizes["cnn", 1] == pytest.approx(4 * sizes["cnn", 0], rel=1e-2)
    assert sizes["lcn", 1] == pytest.approx(8 * sizes["lcn", 0], rel=1e-2)


def test_zipf_ranks_are_equally_spaced_up_to_a_third_of_the_rules():
    ranks = plans.zipf_cells(9000)[0]["ranks"]
    assert (len(ranks), ranks[0], ranks[-1]) == (12, 3, 3000)
    steps = [b / a for a, b in itertools.pairwise(ranks[3:])]
    assert max(steps) < 1.1 * min(steps)
    assert plans.zipf_cells(9)[0]["ranks"] == [3]
