"""What the chapter on learning mechanics runs: cells against closed forms, and against the same said in another way."""

import inspect
import math

import pytest
import torch
from known_answers import finite, fits, storable

from quire.experiments.mechanics import likeness_cells, mode_cells, plans, solvable_cells, trained_cells

TINY = dict(images=30, width=6, seeds=[0], device="cpu")


def stream(seed=0):
    return torch.Generator().manual_seed(seed)


def test_modes_follow_the_law_and_the_loss_is_theirs():
    asked = dict(singular_values=[2.0, 1.0], initial=1e-2, depth=2, rate=1e-3, horizon=4.0, points=5)
    rows = finite(mode_cells.modes_from_aligned_weights(**asked, generator=stream()), arguments=asked)
    assert len(rows) == 10 and [row["time"] for row in rows[::2]] == pytest.approx([0, 1, 2, 3, 4])
    for row in rows:
        assert row["strength"] == pytest.approx(row["predicted"], abs=5e-3)
        assert row["loss"] == pytest.approx(row["predicted_loss"], abs=1e-2)
    assert rows[0]["loss"] == pytest.approx(
        rows[0]["predicted_loss"], abs=1e-9
    )  # before the first step nothing differs


def test_random_weights_learn_modes_in_order():
    asked = dict(singular_values=[4.0, 2.0], spread=1e-3, rate=2e-3, draw=0)
    rows = storable(mode_cells.modes_from_random_weights(**asked, generator=stream()), arguments=asked)
    assert rows[0]["half_time"] < rows[1]["half_time"]
    for row in rows:
        assert row["scaled"] == pytest.approx(row["half_time"] * row["value"] / math.log(1000))
        assert 0.8 < row["scaled"] < 1.3


def test_a_mode_that_is_not_learned_in_time_has_no_half_time():
    rows = mode_cells.modes_from_random_weights(
        singular_values=[4.0, 4e-2], spread=0.09, rate=1e-2, draw=0, generator=stream(3)
    )
    assert not math.isnan(rows[0]["half_time"])


def test_flow_and_minimiser_agree_and_lie_between_the_limits():
    asked = dict(inputs=24, samples=16, nonzero=2, scales=[10.0, 0.3, 0.01], seed=1)
    rows = finite(solvable_cells.diagonal_bias(**asked), arguments=asked)
    assert all(row["distance"] < 1e-6 and row["loss"] == pytest.approx(row["predicted"], rel=1e-5) for row in rows)
    assert rows[0]["loss"] == pytest.approx(rows[0]["shortest"], rel=1e-2)
    assert rows[2]["loss"] < 0.2 * rows[0]["loss"] and rows[0]["sparsest"] < 1e-12
    assert [row["absolute"] for row in rows] == sorted((row["absolute"] for row in rows), reverse=True)


def test_learnabilities_add_up_and_fall():
    asked = dict(places=32, samples=6, exponent=2.0, draw=0)
    rows = finite(solvable_cells.learnabilities(**asked, generator=stream()), arguments=asked)
    assert len(rows) == 17 and sum(row["modes"] for row in rows) == 32
    assert rows[0]["total"] == pytest.approx(6, abs=1e-10)
    assert sum(row["modes"] * row["learnability"] for row in rows) == pytest.approx(6, abs=1e-10)
    assert sum(row["modes"] * row["predicted"] for row in rows) == pytest.approx(6, abs=1e-6)
    assert rows[0]["learnability"] > 0.8 > 0.2 > rows[-1]["learnability"]


def test_all_of_the_circle_is_learned_from_all_of_it():
    rows = solvable_cells.learnabilities(places=16, samples=15, exponent=1.0, draw=0, generator=stream())
    assert rows[0]["total"] == pytest.approx(15, abs=1e-10)


def test_features_and_data_are_two_sides_of_one_projection():
    """The same random matrix: the errors are equal up to the ridge."""
    asked = dict(exponent=1.0, number=12, inputs=80, draw=0)
    both = [solvable_cells.scaling(limited_by=by, **asked, generator=stream(5)) for by in ("features", "samples")]
    assert both[0]["error"] == pytest.approx(both[1]["error"], rel=1e-4)
    finite(both[:1], arguments=asked)


def test_free_features_collapse():
    asked = dict(classes=4, samples=3, width=6, decay=5e-3, draw=0)
    (row,) = finite([solvable_cells.collapsed(**asked, generator=stream())], arguments=asked)
    assert row["variability"] < 1e-8 and row["mean_cosine"] == pytest.approx(-1 / 3) == row["predicted_cosine"]


# --- training


def test_the_sharpness_is_that_of_the_loss_that_is_descended():
    rows = finite(trained_cells.edge_of_stability(rate=0.05, steps=20, every=10, **TINY), arguments=TINY)
    assert [row["step"] for row in rows] == [0, 10, 20] and rows[0]["loss"] > rows[-1]["loss"]
    assert all(row["product"] == pytest.approx(row["sharpness"] * 0.025) and row["rises"] == 0 for row in rows)
    together = trained_cells.edge_of_stability(rate=0.05, steps=20, every=10, **TINY | {"seeds": [4, 0]})
    assert [row for row in together if row["seed"] == 0] == [pytest.approx(row, rel=1e-3) for row in rows]


def test_too_large_a_step_makes_the_loss_rise():
    rows = trained_cells.edge_of_stability(rate=1.5, steps=20, every=10, **TINY)
    assert max(row["rises"] for row in rows) > 0


@pytest.mark.parametrize("parametrisation", ["maximal", "standard"])
def test_losses_at_the_base_width_do_not_depend_on_small_rates(parametrisation):
    asked = dict(width=16, base_width=8, steps=3, batch_size=16, seed=0, device="cpu")
    rates = dict(parametrisation=parametrisation, log_rates=[-20.0, -6.0])
    rows = finite(trained_cells.losses_by_rate(**rates, **asked))
    assert [row["log_rate"] for row in rows] == [-20.0, -6.0]
    assert rows[0]["loss"] == pytest.approx(math.log(10), abs=1.2)
    assert trained_cells.losses_by_rate(**rates, **asked | {"steps": 60})[1]["loss"] < rows[0]["loss"]


def test_errors_on_digits_are_about_those_of_the_theory():
    asked = dict(sizes=[64, 1400], ridge=1e-3, bandwidth=1.0, draw=0)
    rows = finite(solvable_cells.pool_errors(**asked, generator=stream()), arguments=asked)
    assert [row["size"] for row in rows] == [64, 1400]
    assert all(row["error"] == pytest.approx(row["predicted"], rel=0.4) for row in rows)
    assert rows[1]["error"] < 0.3 * rows[0]["error"]


def test_a_rate_that_diverges_has_a_large_loss():
    asked = dict(width=16, base_width=8, steps=5, batch_size=16, seed=0, device="cpu")
    small, row = trained_cells.losses_by_rate(parametrisation="standard", log_rates=[-7.0, 70.0], **asked)
    assert small["loss"] < 10
    assert math.isfinite(row["loss"]) and row["loss"] > 10


def test_kernels_change_less_for_larger_factors():
    asked = dict(width=16, images=20, target_loss=1e-2, most_steps=3000, seed=0, device="cpu")
    rows = likeness_cells.kernel_change(scales=[1.0, 30.0], **asked)
    assert all(row["fitted"] <= 1e-2 and row["steps"] < 3000 for row in finite(rows, arguments=asked))
    assert rows[1]["change"] < 0.1 * rows[0]["change"]
    (short,) = likeness_cells.kernel_change(scales=[1.0], **asked | {"most_steps": 2})
    assert short["steps"] == 2 and short["fitted"] > 1e-2


def test_likeness_of_two_networks():
    asked = dict(seeds=[0], device="cpu")
    rows = finite(likeness_cells.likeness(width=8, epochs=0, **asked), arguments=asked)
    assert [row["layer"] for row in rows] == [1, 2] and all(0 < row["alignment"] < 2 for row in rows)
    wider = likeness_cells.likeness(width=128, epochs=0, **asked)
    assert all(w["alignment"] < n["alignment"] and w["unlike"] < n["unlike"] for w, n in zip(wider, rows, strict=True))
    trained = likeness_cells.likeness(width=8, epochs=1, **asked)
    assert trained[0]["alignment"] != rows[0]["alignment"]
    (together,) = [
        row for row in likeness_cells.likeness(width=8, epochs=1, seeds=[3, 0], device="cpu") if row["seed"] == 0
    ][:1]
    assert together == pytest.approx(trained[0], rel=1e-3)


def test_plans_are_calls_of_their_cells():
    cells = {
        mode_cells.modes_from_aligned_weights: plans.mode_cells(rates=[0.01], depths=[2, 3], points=4),
        mode_cells.modes_from_random_weights: plans.random_start_cells(spread=1e-3, rate=2e-3, draws=2),
        solvable_cells.diagonal_bias: plans.diagonal_cells(inputs=8, samples=100, scales=[1.0, 2.0], seeds=2),
        solvable_cells.learnabilities: plans.learnability_cells(places=16, samples=50, draws=2),
        solvable_cells.pool_errors: plans.pool_cells(sizes=[16, 4], draws=2),
        solvable_cells.scaling: plans.scaling_cells(exponents=[1.0], numbers=[4, 900], inputs=64, seeds=2),
        solvable_cells.collapsed: plans.collapse_cells(classes=4, samples=3, width=6, decay=1e-3, draws=2),
    }
    for function, asked in cells.items():
        drawn = {"generator": 0} if "generator" in inspect.signature(function).parameters else {}
        assert fits(function, [cell | drawn for cell in asked])
    assert {cell["samples"] for cell in cells[solvable_cells.diagonal_bias]} == {7}
    assert {cell["samples"] for cell in cells[solvable_cells.learnabilities]} == {15}
    assert {cell["number"] for cell in cells[solvable_cells.scaling]} == {4, 64}
    trained = {
        trained_cells.edge_of_stability: plans.edge_cells(rates=[0.1], images=10, width=4, steps=50, every=25, seeds=1),
        trained_cells.losses_by_rate: plans.rate_cells(widths=[8], base_width=8, log_rates=[-7.0], steps=2, seeds=1),
        likeness_cells.kernel_change: plans.scale_cells(scales=[1.0], width=4, images=10, most_steps=5, seeds=1),
        likeness_cells.likeness: plans.likeness_cells(widths=[8], epochs=1, seeds=1),
    }
    for function, asked in trained.items():
        assert fits(function, [cell | {"device": "cpu"} for cell in asked])
