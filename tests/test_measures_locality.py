"""The numbers of the locality chapter, on rows whose answer is known by construction."""

import math

import numpy as np
import pandas as pd
import pytest
from known_answers import known, missing, no_error, power_law

from quire.experiments.locality import circle_measures, image_measures, kernel_measures, measures

SIZES = [16, 32, 64, 128, 256]


# --- kernels


def test_lemma_trace_and_parity_are_the_worst_case():
    assert kernel_measures.largest_lemma_error(pd.DataFrame({"lemma_error": [1e-15, 3e-15, 2e-15]})) == 3e-15
    traces = pd.DataFrame({"mean_diagonal": [1.0, 1.8, 3.03], "predicted_trace": [1.0, 2.0, 3.0]})
    assert kernel_measures.largest_trace_error(traces) == pytest.approx(0.1)
    assert kernel_measures.largest_odd_share(pd.DataFrame({"odd_share": [1e-17, 4e-17]})) == 4e-17


def test_width_exponent_is_the_mean_of_one_slope_for_each_seed():
    rows = power_law([-0.4, -0.5, -0.6], x="width", y="width_error", architecture="cn")
    both = pd.concat([rows, rows.assign(architecture="lc", width_error=2 * rows.width_error)])
    assert known(kernel_measures.width_exponent(both), -0.5, 0.1 / 3**0.5, 2)


def test_width_exponent_of_one_seed_or_of_one_width():
    assert no_error(kernel_measures.width_exponent(power_law([-0.5], x="width", y="width_error")), -0.5)
    one = power_law([-0.5, -0.4], x="width", y="width_error", places=[64])
    assert missing(kernel_measures.width_exponent(one), "one width has no slope")


def decays(exponent, largest, frequencies):
    return pd.DataFrame(
        [
            # outside of the window 8 ≤ k ≤ largest/2 no power law holds
            {"filter_size": 2, "frequency": k, "largest": largest, "coefficient": k**exponent if inside else 1.0}
            for k in frequencies
            for inside in [8 <= k <= largest / 2]
        ]
    )


def test_decay_exponent_is_that_of_its_window():
    rows = decays(-3, 64, [1, 2, 4, 8, 11, 16, 23, 32, 45, 64])
    other = decays(-2, 64, [8, 16, 32]).assign(filter_size=1)
    assert known(kernel_measures.decay_exponent(pd.concat([other, rows]), filter_size=2), -3, 0, 3)


def test_decay_exponent_has_the_error_of_the_scatter_about_its_line():
    rows = decays(-3, 64, [8, 16, 32])
    rows.loc[rows.frequency == 16, "coefficient"] *= math.exp(0.3)  # residuals -0.1, 0.2, -0.1: slope unchanged
    error = math.sqrt(0.06 / 1 / (2 * math.log(2) ** 2))
    assert known(kernel_measures.decay_exponent(rows, filter_size=2), -3, error, 1)


@pytest.mark.parametrize("largest, reason", [(16, "two different abscissae"), (4, "two different abscissae")])
def test_decay_exponent_of_a_window_with_one_frequency_or_none(largest, reason):
    assert missing(kernel_measures.decay_exponent(decays(-3, largest, [1, 2, 4, 8, 16]), filter_size=2), reason)


def stairs(on_stair):
    """Spectra whose local kernel has so many eigenvalues on the first stair, the convolutional one two, for each seed."""
    exact = [1.0, 0.1, 0.1, 0.01] + [0.001] * 36
    parts = []
    for seed, count in enumerate(on_stair):
        for architecture, high in (("cn", 2), ("lc", count)):
            measured = [1.0] + [0.09] * high + [0.005] * (39 - high)
            columns = {"rank": range(1, 41), "eigenvalue": measured, "predicted_eigenvalue": exact}
            parts.append(pd.DataFrame(columns).assign(architecture=architecture, seed=seed))
    return pd.concat(parts)


def test_multiplicity_ratio_counts_the_first_stair():
    assert known(kernel_measures.multiplicity_ratio(stairs([12, 12, 12])), 6, 0, 2)
    assert known(kernel_measures.multiplicity_ratio(stairs([10, 12, 14])), 6, 1 / 3**0.5, 2)
    assert no_error(kernel_measures.multiplicity_ratio(stairs([12])), 6)


def test_multiplicity_ratio_leaves_out_the_constant_and_ranks_above_thirty():
    rows = stairs([12, 12])
    rows.loc[rows["rank"] > 30, "eigenvalue"] = 0.09
    assert known(kernel_measures.multiplicity_ratio(rows), 6, 0, 1)


def test_multiplicity_ratio_without_modes_or_without_levels():
    rows = stairs([12, 12])
    assert missing(kernel_measures.multiplicity_ratio(rows.assign(eigenvalue=0.001)), "a ratio to zero")
    assert missing(kernel_measures.multiplicity_ratio(rows[rows["rank"] <= 2]), "two levels below the constant")


def test_architectures_in_words():
    shown = kernel_measures.spelled_out(pd.DataFrame({"architecture": ["lc", "cn"], "width": [1, 2]}))
    assert shown.to_dict("list") == {"architecture": ["local", "convolutional"], "width": [1, 2]}


# --- learning curves


def test_exponent_is_minus_the_slope_from_the_smallest_size_that_counts():
    rows = power_law([-0.3, -0.4, -0.5], pair="a → b")
    rows.loc[rows["size"] < 64, "error"] = 1.0
    noise = power_law([-2.0, -2.0], pair="other")
    assert known(measures.exponent(pd.concat([rows, noise]), pair="a → b", fit_from=64), 0.4, 0.1 / 3**0.5, 2)


def test_exponent_of_one_seed_of_few_sizes_of_no_rows():
    rows = power_law([-0.5], pair="a → b")
    assert no_error(measures.exponent(rows, pair="a → b", fit_from=64), 0.5)
    assert missing(measures.exponent(rows, pair="a → b", fit_from=256), "fewer than two training sets from 256")
    assert missing(measures.exponent(rows, pair="a → b", fit_from=1000), "fewer than two training sets from 1000")
    assert missing(measures.exponent(rows, pair="none", fit_from=16), "fewer than two training sets")


def test_ranking_names_the_exponents():
    rows = pd.concat([power_law([-0.9, -1.1], pair="a → a"), power_law([-0.5], pair="b → b")])
    found = measures.ranking(rows, {"first": "a → a", "second": "b → b"}, fit_from=16)
    assert list(found) == ["first", "second"]
    assert known(found["first"], 1.0, 0.1, 1) and no_error(found["second"], 0.5)


def test_change_with_dimension_is_the_largest_minus_the_smallest():
    rows = [
        power_law(slopes, pair="p", dim=dim) for dim, slopes in ((9, [-9.0]), (6, [-0.3, -0.5]), (12, [-0.2, -0.4]))
    ]
    change = measures.change_with_dimension(pd.concat(rows), pair="p", fit_from=16)
    assert known(change, 0.3 - 0.4, math.hypot(0.1, 0.1), 2)


def test_change_with_dimension_of_one_dimension_or_one_seed():
    assert missing(measures.change_with_dimension(power_law([-1.0], pair="p", dim=6), pair="p", fit_from=16), "one dim")
    rows = pd.concat([power_law([-0.5], pair="p", dim=6), power_law([-0.6], pair="p", dim=9)])
    assert no_error(measures.change_with_dimension(rows, pair="p", fit_from=16), 0.1)


def shared(factors, dim=4, sizes=(16, 32, 64, 128, 256)):
    """The local student's error at dim · P is that of the convolutional one at P times a factor, for each seed."""
    rows = []
    for seed, factor in enumerate(factors):
        rows += [{"seed": seed, "pair": "3cn → 3cn", "size": size, "error": 1 / size} for size in sizes]
        rows += [{"seed": seed, "pair": "3cn → 3lc", "size": size, "error": factor * dim / size} for size in sizes]
        rows += [{"seed": seed, "pair": "3lc → 3lc", "size": size, "error": 7.0} for size in sizes]
    return pd.DataFrame(rows)


def test_sharing_ratio_compares_the_local_student_at_dim_times_the_points():
    assert known(measures.sharing_ratio(shared([0.9, 1.0, 1.1]), dim=4), 1.0, 0.1 / 3**0.5, 2)
    assert no_error(measures.sharing_ratio(shared([0.9]), dim=4), 0.9)


def test_sharing_ratio_leaves_out_fewer_than_32_points():
    rows = shared([0.9, 1.1])
    rows.loc[(rows.pair == "3cn → 3cn") & (rows["size"] < 32), "error"] = 100.0
    assert known(measures.sharing_ratio(rows, dim=4), 1.0, 0.1, 1)


@pytest.mark.parametrize("dim, sizes", [(5, (16, 32, 64)), (4, (16, 64))])
def test_sharing_ratio_without_a_partner(dim, sizes):
    assert missing(measures.sharing_ratio(shared([1.0, 1.0], sizes=sizes), dim=dim), f"{dim} times as large")


def test_with_and_without_shift():
    shown = measures.with_and_without_shift(shared([1.0], sizes=(16, 64)), dim=4)
    left, right = (part for _, part in shown.groupby("panel", sort=False))
    assert left.place.tolist() == [16, 64, 16, 64]
    assert right.place.tolist() == [16, 64, 4, 16]
    assert set(shown.pair) == {"3cn → 3cn", "3cn → 3lc"}


THEORY = pd.DataFrame(
    [{"teacher": t, "size": size, "predicted_error": size**-0.5, "extra": 0} for t in ("a", "b") for size in SIZES]
)


def test_beside_theory_adds_one_column_and_keeps_the_rows():
    rows = pd.concat([power_law([-0.5, -0.6], teacher=teacher) for teacher in ("b", "a")], ignore_index=True)
    both = measures.beside_theory(rows, THEORY, by=["teacher"])
    pd.testing.assert_frame_equal(both[list(rows)], rows)
    assert list(both) == [*rows, "predicted_error"]
    assert both.predicted_error.tolist() == (both["size"] ** -0.5).tolist()


def test_beside_theory_wants_each_prediction_once():
    rows = power_law([-0.5], teacher="a")
    with pytest.raises(ValueError, match="no prediction for .*'size': 16.*same curves and sizes"):
        measures.beside_theory(rows, THEORY[THEORY["size"] > 16], by=["teacher"])
    with pytest.raises(ValueError, match="not a many-to-one merge"):
        measures.beside_theory(rows, pd.concat([THEORY, THEORY]), by=["teacher"])


def gaps(by_pair, sizes=(64, 128, 256)):
    """Measured over predicted error is exp(gap), at all sizes from 128 on; below, it is far off."""
    rows = []
    for pair, values in by_pair.items():
        for seed, gap in enumerate(values):
            errors = [0.5 * math.exp(gap if size >= 128 else 9.0) for size in sizes]
            columns = {"size": sizes, "error": errors, "predicted_error": 0.5}
            rows.append(pd.DataFrame(columns).assign(pair=pair, seed=seed))
    return pd.concat(rows)


def test_largest_gap_is_that_of_the_worst_pair_on_either_side():
    rows = gaps({"a": [0.1, 0.1, 0.1], "b": [-0.1, -0.2, -0.3], "c": [0.5, -0.5, 0.0]})
    assert known(measures.largest_gap(rows), 0.2, 0.1 / 3**0.5, 2)


def test_largest_gap_of_one_seed_and_of_small_sizes():
    assert no_error(measures.largest_gap(gaps({"a": [0.1], "b": [-0.2]})), 0.2)
    small = gaps({"a": [0.1]}, sizes=(16, 64))
    small.loc[small["size"] == 64, "error"] = 0.5 * math.exp(-0.3)
    assert no_error(measures.largest_gap(small), 0.3)


def test_in_panels_keeps_the_pairs_that_are_named():
    rows = pd.DataFrame({"pair": ["b → b", "a → b", "c → c"], "error": [1, 2, 3]})
    shown = measures.in_panels(rows, {"left": [["a", "b"]], "right": [["b", "b"]]})
    assert shown.to_dict("list") == {"pair": ["b → b", "a → b"], "error": [1, 2], "panel": ["right", "left"]}
    assert measures.in_panels(rows, {"left": [["x", "y"]]}).empty


# --- the circle


def on_circle(slopes, smoothness=1.0, predicted=-1.0, **columns):
    rows = power_law(slopes, teacher_exponent=smoothness, **columns)
    return rows.assign(predicted_error=0.5 * rows["size"] ** predicted)


def test_circle_exponent_is_that_of_the_mean_curve():
    found = circle_measures.circle_exponent(on_circle([-1.0, -1.0, -1.0, -1.0]), smoothness=1.0)
    assert known(found, 1.0, 0, 3)
    uneven = pd.concat([on_circle([-1.0]), on_circle([-1.0]).assign(seed=1, error=lambda rows: 9 * rows.error)])
    assert circle_measures.circle_exponent(uneven, smoothness=1.0).value == pytest.approx(1.0)  # a mean, not of slopes


def test_circle_exponent_has_a_bootstrap_error_over_seeds():
    slopes = np.random.default_rng(0).normal(-1, 0.1, 400)
    found = circle_measures.circle_exponent(on_circle(slopes), smoothness=1.0)
    assert found.dof == 399 and found.stderr == pytest.approx(0.1 / 20, rel=0.5)
    assert abs(found.value - 1) < 0.1


def test_circle_exponent_of_one_seed_one_size_or_another_teacher():
    rows = on_circle([-2.0])
    assert no_error(circle_measures.circle_exponent(rows, smoothness=1.0), 2.0)
    assert missing(circle_measures.circle_exponent(rows[rows["size"] == 16], smoothness=1.0), "two different abscissae")
    assert missing(circle_measures.circle_exponent(rows, smoothness=3.0), "no teacher of smoothness 3")


def test_saturation_lists_every_teacher_with_its_prediction():
    rows = pd.concat([on_circle([-4.0, -4.0], 7.0), on_circle([-1.0, -1.0], 1.0), on_circle([-3.0], 3.0)])
    shown = circle_measures.saturation(rows)
    assert shown.smoothness.tolist() == [1, 3, 7] and shown.derived.tolist() == [1, 3, 4]
    assert shown.beta.tolist() == pytest.approx([1, 3, 4])
    assert shown.stderr.tolist() == pytest.approx([0, math.nan, 0], nan_ok=True)
    assert list(circle_measures.saturation(rows[:0])) == ["smoothness", "beta", "stderr", "derived"]


def test_amplitude_ratio_is_averaged_over_sizes_then_seeds():
    rows = pd.concat([on_circle([-1.0] * 3), on_circle([-1.0] * 3, smoothness=3.0)])  # measured: twice the predicted
    rows["error"] *= 1 + 0.1 * (rows.seed - 1)
    assert known(circle_measures.amplitude_ratio(rows, smoothness=1.0), 2.0, 0.2 / 3**0.5, 2)
    assert no_error(circle_measures.amplitude_ratio(rows[rows.seed == 0], smoothness=3.0), 1.8)
    assert missing(circle_measures.amplitude_ratio(rows, smoothness=7.0), "no teacher of smoothness 7")


def ridges(smoothness=3.0, seeds=2):
    parts = [(0.5, -1.0, -1.1), (1.0, -2.5, -2.0), (2.0, -3.0, -3.0)]  # exponent of the penalty, measured, predicted
    return pd.concat([on_circle([slope] * seeds, smoothness, theory, ridge_exponent=g) for g, slope, theory in parts])


def test_ridge_gap_is_the_largest_of_all_penalties():
    assert known(circle_measures.ridge_gap(ridges(), smoothness=3.0), 0.5, 0, 1)
    assert known(circle_measures.ridge_gap(ridges(), smoothness=3.0, relative=True), 0.25, 0, 1)
    assert no_error(circle_measures.ridge_gap(ridges(seeds=1), smoothness=3.0), 0.5)


def test_relative_ridge_gap_scales_its_error():
    slopes = np.random.default_rng(1).normal(-1, 0.1, 50)
    rows = on_circle(slopes, predicted=-2.0, ridge_exponent=0.5)
    plain, relative = (circle_measures.ridge_gap(rows, smoothness=1.0, relative=flag) for flag in (False, True))
    assert (relative.value, relative.stderr) == pytest.approx((plain.value / 2, plain.stderr / 2))
    assert plain.stderr > 0


def test_ridge_gap_without_a_teacher_or_with_one_size():
    assert missing(circle_measures.ridge_gap(ridges(), smoothness=1.0), "no teacher of smoothness 1")
    rows = ridges()
    assert missing(circle_measures.ridge_gap(rows[rows["size"] == 16], smoothness=3.0), "two different abscissae")


def test_filters_are_named_by_their_sizes():
    rows = pd.DataFrame({"pair": ["2cn → 3lc", "3lc → 12fc"], "error": [1.0, 2.0]})
    assert measures.with_filters(rows).filters.tolist() == ["t = 2, s = 3", "t = 3, s = 12"]


# --- real images


def image_rows(exponents, *, draws=(0.9, 1.1), noise=0.0, dataset="digits", predicted=1.0, num_points=1024):
    """Curves of one set of images: error = factor of the draw × P^(-β) for each kernel."""
    return pd.DataFrame(
        [
            {"dataset": dataset, "kernel": kernel, "noise": noise, "shifted": False, "seed": 0, "draw": draw}
            | {
                "num_points": num_points,
                "size": size,
                "error": factor * size**-beta,
                "predicted_error": predicted * size**-beta,
            }
            for kernel, beta in exponents.items()
            for draw, factor in enumerate(draws)
            for size in SIZES + [512]
        ]
    )


def test_the_theory_deviates_where_it_deviates_most_up_to_a_quarter_of_the_images():
    rows = image_rows({"3lc": 0.5, "8fc": 0.4}, predicted=0.8)  # means of one over 0.8
    assert known(image_measures.theory_deviation(rows), 0.25, 0.1 / 0.8, 1)
    far = rows.assign(error=rows.error.where(rows["size"] < 512, 99.0))
    assert image_measures.theory_deviation(far) == image_measures.theory_deviation(rows)
    near = rows.assign(error=rows.error.where(rows["size"] != 256, 2 * rows.error))
    assert known(image_measures.theory_deviation(near), 1.5, 0.2 / 0.8, 1)
    moved = pd.concat(
        [rows, rows.assign(shifted=True, error=0.8 * rows.error)]
    )  # exactly the theory, where it is shifted
    assert image_measures.theory_deviation(moved) == image_measures.theory_deviation(rows)
    assert missing(image_measures.theory_deviation(rows[:0]), "no such curves")


def test_sharing_changes_an_exponent_by_the_largest_difference():
    rows = image_rows({"2lc": 0.4, "2cn": 0.1, "3lc": 0.4, "3cn": 0.5, "8fc": 0.6})
    assert image_measures.sharing_change(rows, from_size=32).value == pytest.approx(0.3)
    table = image_measures.exponent_table(rows, from_size=32).set_index(["architecture", "filter_size"]).beta
    assert table.round(9).to_dict() == {("lc", 2): 0.4, ("cn", 2): 0.1, ("lc", 3): 0.4, ("cn", 3): 0.5, ("fc", 8): 0.6}
    bent = rows.assign(error=rows.error.where(rows["size"] > 16, 7.0))
    assert image_measures.sharing_change(bent, from_size=32) == image_measures.sharing_change(rows, from_size=32)
    alone = rows[rows.kernel.isin(["2lc", "8fc"])]
    assert missing(image_measures.sharing_change(alone, from_size=32), "no such curves")


def test_locality_gains_what_it_gains_on_the_worst_set():
    rows = pd.concat(
        [image_rows({"3lc": 0.5, "2lc": 0.9, "8fc": 0.3}), image_rows({"3lc": 0.2, "8fc": 0.25}, dataset="mnist")]
    )
    assert image_measures.locality_gain(rows, filter_size=3, from_size=16).value == pytest.approx(-0.05)
    assert missing(image_measures.locality_gain(rows, filter_size=5, from_size=16), "no such curves")


def test_sharing_gains_least_on_the_worst_set():
    rows = pd.concat([image_rows({"3lc": 0.2, "3cn": 0.4}), image_rows({"3lc": 0.2, "3cn": 0.1}, dataset="mnist")])
    assert known(image_measures.sharing_ratio(rows), 512**0.1, 0.0, 1)
    assert missing(image_measures.sharing_ratio(rows[rows.kernel == "3cn"]), "no such curves")


def test_what_the_largest_set_teaches():
    rows = image_rows({"3lc": 0.5, "3cn": 1.0}).assign(misclassified=0.25)
    assert image_measures.largest_table(rows).to_dict("records") == [
        {"dataset": "digits", "kernel": "3lc", "error": round(512**-0.5, 3), "misclassified": 0.25},
        {"dataset": "digits", "kernel": "3cn", "error": round(1 / 512, 3), "misclassified": 0.25},
    ]


def test_curves_of_images_show_the_theory_where_it_is_made_for():
    shown = image_measures.curve_table(image_rows({"3lc": 0.5}))
    assert shown[shown.predicted_error.isna()]["size"].unique().tolist() == [512]
    assert {"dataset", "kernel", "draw", "error"} <= set(shown.columns)
