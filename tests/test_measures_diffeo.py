"""The numbers of the chapter on relative stability, on rows whose answer is known by construction."""

import math

import numpy as np
import pandas as pd
import pytest
from known_answers import known, missing, no_error

from quire.experiments.diffeo import (
    convention_measures,
    error_measures,
    measures,
    network_measures,
    photo_measures,
    scale_measures,
    stripe_measures,
)

SPREAD = math.exp(0.1)  # two values that differ by this factor on either side of one: ⟨log⟩ = 0, error 0.1


# --- fields


def law_rows(ratios):
    """Measured over exact of each seed, at two cut-offs; the asymptotic law is half of the exact one at c = 3."""
    return pd.DataFrame(
        [
            {
                "cutoff": c,
                "seed": s,
                "quantity": name,
                "measured": ratio * exact,
                "exact": exact,
                "asymptotic": exact / share,
            }
            for s, ratio in enumerate(ratios)
            for c, exact, share in ((3, 4.0, 2.0), (10, 8.0, 1.0))
            for name in ("gradient energy", "squared displacement")
        ]
    )


def test_law_ratio_counts_each_seed_once():
    rows = law_rows([0.9, 1.0, 1.1])
    assert known(measures.law_ratio(rows, quantity="gradient energy"), 1.0, 0.1 / 3**0.5, 2)
    rows.loc[(rows.cutoff == 10) & (rows.quantity == "squared displacement"), "measured"] = 16.0
    assert known(measures.law_ratio(rows, quantity="squared displacement"), 1.5, 0.05 / 3**0.5, 2)
    assert no_error(measures.law_ratio(law_rows([0.9]), quantity="gradient energy"), 0.9)


def test_nominal_ratio_is_a_root_mean_square_over_the_asymptotic_one():
    rows = law_rows([0.5 * 1.1**2, 0.5 * 1.3**2])  # √(2 · 0.5 · x²) = x
    assert known(measures.nominal_ratio(rows, cutoff=3), 1.2, 0.1, 1)
    assert no_error(measures.nominal_ratio(law_rows([0.5]), cutoff=3), 1.0)
    assert missing(measures.nominal_ratio(rows, cutoff=4), "no fields of cut-off 4")


def test_law_table_is_in_units_of_the_asymptotic_law():
    table = measures.law_table(law_rows([0.9]))
    assert table.exact_ratio.tolist() == [2.0, 2.0, 1.0, 1.0]
    assert table.over_asymptotic.tolist() == pytest.approx([1.8, 1.8, 0.9, 0.9])


def phases(medians, safe=1.0):
    """For each cut-off, the median of each seed, beside two temperatures."""
    return pd.DataFrame(
        [
            {
                "cutoff": c,
                "seed": s,
                "multiple": m,
                "median_multiple": median,
                "probability": safe if m == 0.25 else 0.1,
            }
            for c, values in medians.items()
            for s, median in enumerate(values)
            for m in (0.25, 1.0)
        ]
    )


def test_medians_are_those_of_the_extreme_cutoffs():
    rows = phases({2: [0.8, 1.0], 3: [1.2, 1.2], 5: [1.3, 1.5]})
    assert known(measures.smallest_median(rows), 0.9, 0.1, 1)
    assert known(measures.largest_median(rows), 1.4, 0.1, 1)
    assert no_error(measures.smallest_median(phases({2: [0.8]})), 0.8)


def test_safe_probability_is_that_of_a_quarter_from_cutoff_three():
    rows = phases({2: [1.0, 1.0], 3: [1.0, 1.0], 5: [1.0, 1.0]})
    rows.loc[(rows.multiple == 0.25) & (rows.cutoff == 2), "probability"] = 0.5  # does not count
    rows.loc[(rows.multiple == 0.25) & (rows.cutoff == 5) & (rows.seed == 0), "probability"] = 0.98
    assert known(measures.safe_probability(rows), 0.99, 0.01, 1)
    assert missing(measures.safe_probability(rows[rows.cutoff == 2]), "no cut-off of 3 or more")
    assert set(measures.phase_table(rows).multiple) == {1.0}


# --- pooling


def pooled_rows():
    layers = range(1, 25)
    smooth = [
        {
            "stride": 1,
            "dim": d,
            "layers": k,
            "diffeo": k**-1.0 if k > 5 else 9.0,
            "noise": k ** (d / 2) if k > 5 else 9.0,
        }
        for d in (1, 2)
        for k in layers
    ]
    blocks = [{"stride": 2, "dim": d, "layers": k, "diffeo": 0.5**k, "noise": 1.0} for d in (1, 2) for k in range(1, 5)]
    rows = pd.DataFrame(smooth + blocks)
    return rows.assign(relative=rows.diffeo / rows.noise, diffeo_limit=1.0, noise_limit=2.0, relative_limit=3.0)


def test_pooling_exponents_are_exact_and_begin_at_six_layers():
    assert known(measures.pooling_exponent(pooled_rows(), quantity="diffeo", dim=1), -1.0, 0, math.inf)
    assert known(measures.pooling_exponent(pooled_rows(), quantity="noise", dim=1), 0.5, 0, math.inf)
    assert known(measures.pooling_exponent(pooled_rows(), quantity="noise", dim=2), 1.0, 0, math.inf)
    few = pooled_rows()
    assert missing(measures.pooling_exponent(few[few.layers < 7], quantity="noise", dim=2), "two different abscissae")


def test_block_difference_is_the_largest():
    rows = pooled_rows()
    assert measures.block_difference(rows) == 0
    rows.loc[(rows.stride == 2) & (rows.layers == 3), "diffeo"] = [0.125, 0.126]
    assert measures.block_difference(rows) == pytest.approx(1e-3)


def test_pooling_table_has_three_panels_with_their_limits():
    table = measures.pooling_table(pooled_rows())
    assert table.groupby("quantity", sort=False)["limit"].unique().explode().to_dict() == {
        "$D_k$": 1,
        "$G_k$": 2,
        "$R_k$": 3,
    }
    assert len(table) == 3 * 48 and set(table.dimension) == {"one", "two"}
    part = table[(table.quantity == "$D_k$") & (table.dimension == "two")]
    assert part.value.tolist() == pytest.approx([9.0] * 5 + [1 / k for k in range(6, 25)])


# --- networks


def zoo(stabilities, *, errors=None, **columns):
    """Networks by architecture: (initial, trained) R_f of each seed; D_f = R_f and G_f = 1 unless said otherwise."""
    parts = []
    for place, (architecture, pairs) in enumerate(stabilities.items()):
        for seed, pair in enumerate(pairs):
            for state, relative in zip(("initial", "trained"), pair, strict=True):
                row = {"architecture": architecture, "seed": seed, "state": state, "layer": "output", "depth": 1.0}
                row |= {"relative": relative, "diffeo": relative, "noise": 1.0, "num_test": 100, "dataset": "digits"}
                row |= {"test_error": 0.1 if errors is None else errors[place], "num_train": 64}
                row |= {"train_error": 0.0, "train_loss": 0.01}
                row |= {"normalization": "reference"}
                parts.append(row | columns | {"normalization": "batch", "relative": 55.0, "diffeo": 55.0})
                parts.append(row | columns)
                parts.append(row | columns | {"layer": "pool1", "depth": 0.5, "relative": 77.0, "diffeo": 77.0})
    return pd.DataFrame(parts)


TWO = {"fc-l2": [(1.0 * SPREAD, 8.0), (1.0 / SPREAD, 2.0)], "lenet": [(0.5, 4.0 * SPREAD), (0.5, 4.0 / SPREAD)]}
TWO |= {"vgg3-bn-gap": [(2.0, 0.1), (2.0, 0.1)]}


def test_stabilities_of_the_extreme_architectures_are_geometric_means_of_outputs():
    rows = zoo(TWO)
    assert known(network_measures.smallest_stability(rows, state="initial", networks=[*TWO]), 0.5, 0, 1)
    assert known(network_measures.largest_stability(rows, state="initial", networks=[*TWO]), 2.0, 0, 1)
    assert known(network_measures.largest_stability(rows, state="trained", networks=["lenet"]), 4.0, 0.4, 1)
    both = network_measures.mean_stability(rows, state="initial", networks=["fc-l2", "lenet"])
    logs = [0.1, -0.1, math.log(0.5), math.log(0.5)]
    assert known(both, math.exp(np.mean(logs)), math.exp(np.mean(logs)) * np.std(logs, ddof=1) / 2, 3)


def test_changes_are_ratios_of_each_network():
    rows = zoo(TWO)
    assert known(network_measures.smallest_change(rows, networks=["lenet"]), 8.0, 0.8, 1)
    logs = [math.log(8.0) - 0.1, math.log(2.0) + 0.1]
    error = 4.0 * np.std(logs, ddof=1) / 2**0.5
    assert known(network_measures.smallest_change(rows, networks=["fc-l2", "lenet"]), 4.0, error, 1)
    assert known(network_measures.largest_change(rows, networks=["fc-l2", "vgg3-bn-gap"]), 4.0, error, 1)


@pytest.mark.parametrize("measure", ["smallest_stability", "largest_stability", "mean_stability"])
def test_stability_of_one_seed_of_none_and_of_a_network_without_one(measure):
    stability = getattr(network_measures, measure)
    one = zoo({"fc-l2": [(1.0, 8.0)]})
    assert no_error(stability(one, state="trained", networks=["fc-l2"]), 8.0)
    assert missing(stability(one, state="trained", networks=["lenet"]), "none of these networks")
    assert missing(stability(one, state="trained", networks=[]), "none of these networks")
    for wrong in (math.nan, math.inf, 0.0):
        broken = zoo({"fc-l2": [(1.0, 8.0), (1.0, wrong)]})
        assert missing(stability(broken, state="trained", networks=["fc-l2"]), "a network has no stability")


@pytest.mark.parametrize("measure", ["smallest_change", "largest_change"])
def test_change_of_one_seed_of_none_and_of_a_network_without_one(measure):
    change = getattr(network_measures, measure)
    assert no_error(change(zoo({"fc-l2": [(2.0, 8.0)]}), networks=["fc-l2"]), 4.0)
    assert missing(change(zoo(TWO), networks=["vgg3"]), "none of these networks")
    assert missing(change(zoo({"fc-l2": [(1.0, math.nan)]}), networks=["fc-l2"]), "a network has no stability")


def test_tables_leave_out_what_has_no_logarithm_and_hidden_layers():
    rows = pd.concat([zoo(TWO), zoo({"fc-l4": [(1.0, math.nan)], "fc-l6": [(0.0, 2.0)]})])
    table = network_measures.before_and_after(rows)
    assert len(table) == 12 + 2 and set(table.layer) == {"output"} and (table.relative > 0).all()
    assert len(network_measures.at_output(rows)) == 12 + 4
    assert set(network_measures.growth_table(rows).state) == {"trained"}
    assert set(network_measures.scan_table(zoo({"lenet": [(1.0, 2.0)]})).panel) == {"lenet, initial", "lenet, trained"}


def test_error_table_averages_over_seeds_and_lifts_errors_of_zero():
    rows = zoo({"a": [(1.0, 2.0), (1.0, 8.0)], "b": [(1.0, 5.0), (1.0, 5.0)]}, errors=[0.3, 0.0])
    table = error_measures.error_table(rows).set_index(["architecture", "quantity"])
    shown = ["test_error", "error", "stability", "stability_error"]
    spread = 4.0 * np.std(np.log([2.0, 8.0]), ddof=1) / 2**0.5
    assert table.loc[("a", "relative, $R_f$"), shown].tolist() == pytest.approx([0.3, 0.0, 4.0, spread])
    assert table.loc[("b", "to diffeomorphisms, $D_f$"), shown].tolist() == pytest.approx([0.005, 0.0, 5.0, 0.0])
    assert table.loc[("b", "to noise, $G_f$"), shown].tolist() == pytest.approx([0.005, 0.0, 1.0, 0.0])
    assert table.loc[("b", "training loss"), shown].tolist() == pytest.approx([0.005, 0.0, 0.01, 0.0])
    assert list(error_measures.error_table(rows[:0]).columns) == list(error_measures.error_table(rows).columns)


LINE = {"a": [(1.0, 1.0)] * 3, "b": [(1.0, 4.0)] * 3, "c": [(1.0, 16.0)] * 3}


def test_correlations_over_architectures():
    rising = zoo(LINE, errors=[0.1, 0.2, 0.4])
    for ranks in (True, False):
        assert known(error_measures.correlation(rising, quantity="relative", ranks=ranks), 1.0, 0, 2)
        falling = zoo(LINE, errors=[0.4, 0.2, 0.1])
        assert known(error_measures.correlation(falling, quantity="diffeo", ranks=ranks), -1.0, 0, 2)
    bent = error_measures.correlation(zoo(LINE, errors=[0.0, 0.1, 0.2]), quantity="relative", ranks=False)
    expected = np.corrcoef(np.log([1, 4, 16]), np.log([0.005, 0.1, 0.2]))[0, 1]  # half of an image of a hundred
    assert bent.value == pytest.approx(expected)
    assert error_measures.correlation(rising, quantity="noise", ranks=True).reason  # all the same: no correlation


def test_correlation_has_the_spread_over_seeds_as_its_error():
    stability = {"a": [(1.0, 1.0), (1.0, 2.0)], "b": [(1.0, 4.0), (1.0, 1.0)], "c": [(1.0, 16.0), (1.0, 0.1)]}
    found = error_measures.correlation(zoo(stability, errors=[0.1, 0.2, 0.4]), quantity="relative", ranks=True)
    assert found.stderr > 0.5 and found.dof == 1


def test_correlation_of_one_seed_of_two_architectures_and_of_a_network_without_stability():
    one = {name: pairs[:1] for name, pairs in LINE.items()}
    assert no_error(error_measures.correlation(zoo(one, errors=[0.1, 0.2, 0.4]), quantity="relative", ranks=True), 1.0)
    two = {name: LINE[name] for name in "ab"}
    assert missing(error_measures.correlation(zoo(two), quantity="relative", ranks=True), "three architectures")
    broken = zoo(LINE | {"d": [(1.0, 2.0), (1.0, 2.0), (1.0, math.nan)]})
    assert missing(error_measures.correlation(broken, quantity="relative", ranks=True), "a network has no stability")


def test_networks_that_have_not_fitted_are_no_part_of_a_comparison():
    """Nor of its figure; with two architectures left there is no correlation."""
    wild = zoo({"d": [(1.0, 0.01)] * 3}, errors=[0.9], train_error=0.02)
    rows = pd.concat([zoo(LINE, errors=[0.1, 0.2, 0.4]), wild])
    assert known(error_measures.correlation(rows, quantity="relative", ranks=True), 1.0, 0, 2)
    assert set(error_measures.error_table(rows).architecture) == {"a", "b", "c"}
    bad = zoo(LINE, errors=[0.1, 0.2, 0.4], train_error=0.02)
    assert error_measures.correlation(bad, quantity="relative", ranks=True).reason


def test_the_advantage_over_a_rival_is_a_difference_of_absolute_correlations():
    rows = zoo(LINE, errors=[0.1, 0.2, 0.4])
    rows["train_error"] = rows.architecture.map({"a": 0.009, "b": 0.001, "c": 0.002})
    rival = error_measures.correlation(rows, quantity="train_error", ranks=True)
    assert -1 < rival.value < 0
    assert error_measures.advantage(rows, over="train_error").value == pytest.approx(1 + rival.value)
    itself = error_measures.advantage(rows.assign(train_loss=rows.relative), over="train_loss")
    assert (itself.value, itself.stderr) == (0.0, 0.0)  # in every draw of seeds


def test_conventions_are_pairs_of_normalisations():
    """The mixed one takes what no state has under both."""
    rows = zoo({"a": [(2.0, 0.5)]})
    running = rows[(rows.state == "trained") & (rows.normalization == "reference")].assign(
        normalization="running", relative=0.1
    )
    everything = pd.concat([rows, running, zoo({"b": [(1.0, 1.0)]})])
    table = convention_measures.convention_table(everything, ["a"])
    found = table.groupby(["convention", "state"]).relative.first().to_dict()
    assert found == {
        ("one fixed function", "initial"): 2.0,
        ("one fixed function", "trained"): 0.5,
        ("statistics of the batch", "initial"): 55.0,
        ("statistics of the batch", "trained"): 55.0,
        ("batch before, running averages after", "initial"): 55.0,
        ("batch before, running averages after", "trained"): 0.1,
    }


def test_parts_by_convention_are_geometric_means():
    rows = zoo({"a": [(2.0 * SPREAD, 0.5), (2.0 / SPREAD, 0.5)]})
    table = convention_measures.parts_table(rows, ["a"]).set_index(["state", "normalization"])
    assert table.loc[("initial", "reference"), ["R_f", "D_f", "G_f"]].tolist() == [2.0, 2.0, 1.0]
    assert set(table.index) == {(s, n) for s in ("initial", "trained") for n in ("reference", "batch")}


def test_growth_is_from_the_smallest_to_the_largest_set_of_the_same_seed():
    small = zoo({"fc-l4": [(1.0, 2.0), (1.0, 4.0)]})
    middle = zoo({"fc-l4": [(1.0, 99.0), (1.0, 99.0)]}, num_train=128)
    large = zoo({"fc-l4": [(1.0, 6.0 * SPREAD), (1.0, 12.0 / SPREAD)]}, num_train=256)
    elsewhere = zoo({"fc-l4": [(1.0, 50.0)]}, num_train=512, dataset="glyphs")
    rows = pd.concat([large, small, middle, elsewhere])
    assert known(network_measures.growth(rows, dataset="digits", network="fc-l4"), 3.0, 0.3, 1)
    one = pd.concat([zoo({"a": [(1.0, 2.0)]}), zoo({"a": [(1.0, 1.0)]}, num_train=128)])
    assert no_error(network_measures.growth(one, dataset="digits", network="a"), 0.5)
    assert missing(network_measures.growth(small, dataset="digits", network="fc-l4"), "one number of training points")


def layered(shuffled):
    """D of two hidden layers and the output, by state, for each seed."""
    return pd.DataFrame(
        [
            {"architecture": "vgg", "seed": s, "state": state, "layer": layer, "depth": depth, "diffeo": value}
            | {"relative": value, "noise": 1.0, "normalization": "reference"}
            for s, last in enumerate(shuffled)
            for state, values in {"trained": (5.0, 2.0, 9.0), "shuffled": (5.0, last, 1.0)}.items()
            for layer, depth, value in zip(("pool1", "gap", "output"), (0.3, 0.6, 1.0), values, strict=True)
        ]
    )


def test_channel_pooling_is_read_at_the_last_hidden_layer():
    assert known(network_measures.channel_pooling(layered([8 * SPREAD, 8 / SPREAD]), network="vgg"), 4.0, 0.4, 1)
    assert no_error(network_measures.channel_pooling(layered([8.0]), network="vgg"), 4.0)
    assert missing(network_measures.channel_pooling(layered([8.0]), network="lenet"), "none of these networks")
    assert missing(network_measures.channel_pooling(layered([math.nan]), network="vgg"), "a network has no stability")


def test_layer_table_has_three_panels_of_one_architecture():
    table = network_measures.layer_table(layered([8.0, 0.0]), network="vgg")
    assert table.groupby("quantity").size().to_dict() == {"$D_k$": 11, "$G_k$": 12, "$R_k$": 11}
    assert network_measures.layer_table(layered([8.0]), network="lenet").empty


# --- scales


def ring(gains, loss=0.1):
    """Networks by task, each with the factor by which training multiplies D, G and the share of the zero mode; channels one
    by one do the opposite."""
    return pd.DataFrame(
        [
            {"task": task, "seed": n // 2, "network": n % 2, "state": state, "layer": k, "patch": 2**k}
            | {"diffeo": 0.5 * factor**sign, "noise": 2.0 * factor**sign, "zero_mode": 0.5 * factor}
            | {"channels": channels, "train_loss": loss}
            | {"diffeo_pooling": 2.0**-k if k < 6 else 0.0, "noise_pooling": 1.0 * k}
            for task, values in gains.items()
            for n, gain in enumerate(values)
            for state, factor in {"initial": 1.0, "trained": gain}.items()
            for k in range(1, 7)
            for channels, sign in {"mean": 1, "each": -1}.items()
        ]
    )


GAINS = {"distance": [0.5 * SPREAD, 0.5 / SPREAD], "block": [0.8, 0.8]}


def test_gains_are_those_of_the_weaker_task():
    rows = ring(GAINS)
    for quantity in ("diffeo", "noise"):
        assert known(scale_measures.largest_gain(rows, quantity=quantity, patch=16), 0.8, 0, 1)
        assert known(scale_measures.smallest_gain(rows, quantity=quantity, patch=16), 0.5, 0.05, 1)
        assert missing(scale_measures.smallest_gain(rows, quantity=quantity, patch=128), "no layer with patches of 128")
        assert missing(scale_measures.largest_gain(rows, quantity=quantity, patch=128), "no layer with patches of 128")
    assert known(scale_measures.filter_gain(rows, scale=16), 0.5, 0.05, 1)
    assert no_error(scale_measures.filter_gain(ring({"block": [0.7]}), scale=16), 0.7)
    assert no_error(scale_measures.largest_gain(ring({"block": [0.7]}), quantity="noise", patch=16), 0.7)
    assert known(scale_measures.beyond_gain(rows, task="block", scale=16), 0.8, 0, 1)
    assert missing(scale_measures.beyond_gain(rows, task="block", scale=64), "no layer with patches of 128")
    assert missing(scale_measures.filter_gain(rows, scale=1), "no layer with patches up to 1")


def test_filter_gain_averages_over_layers_up_to_the_scale_first():
    rows = ring({"block": [1.0, 1.0]})
    trained = rows.state == "trained"
    rows.loc[trained & (rows.layer == 1), "zero_mode"] = 0.8  # + 0.3 in one of four layers of 0.5
    rows.loc[trained & (rows.layer == 5), "zero_mode"] = 0.1
    assert known(scale_measures.filter_gain(rows, scale=16), 1.15, 0, 1)
    assert known(scale_measures.beyond_gain(rows, task="block", scale=16), 0.2, 0, 1)


def test_networks_that_are_constant_count_nowhere_but_as_such():
    rows = pd.concat([ring({"block": [0.7]}), ring({"block": [9.0, 9.0]}, loss=1.0).query("network == 1")])
    assert scale_measures.decayed(rows) == 1 and scale_measures.decayed(ring(GAINS)) == 0
    assert no_error(scale_measures.filter_gain(rows, scale=16), 0.7)
    assert no_error(scale_measures.smallest_gain(rows, quantity="noise", patch=16), 0.7)
    assert scale_measures.stability_table(rows).network.unique().tolist() == [0]
    assert scale_measures.filter_table(rows).network.unique().tolist() == [0]
    assert missing(
        scale_measures.over_pooling(ring({"block": [1.0]}, loss=1.0), task="block", scale=16), "no network has"
    )


def test_over_pooling_is_a_geometric_mean_over_layers_up_to_the_scale():
    rows = ring({"block": [SPREAD, 1 / SPREAD], "distance": [5.0]})
    layers = math.factorial(4) ** 0.25  # of the pooling values 1, 2, 3, 4
    found = scale_measures.over_pooling(rows, task="block", scale=16)
    assert known(found, 2.0 / layers, 0.1 * 2.0 / layers, 1)


def test_stability_table_has_a_panel_for_each_task_and_quantity():
    table = scale_measures.stability_table(ring(GAINS))
    assert table.groupby("panel").size().to_dict() == {
        f"{task}, {symbol}": 24 for task in GAINS for symbol in ("$D_k$", "$G_k$")
    }
    last = table[(table.panel == "block, $D_k$") & (table.layer == 6)]
    assert last.pooling.isna().all() and (table[table.layer < 6].pooling > 0).all()


def test_filter_table_has_both_states():
    table = scale_measures.filter_table(ring({"block": [0.8]}))
    shares = table[table.patch == 4].set_index("of").share.to_dict()
    assert shares == pytest.approx({"initial filters": 0.5, "trained filters": 0.4})


# --- stripes


def striped(exponents, *, target=stripe_measures.END, spread=SPREAD, sizes=(64, 128, 256), **columns):
    """Two networks a seed with geometric mean P^exponent in every quantity, at both noises."""
    return pd.DataFrame(
        [
            {"num_train": p, "seed": s, "network": n, "noise_norm": norm, "converged": True}
            | target
            | {"compression": p**e * f, "relative": p**e * f, "test_error": p**e * f, "predicted": p**e}
            | {"gradient_anisotropy": 2 * p**e * f}
            | columns
            for s, e in enumerate(exponents)
            for p in sizes
            for n, f in enumerate((spread, 1 / spread))
            for norm in (0.01, 0.1)
        ]
    )


@pytest.mark.parametrize("quantity", ["compression", "relative", "test_error"])
def test_exponents_are_means_over_seeds_of_geometric_means_over_networks(quantity):
    rows = pd.concat(
        [striped([-0.4, -0.5, -0.6]), striped([2.0], target=stripe_measures.ALIGNED), striped([5.0], converged=False)]
    )
    small = rows.noise_norm == 0.01
    rows.loc[small, ["compression", "relative", "test_error"]] = 1.0  # of the other noise
    assert known(
        stripe_measures.exponent(rows, quantity=quantity, target=stripe_measures.END, noise=stripe_measures.LARGE),
        -0.5,
        0.1 / 3**0.5,
        2,
    )
    assert no_error(
        stripe_measures.exponent(
            striped([-0.5]), quantity=quantity, target=stripe_measures.END, noise=stripe_measures.LARGE
        ),
        -0.5,
    )


def test_exponent_lifts_errors_that_are_too_small_to_count():
    rows = striped([-0.5], spread=1.0).assign(test_error=0.0)
    assert no_error(
        stripe_measures.exponent(rows, quantity="test_error", target=stripe_measures.END, noise=stripe_measures.LARGE),
        0.0,
    )


@pytest.mark.parametrize(
    "rows",
    [striped([1.0], sizes=[64]), striped([1.0], target=stripe_measures.ALIGNED), striped([1.0], converged=False)],
)
def test_exponent_of_one_size_or_of_nothing(rows):
    found = stripe_measures.exponent(rows, quantity="relative", target=stripe_measures.END, noise=stripe_measures.LARGE)
    assert missing(found, "no seed has networks at two P that have reached this target")


def test_identity_is_averaged_over_all_networks_at_the_end():
    rows = pd.concat(
        [
            striped([-1.0], sizes=[64, 128]),
            striped([-1.0], target=stripe_measures.ALIGNED),
            striped([-1.0], converged=False),
        ]
    )
    ratios = np.array([SPREAD, 1 / SPREAD] * 2)
    assert known(stripe_measures.identity_ratio(rows), ratios.mean(), ratios.std(ddof=1) / 2, 3)
    assert len(stripe_measures.identity_table(rows)) == 4
    one = stripe_measures.identity_table(rows).head(1)
    assert no_error(stripe_measures.identity_ratio(one), SPREAD)
    assert missing(stripe_measures.identity_ratio(striped([1.0], converged=False)), "no network has reached")


def test_compression_table_has_a_panel_for_each_target_and_both_measures():
    rows = pd.concat(
        [
            striped([0.5], spread=1.0),
            striped([0.5], target=stripe_measures.ALIGNED, spread=1.0),
            striped([0.5], converged=False),
        ]
    )
    table = stripe_measures.compression_table(rows)
    assert table.groupby("stop").size().to_dict() == {"a tenth of the points fitted": 12, "training loss 0.01": 12}
    weights, gradient = (table[table.measure == name] for name in table.measure.unique())
    assert gradient.value.to_numpy() == pytest.approx(2 * weights.value.to_numpy())


def photo_rows():
    """R_f after the first block and at the output, D_f half of it; two seeds; the trained network under three normalisations."""
    values = {
        (True, "running"): (0.8, 0.1),
        (True, "batch"): (1.0, 0.4),
        (False, "reference"): (0.5, 0.2),
        (False, "batch"): (1.0, 1.0),
    }
    return pd.DataFrame(
        [
            {"pretrained": weights, "normalization": name, "block": block, "seed": seed, "relative": value * scale,
             "diffeo": value * scale / 2, "noise": 0.5}
            for (weights, name), pair in values.items()
            for block, value in zip((0, 16), pair, strict=True)
            for seed, scale in ((0, 0.5), (1, 2.0))
        ]
    )  # fmt: skip


def test_a_network_of_photographs_is_compared_under_named_conventions():
    rows = photo_rows()
    assert known(photo_measures.stability_of(rows, pretrained=True, normalization="running"), 0.1, 0.1 * math.log(2), 1)
    assert known(photo_measures.depth_ratio(rows, normalization="running"), 0.125, 0.0, 1)
    assert known(photo_measures.over_random(rows, trained="running", random="reference"), 0.5, 0.0, 1)
    assert known(photo_measures.over_random(rows, trained="running", random="batch"), 0.1, 0.0, 1)
    assert known(photo_measures.over_random(rows, trained="batch", random="batch"), 0.4, 0.0, 1)
    assert known(photo_measures.diffeo_over_random(rows), 0.5, 0.0, 1)  # the larger of the two
    table = photo_measures.depth_table(rows)
    assert len(table) == 3 * 2 * 2 * 3 and set(table.quantity) == {"$R_f$", "$D_f$", "$G_f$"}


def test_without_the_weights_nothing_is_measured():
    none = photo_measures.NONE
    assert missing(photo_measures.stability_of(none, pretrained=True, normalization="running"), "not at hand")
    assert missing(photo_measures.depth_ratio(none, normalization="running"), "not at hand")
    assert missing(photo_measures.over_random(none, trained="running", random="batch"), "not at hand")
    assert missing(photo_measures.diffeo_over_random(none), "not at hand")


def test_a_zoo_whose_images_are_not_at_hand_has_no_numbers_and_an_empty_table():
    none = network_measures.NONE
    assert missing(error_measures.correlation(none, quantity="relative", ranks=True), "three architectures")
    assert missing(error_measures.advantage(none, over="noise"), "three architectures")
    assert missing(network_measures.largest_change(none, networks=["fc-l2"]), "none of these networks")
    assert missing(
        network_measures.largest_stability(none, state="trained", networks=["fc-l2"]), "none of these networks"
    )
    assert error_measures.error_table(none).empty and convention_measures.parts_table(none, ["fc-l2"]).empty
