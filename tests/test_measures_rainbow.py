"""What the chapter on rainbow networks measures: known answers on made rows, and no claim that its alternative makes hold."""

import numpy as np
import pandas as pd
import pytest
from known_answers import known, missing, power_law, verdict

from quire.experiments.rainbow import measures, table_measures
from quire.stats import Estimate

HALF = np.sqrt(5 / 3) / 2  # standard error of the mean of 0, 1, 2, 3


def noisy(value):
    """An estimate of a value from four networks, a thousandth of it apart."""
    return Estimate(value, 0.001 * abs(value) * HALF, 3)


def accuracies(values, scaling="standard"):
    """Rows of accuracies: {(kind, width): accuracy}, a thousandth higher for each network, in two draws around it."""
    return pd.DataFrame(
        [
            {
                "width": width,
                "scaling": scaling,
                "kind": kind,
                "seed": seed,
                "draw": draw,
                "accuracy": value + 0.001 * seed + 0.01 * (2 * draw - 1),
            }
            for (kind, width), value in values.items()
            for seed in range(4)
            for draw in range(2)
        ]
    )


def test_slopes_of_random_features():
    rows = power_law([-0.7, -0.72], x="width", y="pair").rename(columns={"seed": "number"})
    assert known(measures.feature_slope(rows, value="pair"), -0.71, 0.01, 1)
    assert missing(measures.feature_slope(rows[rows.width == 16], value="pair"), "fewer than two widths")


def test_accuracy_and_its_gaps():
    rows = accuracies({("gaussian", 64): 0.9, ("trained", 64): 0.98, ("gaussian", 512): 0.96, ("trained", 512): 0.98})
    asked = dict(scaling="standard")
    assert known(measures.accuracy(rows, kind="gaussian", width=64, **asked), 0.9015, 0.001 * HALF, 3)
    assert known(measures.accuracy_less(rows, kinds=("trained", "gaussian"), width=64, **asked), 0.08, 0, 3)
    assert measures.gap_ratio(rows, small=64, large=512, **asked).value == pytest.approx(0.25)
    assert missing(measures.accuracy(rows, kind="gaussian", width=32, **asked), "nothing was computed")
    assert missing(measures.gap_ratio(rows, small=32, large=512, **asked), "nothing was computed")


def pairs(values, scaling="standard", layer=2):
    return pd.DataFrame(
        [
            {"width": width, "scaling": scaling, "layer": layer, "kind": kind, "first": seed, "distance": value}
            for (kind, width), value in values.items()
            for seed in range(3)
        ]
    )


def test_distances():
    rows = pairs({("gaussian", 64): 0.2, ("gaussian", 256): 0.1, ("shifted", 256): 0.025})
    widths = {"narrow": 64, "wide": 256}
    found = measures.likeness(rows, kind="gaussian", layer=2, widths=widths, scaling="standard")
    assert [one.value for one in found.values()] == pytest.approx([0.2, 0.1])
    assert measures.shift_gain(rows, layer=2, width=256, scaling="standard").value == pytest.approx(4)
    assert missing(measures.shift_gain(rows, layer=1, width=256, scaling="standard"), "nothing was computed")
    assert verdict("rainbow.sampled-pairs", found) == "holds"
    assert verdict("rainbow.trained-pairs", dict(zip(found, reversed(found.values()), strict=True))) == "fails"


def spectrum(start, end):
    return pd.DataFrame(
        [
            {
                "layer": 2,
                "width": 256,
                "scaling": "standard",
                "order": order,
                "when": when,
                "seed": seed,
                "eigenvalue": value,
            }
            for seed in range(3)
            for order in (1, 2)
            for when, value in (("start", start / order), ("end", end / order))
        ]
    )


def test_largest_eigenvalues():
    asked = dict(layer=2, width=256, scaling="standard")
    assert measures.largest_eigenvalue(spectrum(2.0, 5.0), **asked).value == pytest.approx(2.5)
    assert missing(measures.largest_eigenvalue(spectrum(2.0, 5.0), **(asked | {"width": 1})), "nothing was computed")


def test_tables_say_what_is_compared():
    rows = accuracies({("unaligned", 64): 0.1, ("trained", 64): 0.98, ("shifted", 64): 0.5})
    shown = table_measures.accuracy_table(rows)
    assert list(shown.name.unique()) == ["trained", "without alignment"] and len(shown) == 8
    assert shown[shown.name == "trained"].error.mean() == pytest.approx(1 - 0.9815)
    both = pd.concat([accuracies({("trained", 64): 0.9}, "mean-field"), rows])
    assert list(table_measures.accuracy_table(both).scaling.unique()) == ["standard", "mean-field"]
    assert table_measures.distance_table(pairs({("random", 64): 1.0}), layer=2).name.tolist() == 3 * ["untrained"]
    assert table_measures.distance_table(pairs({("random", 64): 1.0}), layer=1).empty
    assert set(table_measures.spectrum_table(spectrum(1, 2), layer=2, width=256).name) == {
        "before training",
        "after training",
    }
    moments = pd.DataFrame([{"layer": layer, "width": 256, "when": "end", "kurtosis": 0.0} for layer in (1, 2)])
    assert len(table_measures.kurtosis_table(moments, width=256)) == 1
    features = pd.DataFrame([{"width": 8, "number": 0, "pair": 1.0, "limit": 2.0, "kernel": 3.0, "reference": 4.0}])
    assert sorted(table_measures.feature_table(features).distance) == [1, 2, 3, 4]


ALTERNATIVES = {  # what each claim would report if what it denies were so
    "kernel-slope": -0.5,
    "pair-slope": -1.0,
    "reference-slope": -1.0,
    "accuracy-64": 0.1,
    "accuracy-256": 0.905,
    "unaligned": 0.95,
    "new-classifier": -0.01,
    "gap": 1.0,
    "random": 0.05,
    "random-narrow": -0.01,
    "random-unlike": 0.2,
    "spectrum-standard": 2.6,
    "spectrum-mean-field": 1.0,
    "shift": 1.0,
    "shift-uncentred": 1.0,
}


@pytest.mark.parametrize("name", ALTERNATIVES)
def test_no_alternative_holds(name):
    assert verdict(f"rainbow.{name}", noisy(ALTERNATIVES[name])) == "fails"
