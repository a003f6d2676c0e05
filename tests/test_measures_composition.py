"""The numbers of the chapter on composition, on rows whose answer is known, and on rows of each claim's alternative."""

import numpy as np
import pandas as pd
import pytest
from known_answers import verdict

from quire.experiments.composition import data_measures, measures, text_measures
from quire.stats import Estimate

SEEN = np.geomspace(100, 1e6, 60)


def rise(x, place, low):
    """From low to one, half-way at the place."""
    return low + (1 - low) / (1 + (place / x) ** 3)


def online(places, *, seeds=3, rules=3, vocab=8):
    """Learning curves whose levels are half-way at these places."""
    fill, rows = rules / vocab, []
    for seed in range(seeds):
        for seen in SEEN:
            row = {"seed": seed, "seen": seen, "step": seen, "num_rules": rules, "vocab": vocab, "branching": 2}
            for level, place in enumerate(places, start=1):
                shift = place * (1 + 0.05 * seed)
                row[f"valid_{level}"] = rise(seen, shift, fill ** (2**level - 1))
                row[f"given_{level}"] = rise(seen, shift, fill)
                row[f"threshold_{level}"] = vocab * rules ** (level + 2) / (1 - fill)
            rows.append(row | {"test": 1.5 + 10 / seen**0.5, "bayes": 1.5})
    return pd.DataFrame(rows)


def finite(places, *, rules=3, vocab=8, seeds=3, memory=lambda size: size, copies=1.0):
    """Finite sets: accuracies half-way at these P; a gap of a tenth at ``memory(P)`` steps."""
    fill, rows = rules / vocab, []
    for seed in range(seeds):
        for size in (64, 128, 256, 512, 1024, 2048, 4096, 8192):
            for step in np.geomspace(8, 4096, 30):
                gap = 0.1 * step / memory(size) * (1 + 0.05 * seed)
                row = {
                    "seed": seed,
                    "samples": size,
                    "step": step,
                    "num_rules": rules,
                    "vocab": vocab,
                    "branching": 2,
                    "width": 48,
                }
                row |= {"train": 1.0, "test": 1.0 + gap, "validation": abs(np.log(step / memory(size)) + 1)}
                row |= {"copies": copies * 0.1 * (1 + 0.05 * seed), "base_rate": 0.1}
                for level, place in enumerate(places, start=1):
                    row[f"valid_{level}"] = rise(size, place * (1 + 0.05 * seed), fill ** (2**level - 1))
                    row[f"given_{level}"] = rise(size, place * (1 + 0.05 * seed), fill)
                    row[f"threshold_{level}"] = vocab * rules ** (level + 2) / (1 - fill)
                rows.append(row)
    return pd.DataFrame(rows)


# --- statistics


@pytest.mark.parametrize(("ratio", "expected"), [(0.85, "holds"), (0.85 / 4, "fails"), (0.85 * 4, "fails")])
def test_a_level_off_is_not_the_covariance(ratio, expected):
    rows = pd.DataFrame({"level": 2, "seed": range(6), "law": 1.0, "exact": ratio * np.linspace(0.95, 1.05, 6)})
    assert verdict("composition.covariance-2", measures.covariance_ratio(rows, level=2)) == expected


def clusters(power):
    """Accuracies that are half-way at P_l m^power."""
    rows = []
    for rules in (2, 3, 4):
        for level in (1, 2):
            for seed in range(4):
                for scaled in (0.25, 0.5, 1, 2, 4, 8, 16):
                    place = 2 * (1 + 0.03 * seed) * (rules / 3) ** power * rules ** (power * (level - 1))
                    said = {"num_rules": rules, "level": level, "seed": seed, "scaled": scaled, "chance": 0.3}
                    rows.append(said | {"accuracy": rise(scaled, place, 0.3)})
    return pd.DataFrame(rows)


def test_clustering_collapses_in_the_right_unit_only():
    assert verdict("composition.clustering", measures.clustering_collapse(clusters(0.0))) == "holds"
    assert verdict("composition.clustering", measures.clustering_collapse(clusters(1.0))) != "holds"


# --- online


def test_order_and_ratios_of_levels():
    rows = online([1000, 4000, 20_000])
    assert (
        verdict("composition.order", measures.half_way_order(rows, x="seen", measure="valid", levels=[1, 2, 3]))
        == "holds"
    )
    ratio = measures.step_ratio(rows, level=2)
    assert ratio.value == pytest.approx(4, rel=0.02)
    assert verdict("composition.step-2", ratio) == "holds"
    together = online([4000, 4000, 4000])
    assert (
        verdict("composition.order", measures.half_way_order(together, x="seen", measure="valid", levels=[1, 2, 3]))
        != "holds"
    )
    assert verdict("composition.step-2", measures.step_ratio(together, level=2)) != "holds"
    assert verdict("composition.step-3", measures.step_ratio(together, level=3)) != "holds"


def test_the_end_of_training():
    rows = online([1000, 4000, 20_000])
    assert verdict("composition.final-3", measures.final_validity(rows, level=3)) == "holds"
    short = rows[rows.seen < 30_000]
    assert verdict("composition.final-3", measures.final_validity(short, level=3)) != "holds"
    assert verdict("composition.bayes", measures.loss_excess(rows)) == "holds"
    assert verdict("composition.bayes", measures.loss_excess(short)) != "holds"


def test_collapse_tells_the_two_dictionaries_apart():
    def curves(above):  # level l + above is half-way at 3 P_l
        found = []
        for rules in (2, 3, 4):
            unit = [8 * rules ** (level + 2 - above) / (1 - rules / 8) for level in (1, 2, 3)]
            found.append(online([3 * one for one in unit], rules=rules))
        return pd.concat(found, ignore_index=True)

    asked = dict(measure="given", levels=[1, 2])
    assert measures.time_collapse(curves(0), above=0, **asked).value == pytest.approx(1, abs=0.05)
    assert measures.time_collapse(curves(1), above=1, **asked).value == pytest.approx(1, abs=0.05)
    powers = curves(0).copy()
    for level in (1, 2, 3):  # a unit that does not know of m
        powers[f"threshold_{level}"] = 100.0
    assert verdict("composition.time-collapse", measures.time_collapse(powers, above=0, **asked)) != "holds"
    assert verdict("composition.time-collapse-above", measures.time_collapse(powers, above=1, **asked)) != "holds"


def test_a_conditional_accuracy_of_few_blocks_is_not_looked_at():
    rows = online([1000, 4000, 20_000])
    first = rows.seen == rows.seen.min()
    rows.loc[first, "given_3"] = 1.0  # one block of one
    rows.loc[first, "valid_3"] = 0.001
    found = measures.half_way(rows, x="seen", measure="given", level=3)
    assert found.to_numpy() == pytest.approx([20_000, 21_000, 22_000], rel=0.05)


# --- finite sets


def test_sample_complexity():
    rows = pd.concat([finite([300, 1000, 3000], rules=3), finite([700, 2800, 11_000], rules=4)], ignore_index=True)
    assert verdict("composition.sample-order", data_measures.sample_order(rows, levels=[1, 2])) == "holds"
    assert data_measures.collapse(rows, levels=[1, 2], above=0).value < 1.6
    assert verdict("composition.monotone", data_measures.largest_fall(rows, levels=3)) == "holds"
    together = finite([1000, 1000, 1000])
    assert verdict("composition.sample-order", data_measures.sample_order(together, levels=[1, 2])) != "holds"
    assert verdict("composition.collapse", data_measures.collapse(together, levels=[1, 2], above=0)) != "holds"
    assert verdict("composition.collapse-above", data_measures.collapse(together, levels=[1, 2], above=1)) != "holds"
    falling = rows.assign(valid_1=1 - rows.valid_1)
    assert verdict("composition.monotone", data_measures.largest_fall(falling, levels=3)) != "holds"


@pytest.mark.parametrize(
    ("memory", "expected"),
    [(lambda p: p, "holds"), (lambda p: 200.0, "fails"), (lambda p: p**2 / 1000, "fails")],
)
def test_memorisation_exponent(memory, expected):
    rows = finite([300, 1000, 3000], memory=memory)
    assert verdict("composition.memorisation", data_measures.memorisation_exponent(rows)) == expected


def test_tables_that_are_read_have_rounded_numbers_and_plain_words():
    places = {"$m$ = 3, level 1": Estimate(2.2949, 0.3868, 5), (4, 2): Estimate(2.1359, 0.2441, 5)}
    table = measures.places_in_units(places)
    assert table.setting.tolist() == ["m = 3, level 1", "m = 4, level 2"]
    assert table.place.tolist() == ["2.3 ± 0.4", "2.1 ± 0.2"]
    (row,) = data_measures.exponents_table(finite([40, 300])).to_dict("records")
    assert row["exponent"].startswith("1.0") and "±" in row["exponent"]


def test_nothing_is_memorised():
    rows = finite([300, 1000, 3000], memory=lambda p: 1e9)
    assert np.isnan(data_measures.memorisation_exponent(rows).value)
    assert np.isnan(data_measures.early_stopping(rows)["best"].value)


def test_early_stopping_comes_first():
    rows = finite([300, 1000, 3000])
    assert verdict("composition.early", data_measures.early_stopping(rows)) == "holds"
    late = rows.assign(validation=-rows.step)
    assert verdict("composition.early", data_measures.early_stopping(late)) != "holds"


@pytest.mark.parametrize(("copies", "expected"), [(1.0, "holds"), (5.0, "fails")])
def test_copies_beside_their_base_rate(copies, expected):
    rows = finite([300, 1000, 3000], copies=copies)
    assert verdict("composition.copies", data_measures.copies_over_base(rows)) == expected


# --- text


def texts(susceptibility, late=8):
    rows = []
    for seed in range(3):
        for time in (0.1, 0.3, 0.5, 0.7, 0.9, 0.95):
            said = {"view": "change", "seed": seed, "time": time, "changed": time, "correlation": 1.0, "distance": 0.0}
            rows.append(said | {"susceptibility": susceptibility(time) * (1 + 0.01 * seed)})
        for step, reach in ((100, 2 + 0.1 * seed), (400, late)):
            for distance in range(1, 17):
                said = {"view": "correlation", "seed": seed, "step": step, "distance": float(distance), "text": 1.0}
                rows.append(said | {"model": 0.9 if distance <= reach else 0.1})
    return pd.DataFrame(rows)


def test_susceptibility_has_a_maximum_inside_or_has_none():
    inside = texts(lambda t: 1 + 4 * t * (1 - t) ** 0.5)
    assert verdict("composition.susceptibility", text_measures.peak_ratio(inside)) == "holds"
    assert verdict("composition.interior", text_measures.peak_time(inside)) != "fails"
    alone = texts(lambda t: 1.0)
    assert verdict("composition.susceptibility", text_measures.peak_ratio(alone)) != "holds"
    growing = texts(lambda t: 1 + t)
    assert verdict("composition.interior", text_measures.peak_time(growing)) != "holds"


def test_reach_grows_or_does_not():
    assert verdict("composition.text-reach", text_measures.reach_order(texts(lambda t: 1.0, late=8))) == "holds"
    assert verdict("composition.text-reach", text_measures.reach_order(texts(lambda t: 1.0, late=2))) != "holds"
