"""What is measured on text: susceptibility against noise, and how far generated text is correlated."""

import numpy as np
import pandas as pd

from quire import stats
from quire.stats import Estimate

__all__ = [
    "change_table",
    "correlation_table",
    "peak_ratio",
    "peak_time",
    "reach",
    "reach_order",
    "reaches",
    "susceptibility_table",
]


def susceptibility_table(rows: pd.DataFrame) -> pd.DataFrame:
    """The table of a figure: χ against t, of each seed."""
    shown = rows[rows["view"] == "change"]
    return shown[shown.distance == 0][["time", "susceptibility", "changed", "seed"]]


def change_table(rows: pd.DataFrame, *, reach: int) -> pd.DataFrame:
    """The table of a figure: C(r)/C(0) up to a distance, a curve for each t."""
    shown = rows[(rows["view"] == "change") & rows.distance.between(1, reach)]
    return shown.assign(noise="$t$ = " + shown.time.map("{:g}".format))


def peak_ratio(rows: pd.DataFrame) -> Estimate:
    """χ where its mean over seeds is largest, over χ at the smallest t: mean over seeds."""
    table = susceptibility_table(rows).pivot(index="seed", columns="time", values="susceptibility")
    if table.shape[1] < 2:
        return Estimate.missing("a single time")
    return stats.ratio(table[table.mean().idxmax()], table[table.columns.min()])


def peak_time(rows: pd.DataFrame) -> Estimate:
    """The t at which χ of each seed is largest: mean over seeds."""
    table = susceptibility_table(rows).pivot(index="seed", columns="time", values="susceptibility")
    return stats.mean(table.idxmax(axis=1), if_empty="nothing was measured")


def correlation_table(rows: pd.DataFrame, *, looks: int) -> pd.DataFrame:
    """The table of a figure: squared correlations of text and of generated text at a few looks, positive ones up to ten characters."""
    shown = rows[(rows["view"] == "correlation") & (rows.distance <= 10)]
    shown = shown[shown.seed == shown.seed.min()]
    steps = sorted(shown.step.unique())[-looks:]
    parts = [shown[shown.step == step].assign(data=f"{int(step)} steps", square=shown.model) for step in steps]
    parts.append(shown[shown.step == max(steps)].assign(data="text", square=shown.text))
    table = pd.concat(parts)
    return table[table.square > 0]


def reach(distance: np.ndarray, generated: np.ndarray, text: np.ndarray) -> float:
    """The last distance up to which generated correlations are at least half of the text's; one half if there is none.

    >>> reach(np.array([1, 2, 3]), np.array([1.0, 0.6, 0.1]), np.ones(3))
    2.0
    """
    lost = np.flatnonzero(generated < text / 2)
    reached = int(lost[0]) if len(lost) else len(distance)
    return float(distance[reached - 1]) if reached else 0.5


def reaches(rows: pd.DataFrame) -> pd.DataFrame:
    """The reach at each look, of each seed."""
    shown = rows[rows["view"] == "correlation"].sort_values("distance")
    found = [
        {
            "seed": seed,
            "step": step,
            "reach": reach(*(one[name].to_numpy() for name in ("distance", "model", "text"))),
        }
        for (seed, step), one in shown.groupby(["seed", "step"])
    ]
    return pd.DataFrame(found)


def reach_order(rows: pd.DataFrame) -> dict[str, Estimate]:
    """ln of the reach at the end of training and at the look nearest to a quarter of it: mean over seeds."""
    found = reaches(rows)
    steps = found.step.unique()
    early = steps[np.abs(np.log(steps / (steps.max() / 4))).argmin()]
    at = {"late": steps.max(), "early": early}
    return {name: stats.mean(np.log(found[found.step == step].reach)) for name, step in at.items()}
