"""What the chapter on weight disentanglement measures: known answers on made rows, and no claim that its alternative makes hold."""

import itertools

import pandas as pd
import pytest
from known_answers import exactly, known, missing, verdict

from quire.experiments.disentanglement import measures, table_measures
from quire.stats import Estimate

METHODS = {"non-linear": (False, False), "post-hoc": (False, True), "linear": (True, True)}


def rows(values: dict[str, list[float]], column: str, **more) -> pd.DataFrame:
    """One row for each method and seed."""
    found = []
    for method, each in values.items():
        linear, linearised = METHODS[method]
        for seed, value in enumerate(each):
            found.append({"linear": linear, "linearised": linearised, "seed": seed, column: value, **more})
    return pd.DataFrame(found)


def same(value: float) -> dict[str, list[float]]:
    return {method: [value - 0.01, value, value + 0.01] for method in METHODS}


def test_methods_have_names():
    found = measures.named(rows(same(0.5), "single"))
    assert found.method.tolist() == [method for method in METHODS for _ in range(3)]
    vectors_only = measures.named(found.drop(columns=["linearised", "method"]))
    assert set(vectors_only.method) == {"non-linear", "linear"}


def test_contrasts_are_taken_seed_by_seed():
    found = rows({"non-linear": [0.5, 0.7], "linear": [0.6, 0.9]}, "accuracy")
    assert known(measures.contrast(found, value="accuracy", more="linear", less="non-linear"), 0.15, 0.05, 1)
    assert known(
        measures.quotient(found, value="accuracy", over="linear", under="non-linear"),
        1.2428571428571429,
        0.042857142857142857,
        1,
    )
    assert exactly(measures.contrast(found, value="accuracy", more="linear", less="linear"), 0)
    assert missing(measures.of_method(found, value="accuracy", method="post-hoc"), "nothing was computed")


def test_a_sum_is_that_of_all_tasks_at_the_chosen_coefficient():
    parts = [
        rows({"linear": [reached] * 2}, "accuracy", merged=merged, chosen=chosen, alpha=0.5)
        for merged, chosen, reached in ((2, True, 0.9), (3, True, 0.6), (3, False, 0.1))
    ]
    assert exactly(measures.of_method(measures.added(pd.concat(parts)), value="accuracy", method="linear"), 0.6)
    table = table_measures.coefficient_table(pd.concat(parts))
    assert table.accuracy.tolist() == [0.1, 0.1]


def test_pairs_in_which_a_method_is_better():
    found = pd.concat(
        [
            rows({"non-linear": [0.2, 0.2], "linear": [linear, 0.1]}, "error", first=first, second="b")
            for first, linear in (("a", 0.1), ("c", 0.3))
        ]
    )
    assert known(measures.better_pairs(found, better="linear", worse="non-linear"), 0.75, 0.25, 1)
    assert measures.better_pairs(found, better="linear", worse="linear").value == 0


def test_doses_are_named_by_length():
    found = pd.concat(
        [rows({"linear": [v, v]}, "error", pretrain_steps=n) for n, v in ((30, 3.0), (9, 9.0), (100, 1.0))]
    )
    by_dose = measures.by_dose(found, value="error", method="linear")
    assert {name: one.value for name, one in by_dose.items()} == {"short": 9, "middle": 3, "long": 1}
    assert verdict("disentanglement.dose", by_dose) == "holds"
    two = measures.by_dose(found[found.pretrain_steps > 9], value="error", method="linear")
    assert missing(two["short"], "fewer than three lengths") and two["long"].value == 1
    assert verdict("disentanglement.dose", two) == "untested"


def kernels(random: float, pretrained: float) -> pd.DataFrame:
    pairs = itertools.product((("a", "b", 1.0), ("c", "d", 1.1)), range(3), ((0, random), (9, pretrained)))
    return pd.DataFrame(
        [
            {
                "first": a,
                "second": b,
                "seed": seed,
                "pretrain_steps": steps,
                "cross": factor * value * (1 + 0.01 * seed),
            }
            for (a, b, factor), seed, (steps, value) in pairs
        ]
    )


def test_the_kernel_between_tasks():
    assert measures.kernel_change(kernels(0.8, 0.4)).value == pytest.approx(0.5)
    assert measures.kernel_size(kernels(0.8, 0.4)).value == pytest.approx(0.4 * 1.1 * 1.01)
    table = table_measures.kernel_table(kernels(0.8, 0.4).assign(energy=0.6))
    assert set(table.start) == {"random", "pre-trained"} and table.quantity.nunique() == 2


def merges(gains: dict[str, float]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {"rule": rule, "seed": seed, "accuracy": 0.6 + 0.1 * seed + gain, "normalised": 0.7 + gain}
            for rule, gain in gains.items()
            for seed in range(3)
        ]
    )


def test_rules_are_compared_with_the_sum_network_by_network():
    found = merges({"sum": 0.0, "masks": 0.25})
    assert exactly(measures.rule_gain(found, rule="masks"), 0.25)
    assert measures.of_rule(found, value="normalised", rule="masks").value == pytest.approx(0.95)
    assert missing(measures.rule_gain(found, rule="none"), "nothing was computed")


def test_random_weights_over_pretrained_ones_on_shared_seeds():
    pre = rows({"non-linear": [0.2, 0.2, 9.0], "linear": [0.1, 0.1, 9.0]}, "error")
    random = rows({"non-linear": [0.8, 0.8], "linear": [0.5, 0.5]}, "error")
    assert measures.random_over_pretrained(random, pre, value="error").value == pytest.approx(4)


def test_pretrained_less_random_weights_on_shared_seeds():
    pre = rows({"non-linear": [0.8, 0.8], "linear": [0.9, 0.9]}, "normalised")
    random = rows({"non-linear": [0.5, 0.7], "linear": [0.1, 0.1]}, "normalised")
    asked = dict(value="normalised", method="non-linear")
    assert known(measures.pretrained_less_random(pre, random, **asked), 0.2, 0.1, 1)


def test_cosines_of_both_kinds_of_vectors():
    small, large = (pd.DataFrame({"linear": [False, True], "seed": [0, 0], "cosine": [c, 0.0]}) for c in (0.01, -0.2))
    assert measures.largest_cosine([small, large]).value == pytest.approx(0.2)


def frontier(control: float) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {"seed": seed, "task": "a", "shallow": shallow, "target": 1.0, "control": control + 0.001 * seed}
            for seed in range(3)
            for shallow in (0.0, 1.0)
        ]
    )


# --- each claim beside its alternative: what its ``why`` names

ALTERNATIVES = {
    "advantage": lambda: measures.contrast(
        rows(same(0.9), "single"), value="single", more="non-linear", less="post-hoc"
    ),
    "tangent-cost": lambda: measures.contrast(
        rows({"non-linear": [0.92, 0.93], "linear": [0.80, 0.81]}, "single"),
        value="single",
        more="non-linear",
        less="linear",
    ),
    "addition": lambda: measures.contrast(
        rows(same(0.7), "accuracy"), value="accuracy", more="linear", less="non-linear"
    ),
    "addition-normalised": lambda: measures.contrast(
        rows(same(0.7), "normalised"), value="normalised", more="linear", less="non-linear"
    ),
    "addition-post-hoc": lambda: measures.contrast(
        rows(same(0.7), "normalised"), value="normalised", more="post-hoc", less="non-linear"
    ),
    "addition-order": lambda: {
        name: measures.of_method(rows(same(0.7), "accuracy"), value="accuracy", method=name) for name in METHODS
    },
    "forgetting": lambda: measures.contrast(
        rows({"non-linear": [0.1, 0.1], "linear": [0.2, 0.21]}, "target"),
        value="target",
        more="linear",
        less="non-linear",
    ),
    "forgotten": lambda: measures.extreme(
        rows(same(0.44), "target"), value="target", methods=tuple(METHODS), largest=True
    ),
    "control": lambda: measures.extreme(
        rows(same(1 / 27), "control"), value="control", methods=tuple(METHODS), largest=False
    ),
    "error": lambda: measures.quotient(rows(same(0.2), "error"), value="error", over="linear", under="non-linear"),
    "error-post-hoc": lambda: measures.quotient(
        rows(same(0.2), "error"), value="error", over="post-hoc", under="non-linear"
    ),
    "error-pairs": lambda: measures.better_pairs(
        pd.concat(
            rows({"non-linear": [0.2] * 3, "linear": [linear] * 3}, "error", first=first, second="z")
            for first, linear in (("a", 0.1), ("b", 0.3))
        ),
        better="linear",
        worse="non-linear",
    ),
    "axis": lambda: measures.contrast(
        rows({"non-linear": [0.28, 0.28], "linear": [0.40, 0.40]}, "axis"),
        value="axis",
        more="linear",
        less="non-linear",
    ),
    "additive": lambda: measures.of_method(rows(same(0.17), "interaction"), value="interaction", method="linear"),
    "random-single": lambda: measures.of_method(rows(same(0.1), "single"), value="single", method="non-linear"),
    "random-addition": lambda: measures.extreme(
        rows(same(0.7), "normalised"), value="normalised", methods=("non-linear", "linear"), largest=True
    ),
    "random-error": lambda: measures.random_over_pretrained(
        rows(same(0.2), "error"), rows(same(0.2), "error"), value="error"
    ),
    "dose": lambda: {name: Estimate(0.5, 0.01, 3) for name in ("short", "middle", "long")},
    "dose-addition": lambda: {name: Estimate(0.5, 0.01, 3) for name in ("short", "middle", "long")},
    "kernel": lambda: measures.kernel_change(kernels(0.5, 0.5)),
    "kernel-size": lambda: measures.kernel_size(kernels(0.6, 0.6)),
    "layers": lambda: measures.rule_gain(
        merges({"sum": 0.0, "by layer, tail first": 0.0}), rule="by layer, tail first"
    ),
    "masks": lambda: measures.of_rule(merges({"masks": 0.0}), value="normalised", rule="masks"),
    "consensus": lambda: measures.rule_gain(merges({"sum": 0.0, "consensus of 2": -0.02}), rule="consensus of 2"),
    "signs": lambda: measures.rule_gain(merges({"sum": 0.0, "signs, 20% kept": -0.05}), rule="signs, 20% kept"),
    "frontier": lambda: measures.unmoved_control(frontier(0.9)),
    "imagenet-error": lambda: measures.random_over_pretrained(
        rows(same(0.2), "error"), rows(same(0.2), "error"), value="error", methods=("non-linear",)
    ),
    "imagenet-addition": lambda: measures.pretrained_less_random(
        rows(same(0.7), "normalised"), rows(same(0.7), "normalised"), value="normalised", method="non-linear"
    ),
    "orthogonal": lambda: measures.largest_cosine(
        [pd.DataFrame({"linear": [False] * 3, "seed": [0, 1, 2], "cosine": [0.3, 0.31, 0.32]})]
    ),
}


@pytest.mark.parametrize("claim", ALTERNATIVES)
def test_no_claim_holds_for_its_alternative(claim):
    profile = "paper" if claim.startswith("imagenet") else "book"
    assert verdict(f"disentanglement.{claim}", ALTERNATIVES[claim](), profile) in ("fails", "inconclusive")


def test_every_claim_has_an_alternative():
    from quire.claims import ledger

    assert {f"disentanglement.{claim}" for claim in ALTERNATIVES} == {
        id for id in ledger() if id.startswith("disentanglement.")
    }


# --- tables


def test_tables_of_figures():
    single = rows(same(0.9), "single", zero_shot=0.4, task="a")
    assert table_measures.single_table(single).method.unique().tolist() == ["before", *METHODS]
    both = table_measures.together(single.assign(pretrain_steps=5), single.assign(pretrain_steps=0))
    sums = rows(same(0.6), "normalised", accuracy=0.6, merged=2, chosen=True, alpha=0.5)
    sums = table_measures.together(sums.assign(pretrain_steps=5), sums.assign(pretrain_steps=0))
    errors = rows(same(0.2), "error", localisation=0.1, interaction=0.1, axis=0.3, diagonal=0.2, learning_rate=1e-3)
    errors = table_measures.together(errors.assign(pretrain_steps=5), errors.assign(pretrain_steps=0))
    shown = table_measures.random_table(both, sums, errors)
    assert len(shown) == 3 * 3 * 2 * 3 and set(shown.start) == {"random", "pre-trained"}
    assert set(table_measures.dose_table(errors, sums).pretrain_steps) == {5}
    assert len(table_measures.parts_table(errors[errors.pretrain_steps > 0])) == 5 * 3 * 3
    assert len(table_measures.rates_table(errors[errors.pretrain_steps > 0])) == 2 * 3 * 3
    assert len(table_measures.addition_table(sums)) == 2 * len(sums)
    assert len(table_measures.frontier_table(frontier(0.9))) == 2 * 6


def test_tables_that_are_read():
    negated = rows(same(0.2), "target", alpha=1.0, target_before=0.5, control_before=0.9, control=0.88)
    assert table_measures.negation_table(negated).target.tolist() == [0.2] * 3
    weights = merges({"sum": 0.0, "masks": 0.2}).assign(number=0.5, density=1.0, useless=0.1, selfish=0.2)
    assert table_measures.weights_table(weights).rule.tolist() == ["sum", "masks"]
    assert table_measures.merging_table(weights).rule.unique().tolist() == ["sum", "masks"]
    maps = rows({"non-linear": [0.1], "linear": [0.2]}, "error", alpha=0.5, other_alpha=-0.5)
    assert table_measures.map_table(maps, maps).method.tolist() == ["non-linear", "linear", "non-linear, random"]
