"""The numbers of the chapter on spatial scales, on rows whose answer is known by construction."""

import math

import pandas as pd
import pytest
from known_answers import known, missing, no_error

from quire.experiments.spatial_scales import gaussian_measures, measures, network_measures

SIZES = [64, 128, 256, 512]
WINDOW = [128, 512]


def learned(slopes: dict[int, list[float]], student: str = "cnn", **columns) -> pd.DataFrame:
    """Exact power laws P^-β by level and seed inside the window, and nonsense outside of it; theory is P^-1/2."""
    return pd.DataFrame(
        [
            {
                "student": student,
                "teacher_level": level,
                "samples": size,
                "seed": seed,
                "error": size**-beta if size >= WINDOW[0] else 7.0,
                "ridge_error": 2.0 * size**-beta,
                **columns,
            }
            for level, betas in slopes.items()
            for seed, beta in enumerate(betas)
            for size in SIZES
        ]
    )


def test_depths_are_counted_in_layers():
    assert [measures.depth_name(level) for level in (1, 3)] == ["depth two", "depth four"]


def test_an_exponent_is_the_mean_over_seeds_inside_the_window():
    rows = pd.concat([learned({1: [0.4, 0.6], 2: [0.3, 0.3]}), learned({1: [0.1, 0.1]}, student="fc")])
    assert known(measures.exponent(rows, level=1, window=WINDOW), 0.5, 0.1, 1)
    assert known(measures.exponent(rows, level=1, window=WINDOW, student="fc"), 0.1, 0.0, 1)
    assert missing(measures.exponent(rows, level=3, window=WINDOW), "no target of this depth")
    assert missing(measures.exponent(rows, level=1, window=[500, 512]), "fewer than two training sets")
    assert no_error(measures.exponent(learned({1: [0.5]}), level=1, window=WINDOW), 0.5)


def test_a_sector_decays_with_the_slope_of_neighbours_together():
    waves = range(1, 17)
    rows = pd.DataFrame(
        [{"kind": "ntk", "level": 2, "wavenumber": float(k), "eigenvalue": k**-3.0, "fitted": k >= 8} for k in waves]
    )
    slope = measures.decay_exponent(rows, kind="ntk", level=2)
    assert slope.value == pytest.approx(-3.0) and slope.stderr < 1e-9 and slope.dof == 6
    offset = rows.assign(eigenvalue=rows.eigenvalue * [2.0 if k % 2 else 1.0 for k in waves])
    assert measures.decay_exponent(offset, kind="ntk", level=2).value == pytest.approx(-3.0)
    outside = rows.assign(eigenvalue=rows.eigenvalue.where(rows.fitted, 1.0))
    assert measures.decay_exponent(outside, kind="ntk", level=2).value == pytest.approx(-3.0)
    assert missing(measures.decay_exponent(rows, kind="nngp", level=2), "no sector of this level")


def test_the_table_of_sectors_keeps_three_points_an_octave_of_each_parity():
    rows = pd.DataFrame([{"kind": "ntk", "level": 1, "wavenumber": float(k), "eigenvalue": 1.0} for k in range(1, 257)])
    table = measures.sector_table(rows)
    assert set(table.kernel) == {"NTK"} and 30 < len(table) <= 50 and table.wavenumber.iloc[0] == 1


def test_the_last_local_exponent_has_its_last_change_as_error():
    rows = pd.DataFrame({"teacher_level": [1, 1, 1], "samples": [1e2, 1e3, 1e4], "local_exponent": [0.8, 0.7, 0.65]})
    assert known(measures.last_local_exponent(rows, level=1), 0.65, 0.05, math.inf)
    assert missing(measures.last_local_exponent(rows, level=2), "no target")
    predicted = pd.DataFrame({"teacher_level": [1], "derived": [0.625]})
    table = measures.asymptotic_table(rows, predicted)
    assert set(table.derived) == {0.625} and set(table.target) == {"depth two"}


def theory(level: int, students=("cnn", "fc"), error: float = 0.25) -> pd.DataFrame:
    """A prediction for each student and size."""
    values = {"predicted_error": error, "predicted_ridge_error": 1.0, "bound": 4.0, "best_bound": 3.0}
    return pd.DataFrame(
        [{"student": s, "teacher_level": level, "samples": n, **values} for s in students for n in SIZES]
    )


def test_measurement_and_theory_meet_by_curve_and_size_and_the_worst_ratio_is_farthest_from_one():
    measured = learned({1: [0.5, 0.5]})
    measured["error"] = 0.25
    measured.loc[measured.samples == 256, "error"] = [0.2, 0.1]  # ratios 0.8 and 0.4: mean 0.6
    rows = measures.beside_theory(measured, theory(1))
    assert len(rows) == len(measured) and set(rows.target) == {"depth two"}
    assert known(measures.worst_ratio(rows, level=1), 0.6, 0.2, 1)
    assert missing(measures.worst_ratio(rows, level=2), "no target")
    assert missing(measures.worst_ratio(rows[rows.samples < 64], level=1), "no training set of 64 points")


def test_the_price_is_a_ratio_within_each_data_set():
    rows = pd.concat([learned({1: [0.5, 0.5]}), learned({1: [0.5, 0.5]}, student="fc")])
    rows.loc[(rows.student == "fc") & (rows.seed == 0), "error"] *= 3
    rows.loc[(rows.student == "fc") & (rows.seed == 1), "error"] *= 5
    assert known(measures.connected_price(rows, samples=512), 4.0, 1.0, 1)
    assert missing(measures.connected_price(rows, samples=1024), "no training set of 1024 points")


def test_the_share_of_the_bound_is_the_largest_mean():
    rows = pd.concat([learned({1: [0.0, 0.0]}, bound=4.0), learned({2: [0.0, 0.0]}, bound=8.0)])
    rows.loc[(rows.teacher_level == 2) & (rows.samples == 64), "ridge_error"] = [4.0, 6.0]
    assert known(measures.largest_share_of_bound(rows), 0.625, 0.125, 1)


def test_curves_with_and_without_ridge_share_a_table():
    table = measures.ridge_and_ridgeless(learned({1: [0.5]}, bound=4.0))
    assert table.groupby("curve").size().to_dict() == {"ridgeless": 4, "with ridge": 4}
    assert (
        set(table[table.curve == "with ridge"].ceiling) == {4.0}
        and table[table.curve == "ridgeless"].ceiling.isna().all()
    )


def test_measured_exponents_stand_beside_both_formulas():
    rough, smooth = learned({1: [0.4, 0.6]}, kind="ntk"), learned({1: [1.0, 1.0]}, kind="nngp")
    predicted = pd.DataFrame(
        {"kind": ["ntk", "nngp"], "teacher_level": [1, 1], "derived": [0.6, 1.3], "quoted": [1.0, 3.0]}
    )
    both = measures.by_kernel(pd.concat([rough, learned({1: [0.1]}, student="fc", kind="ntk")]), smooth)
    assert len(both) == 16 and len(measures.by_kernel(smooth, smooth)) == 8
    table = measures.formula_table(both, predicted, window=WINDOW).set_index(["kernel", "source"])
    assert table.value["NTK", "measured"] == pytest.approx(0.5) and table.stderr["NTK", "measured"] == pytest.approx(
        0.1
    )
    assert table.value["NNGP", "quoted"] == 3.0 and table.stderr["NNGP", "quoted"] == 0.0
    none = measures.formula_table(both[both.kind == "ntk"], predicted, window=WINDOW)
    assert set(none[none.kernel == "NNGP"].source) == {"derived", "quoted"}


def test_cursed_students_are_named_by_filters_and_dimension():
    measured = learned({2: [0.2, 0.4]}).assign(filter_sizes=[[3, 2]] * 8)
    predicted = theory(2, students=("cnn",)).assign(filter_sizes=[[3, 2]] * 4)
    table = measures.cursed_table(measured, predicted)
    assert set(table.filters) == {"(3,2), d = 4"} and len(table) == 8
    assert known(measures.cursed_exponent(table, filters=(3, 2), window=WINDOW), 0.3, 0.1, 1)
    assert missing(measures.cursed_exponent(table, filters=(2, 2), window=WINDOW), "no target")


def networks() -> pd.DataFrame:
    """Two data sets of two networks at each width; at the largest P the ratios are 1.5 and 2.5 (width 32), 1 (256)."""
    ratios = {(32, 0): 1.5, (32, 1): 2.5, (256, 0): 1.0, (256, 1): 1.0}
    return pd.DataFrame(
        [
            {"width": w, "seed": s, "network": n, "samples": p, "kernel_error": 2.0, "network_error": 2.0 * r + n - 0.5}
            for (w, s), ratio in ratios.items()
            for p, r in ((8, 9.0), (16, ratio))
            for n in (0, 1)
        ]
    )


def test_networks_are_compared_with_their_kernel_at_the_largest_size():
    assert known(network_measures.relative_error(networks(), width=32), 2.0, 0.5, 1)
    assert missing(network_measures.relative_error(networks(), width=64), "no network of width 64")
    order = network_measures.width_order(networks())
    assert list(order) == ["width 32", "width 256"] and order["width 256"].value == pytest.approx(1.0)
    assert no_error(network_measures.relative_error(networks().query("seed == 0"), width=32), 1.5)
    table = network_measures.over_kernel(networks())
    assert table.ratio[table.samples == 16].iloc[0] == pytest.approx((3.0 - 0.5) / 2) and set(table.channels) == {
        "32",
        "256",
    }


def test_errors_over_the_theory_of_one_target_for_two_kinds_of_features():
    theory = pd.DataFrame(
        [
            {"teacher_level": 1, "samples": 8, "predicted_error": 0.5},
            {"teacher_level": 2, "samples": 8, "predicted_error": 9.0},
        ]
    )
    own = pd.DataFrame(
        [{"teacher_level": level, "samples": 8, "seed": s, "error": 0.4} for level in (1, 2) for s in (0, 1)]
    )
    gaussian = pd.DataFrame(
        [{"samples": 8, "seed": s, "error": e} for s, e in enumerate([0.4, 0.6])]
        + [{"samples": 16, "seed": 0, "error": 1.0}]
    )
    table = gaussian_measures.over_theory(own, gaussian, theory, level=1)
    assert len(table) == 4  # no theory at P = 16
    assert known(gaussian_measures.last_ratio(table, features=gaussian_measures.GAUSSIAN, samples=8), 1.0, 0.2, 1)
    assert known(gaussian_measures.last_ratio(table, features=gaussian_measures.OWN, samples=8), 0.8, 0.0, 1)
    assert missing(
        gaussian_measures.last_ratio(table, features=gaussian_measures.OWN, samples=16), "no training set of 16 points"
    )
