"""What the chapter on phase collapse measures: known answers on made rows, and no claim that its alternative makes hold."""

import pandas as pd
import pytest
from known_answers import exactly, known, missing, verdict

from quire.experiments.phase_collapse import measures, table_measures
from quire.stats import Estimate


def noisy(value):
    return Estimate(value, 0.001 * abs(value), 3)


def means():
    values = {"linear": 1e-33, "soft": 1e-4, "rectified": 0.1, "modulus": 0.2}
    return pd.DataFrame(
        [
            {"nonlinearity": kind, "part": part, "ratio": value * (1 + part)}
            for kind, value in values.items()
            for part in range(2)
        ]
    )


def test_class_means():
    assert known(measures.mean_energy(means(), nonlinearity="modulus"), 0.3, 0.1, 1)
    assert measures.mean_ratio(means(), over="soft").value == pytest.approx(2000)
    assert missing(measures.mean_energy(means(), nonlinearity="pixels"), "nothing was computed")
    assert missing(measures.mean_ratio(means()[:0], over="soft"), "nothing was computed")
    assert (
        table_measures.mean_table(means()).name.tolist() == ["soft threshold"] * 2 + ["rectifier"] * 2 + ["modulus"] * 2
    )


def test_shifts():
    rows = pd.DataFrame(
        [
            {"scale": 1, "displacement": 1.0, "ratio": 0.4, "bound": 0.5},
            {"scale": 0, "displacement": 1.0, "ratio": 0.2, "bound": 0.8},
        ]
    )
    assert exactly(measures.largest_excess(rows), 0.8)
    assert missing(measures.largest_excess(rows[:0]), "nothing was computed")
    assert table_measures.shift_table(rows).displacement.tolist() == [0.5, 1.0]


def textures():
    values = {"pixels": 0.66, "modulus": 0.26, "rectified": 0.27}
    return pd.DataFrame(
        [
            {"features": kind, "seed": seed, "error": value + 0.01 * seed}
            for kind, value in values.items()
            for seed in range(2)
        ]
    )


def test_texture_errors():
    assert known(measures.texture_error(textures(), features="pixels"), 0.665, 0.005, 1)
    assert known(measures.texture_less(textures(), features=("rectified", "modulus")), 0.01, 0, 1)
    assert missing(measures.texture_error(textures(), features="soft"), "nothing was computed")
    assert missing(measures.texture_less(textures()[:0], features=("rectified", "modulus")), "nothing was computed")
    assert table_measures.texture_table(textures()).name.unique().tolist() == ["pixels", "rectifier", "modulus"]


def test_digit_errors():
    rows = pd.DataFrame(
        [
            {"nonlinearity": "soft", "order": order, "shift": shift, "pooled": pooled, "seed": seed, "error": 0.1 * order + 0.01 * shift + 0.002 * seed}
            for order in (1, 2)
            for shift, pooled in ((0, False), (8, False), (8, True))
            for seed in range(2)
        ]
    )  # fmt: skip
    assert known(measures.digit_error(rows, nonlinearity="soft", order=2, shift=8, pooled=True), 0.281, 0.001, 1)
    assert missing(measures.digit_error(rows, nonlinearity="modulus", order=2, shift=8, pooled=True), "nothing was")
    shown = table_measures.digit_table(rows)
    assert set(shown.degree) == {"order 1", "order 2"} and len(set(shown.setting)) == 3


def trained(soft, modulus, fitted=0.0):
    return pd.DataFrame(
        [
            {"nonlinearity": kind, "seed": seed, "error": value + 0.001 * seed, "train_error": fitted}
            for kind, value in (("soft", soft), ("modulus", modulus))
            for seed in range(4)
        ]
    )


def test_networks_that_have_fitted():
    asked = dict(kinds=("soft", "modulus"))
    assert measures.error_less(trained(0.2, 0.1), **asked).value == pytest.approx(0.1)
    assert missing(measures.error_less(trained(0.2, 0.1, 0.05), most_train_error=0.01, **asked), "nothing was computed")
    assert table_measures.learned_table(trained(0.2, 0.1)).name.unique().tolist() == ["soft threshold", "modulus"]
    assert verdict("phase_collapse.learned-images", measures.error_less(trained(0.2, 0.1), **asked), "paper") == "holds"


ALTERNATIVES = {  # what each claim would report if what it denies were so
    "means-linear": 0.265,
    "means-soft": 0.265,
    "means-modulus": 1.0,
    "means-ratio": 1.0,
    "shift": 1.2,
    "texture-pixels": 0.27,
    "texture-soft": 0.27,
    "texture-modulus": 0.667,
    "texture-rectified": 0.35,
    "digits-first": 0.1,
    "digits-second": 0.1,
    "learned-digits": 0.15,
}


@pytest.mark.parametrize("name", ALTERNATIVES)
def test_no_alternative_holds(name):
    assert verdict(f"phase_collapse.{name}", noisy(ALTERNATIVES[name])) == "fails"


def test_on_images_equal_errors_would_fail():
    assert verdict("phase_collapse.learned-images", noisy(0.001), "paper") == "fails"
