"""From rows to the tables of the figures."""

import pandas as pd

from quire.experiments.disentanglement.measures import added, named

__all__ = [
    "addition_table",
    "coefficient_table",
    "dose_table",
    "frontier_table",
    "kernel_table",
    "map_table",
    "merging_table",
    "negation_table",
    "parts_table",
    "random_table",
    "rates_table",
    "single_table",
    "together",
    "weights_table",
]

RULES = {
    "sum": "sum",
    "by layer, tail first": "by layer",
    "by layer, tail last": "by layer, all of the tail",
    "masks": "masks",
    "consensus of 2": "consensus of two",
    "signs, 20% kept": "signs, 20% kept",
    "signs, 100% kept": "signs, all kept",
}


def single_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Single-task accuracy, mean over tasks, and that before fine-tuning."""
    shown = named(rows)
    before = shown[shown.method == "non-linear"].assign(single=lambda part: part.zero_shot, method="before")
    return _mean(pd.concat([before, shown]), ["method", "seed"], "single")


def addition_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Accuracy and normalised accuracy of sums of 2, 3, … tasks."""
    shown = named(rows[rows.chosen])
    names = {"accuracy": "accuracy", "normalised": "normalised by that of its own vector"}
    table = shown.melt(["method", "seed", "merged"], list(names), var_name="quantity", value_name="reached")
    return table.assign(quantity=table.quantity.map(names))


def coefficient_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Accuracy of the sum of all tasks at each coefficient."""
    return named(rows[~rows.chosen])[["method", "seed", "alpha", "accuracy"]]


def negation_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Accuracies before and after on the forgotten task and on the control, mean over tasks and seeds."""
    columns = ["alpha", "target_before", "target", "control_before", "control"]
    return named(rows).groupby("method", sort=False)[columns].mean().round(3).reset_index()


def map_table(maps: pd.DataFrame, random: pd.DataFrame) -> pd.DataFrame:
    """The error over the square of coefficients, for each method, and for ordinary fine-tuning of random weights."""
    shown = named(random)
    last = shown[shown.method == "non-linear"].assign(method="non-linear, random")
    table = pd.concat([named(maps), last])
    return table[["method", "seed", "alpha", "other_alpha", "error"]]


def parts_table(rows: pd.DataFrame) -> pd.DataFrame:
    """The error at (1, 1) and its parts, that on the diagonal, and that on the axes."""
    names = {"error": "error", "localisation": "localisation", "interaction": "interaction"}
    names |= {"diagonal": "half and full", "axis": "one vector alone"}
    shown = named(rows).groupby(["method", "seed"], sort=False)[list(names)].mean().reset_index()
    table = shown.melt(["method", "seed"], list(names), var_name="part", value_name="error_part")
    return table.assign(part=table.part.map(names))


def rates_table(rows: pd.DataFrame) -> pd.DataFrame:
    """The error at (1, 1) and on the axes, against the learning rate."""
    names = {"error": "both vectors", "axis": "one vector alone"}
    keys = ["method", "seed", "learning_rate"]
    shown = named(rows).groupby(keys, sort=False)[list(names)].mean().reset_index()
    table = shown.melt(keys, list(names), var_name="place", value_name="error_part")
    return table.assign(place=table.place.map(names))


def random_table(single: pd.DataFrame, sums: pd.DataFrame, pairs: pd.DataFrame) -> pd.DataFrame:
    """Single-task accuracy, normalised accuracy of the sum, and error, from random and from pre-trained weights."""
    parts = {
        "single-task accuracy": (single, "single"),
        "sum, normalised": (added(sums), "normalised"),
        "error at (1, 1)": (pairs, "error"),
    }
    found = []
    for name, (rows, column) in parts.items():
        shown = named(rows).assign(start=_start(rows), quantity=name, reached=rows[column])
        found.append(_mean(shown, ["quantity", "method", "start", "seed"], "reached"))
    return pd.concat(found)


def dose_table(errors: pd.DataFrame, sums: pd.DataFrame) -> pd.DataFrame:
    """Error and normalised accuracy of the sum against the length of pre-training, where there is any."""
    keys = ["quantity", "method", "pretrain_steps", "seed"]
    parts = [
        named(errors).assign(quantity="error at (1, 1)", reached=errors.error),
        named(added(sums)).assign(quantity="sum, normalised", reached=added(sums).normalised),
    ]
    table = pd.concat([_mean(part, keys, "reached") for part in parts])
    return table[table.pretrain_steps > 0]


def kernel_table(rows: pd.DataFrame) -> pd.DataFrame:
    """The kernel between tasks over within, and the energy on the task, pair by pair, random and pre-trained."""
    names = {"cross": "between tasks over within", "energy": "energy on the task"}
    shown = rows.assign(start=_start(rows), pair=rows["first"] + ", " + rows["second"]).sort_values(
        "start", ascending=False
    )
    table = shown.melt(["pair", "start", "seed"], list(names), var_name="quantity", value_name="reached")
    return table.assign(quantity=table.quantity.map(names))


def merging_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Accuracy of each rule of merging."""
    shown = rows[rows.rule.isin(RULES)]
    return shown.assign(rule=shown.rule.map(RULES))


def weights_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Each rule's accuracies and chosen number, and the weights that serve no task or one: means over seeds."""
    columns = ["accuracy", "normalised", "number", "density", "useless", "selfish"]
    return rows.groupby("rule", sort=False)[columns].mean().round(3).reset_index()


def together(*parts: pd.DataFrame) -> pd.DataFrame:
    """Rows of several sweeps of one cell, those of the same networks for each."""
    return pd.concat(parts, ignore_index=True)


def frontier_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Target and control against the factor of the first block."""
    names = {"target": "its task", "control": "control"}
    keys = ["seed", "shallow"]
    shown = rows.groupby(keys)[list(names)].mean().reset_index()
    table = shown.melt(keys, list(names), var_name="data", value_name="reached")
    return table.assign(data=table.data.map(names))


def _start(rows: pd.DataFrame) -> pd.Series:
    """What fine-tuning started from."""
    trained = rows.pretrained if "pretrained" in rows else rows.pretrain_steps > 0
    return trained.map({True: "pre-trained", False: "random"})


def _mean(rows: pd.DataFrame, keys: list[str], value: str) -> pd.DataFrame:
    return rows.groupby(keys, sort=False)[value].mean().reset_index()
