"""From rows to numbers: of each network (its seed) the mean over tasks or pairs, then mean and error over seeds.

Methods share the networks that they start from, so that they are compared seed by seed.
"""

import pandas as pd

from quire import stats
from quire.stats import Estimate

__all__ = [
    "added",
    "better_pairs",
    "by_dose",
    "contrast",
    "extreme",
    "kernel_change",
    "kernel_size",
    "largest_cosine",
    "named",
    "of_method",
    "of_rule",
    "pretrained_less_random",
    "quotient",
    "random_over_pretrained",
    "rule_gain",
    "unmoved_control",
]

ABSENT = "nothing was computed for it"
NAMES = {(False, False): "non-linear", (False, True): "post-hoc", (True, True): "linear"}
LENGTHS = ("short", "middle", "long")


def named(rows: pd.DataFrame) -> pd.DataFrame:
    """With the name of each row's method: how its vectors were trained and how they are asked."""
    asked = rows.linearised if "linearised" in rows else rows.linear
    return rows.assign(method=[NAMES[pair] for pair in zip(rows.linear, asked, strict=True)])


def added(rows: pd.DataFrame) -> pd.DataFrame:
    """Of the rows of additions, those with all tasks, at the coefficient that was chosen."""
    return rows[rows.chosen & (rows.merged == rows.merged.max())]


def of_method(rows: pd.DataFrame, *, value: str, method: str) -> Estimate:
    """Mean over seeds of a column, of one method."""
    return stats.mean(_by_seed(rows, value, method), if_empty=ABSENT)


def contrast(rows: pd.DataFrame, *, value: str, more: str, less: str) -> Estimate:
    """A column of one method less that of another, seed by seed."""
    return stats.mean((_by_seed(rows, value, more) - _by_seed(rows, value, less)).dropna(), if_empty=ABSENT)


def quotient(rows: pd.DataFrame, *, value: str, over: str, under: str) -> Estimate:
    """A column of one method over that of another, seed by seed."""
    return stats.ratio(_by_seed(rows, value, over), _by_seed(rows, value, under))


def extreme(rows: pd.DataFrame, *, value: str, methods: tuple[str, ...], largest: bool) -> Estimate:
    """The largest, or the smallest, of several methods' means."""
    each = [of_method(rows, value=value, method=method) for method in methods]
    return (stats.largest if largest else stats.smallest)(each, if_empty=ABSENT)


def better_pairs(rows: pd.DataFrame, *, better: str, worse: str) -> Estimate:
    """Fraction of the pairs of tasks in which one method has a smaller error than another."""
    keys = ["seed", "first", "second"]
    a, b = (_method(rows, method).set_index(keys).error for method in (better, worse))
    less = (a < b).astype(float).reset_index()
    return stats.mean_over_seeds(less, value="error", seed="seed", if_empty=ABSENT)


def by_dose(rows: pd.DataFrame, *, value: str, method: str) -> dict[str, Estimate]:
    """A column of one method after short, middle and long pre-training: the three longest that there are."""
    steps = sorted(rows.pretrain_steps.unique())[-len(LENGTHS) :]
    lacking = [Estimate.missing("fewer than three lengths of pre-training")] * (len(LENGTHS) - len(steps))
    found = [of_method(rows[rows.pretrain_steps == number], value=value, method=method) for number in steps]
    return dict(zip(LENGTHS, lacking + found, strict=True))


def random_over_pretrained(
    rows: pd.DataFrame, pretrained: pd.DataFrame, *, value: str, methods: tuple[str, ...] = ("non-linear", "linear")
) -> Estimate:
    """A column for random weights over that for pre-trained ones, seed by seed; the smallest of some methods."""
    each = []
    for method in methods:
        a, b = (_by_seed(one, value, method) for one in (rows, pretrained))
        shared = a.index.intersection(b.index)
        each.append(stats.ratio(a[shared], b[shared]))
    return stats.smallest(each, if_empty=ABSENT)


def pretrained_less_random(pretrained: pd.DataFrame, rows: pd.DataFrame, *, value: str, method: str) -> Estimate:
    """A column for pre-trained weights less that for random ones, seed by seed, of one method."""
    gain = _by_seed(pretrained, value, method) - _by_seed(rows, value, method)
    return stats.mean(gain.dropna(), if_empty=ABSENT)


def kernel_change(rows: pd.DataFrame) -> Estimate:
    """What the kernel has between tasks over within, pre-trained over random, seed by seed; the largest of the pairs."""
    wide = _kernel(rows)
    pairs = [part.droplevel(["first", "second"]) for _, part in wide.groupby(["first", "second"])]
    return stats.largest([stats.ratio(part["pre-trained"], part["random"]) for part in pairs], if_empty=ABSENT)


def kernel_size(rows: pd.DataFrame) -> Estimate:
    """What the kernel of pre-trained networks has between tasks over within; the largest of the pairs."""
    wide = _kernel(rows)
    pairs = [part["pre-trained"] for _, part in wide.groupby(["first", "second"])]
    return stats.largest([stats.mean(part) for part in pairs], if_empty=ABSENT)


def of_rule(rows: pd.DataFrame, *, value: str, rule: str) -> Estimate:
    """A column of one rule of merging: mean over seeds."""
    return stats.mean(_of_rule(rows, value, rule), if_empty=ABSENT)


def rule_gain(rows: pd.DataFrame, *, rule: str) -> Estimate:
    """Accuracy of a rule less that of the plain sum, seed by seed."""
    gain = _of_rule(rows, "accuracy", rule) - _of_rule(rows, "accuracy", "sum")
    return stats.mean(gain.dropna(), if_empty=ABSENT)


def unmoved_control(rows: pd.DataFrame) -> Estimate:
    """The control over what it was, where the first block does not move: mean over seeds of the mean over tasks."""
    still = rows[rows.shallow == rows.shallow.min()]
    return stats.mean_over_seeds(still, value="control", seed="seed", if_empty=ABSENT)


def largest_cosine(groups: list[pd.DataFrame]) -> Estimate:
    """The largest, over groups of vectors and ways to train them, of the mean cosine of two vectors."""
    each = [
        stats.mean_over_seeds(part, value="cosine", seed="seed", if_empty=ABSENT)
        for rows in groups
        for _, part in rows.groupby("linear")
    ]
    return stats.largest([abs(one) for one in each], if_empty=ABSENT)


def _method(rows: pd.DataFrame, method: str) -> pd.DataFrame:
    found = named(rows)
    return found[found.method == method]


def _by_seed(rows: pd.DataFrame, value: str, method: str) -> pd.Series:
    return _method(rows, method).groupby("seed")[value].mean()


def _of_rule(rows: pd.DataFrame, value: str, rule: str) -> pd.Series:
    return rows[rows.rule == rule].groupby("seed")[value].mean()


def _kernel(rows: pd.DataFrame) -> pd.DataFrame:
    steps = rows.pretrain_steps.map(lambda number: "pre-trained" if number else "random")
    return rows.assign(start=steps).pivot(index=["first", "second", "seed"], columns="start", values="cross")
