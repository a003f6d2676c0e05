"""From rows to the tables of the figures."""

import pandas as pd

__all__ = [
    "bias_table",
    "edge_table",
    "learnability_table",
    "likeness_table",
    "loss_table",
    "mode_table",
    "rate_table",
    "scaling_table",
]


def mode_table(rows: pd.DataFrame, *, depth: int) -> pd.DataFrame:
    """Strengths of the modes at the smallest step size, with the exact flow, named by their singular value."""
    found = rows[(rows.depth == depth) & (rows.rate == rows.rate.min())]
    names = [f"s = {values[mode]:g}" for values, mode in zip(found.singular_values, found["mode"], strict=True)]
    return found.assign(name=names)


def loss_table(rows: pd.DataFrame, *, depth: int) -> pd.DataFrame:
    """The loss along the same run."""
    return mode_table(rows, depth=depth).query("mode == 0")


def bias_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Population loss against α: where the flow ends, and the minimiser."""
    return rows[["seed", "scale", "loss", "predicted"]]


def learnability_table(rows: pd.DataFrame, *, most: int) -> pd.DataFrame:
    """Learnability of low frequencies, with the theory."""
    return rows[rows.frequency <= most]


def scaling_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Errors, named by what they are limited by and by the exponent."""
    what = {"features": "features", "samples": "data"}
    names = [f"{what[by]}, α = {exponent:g}" for by, exponent in zip(rows.limited_by, rows.exponent, strict=True)]
    return rows.assign(name=names)


def edge_table(*parts: pd.DataFrame) -> pd.DataFrame:
    """Sharpness against step times learning rate, named by the learning rate."""
    rows = pd.concat(parts, ignore_index=True)
    shown = rows.assign(name=[f"η = {rate:g}" for rate in rows.rate], time=rows.step * rows.rate)
    return shown[shown.step > 0]


def rate_table(best: pd.DataFrame) -> pd.DataFrame:
    """The best learning rate against the width."""
    return best.assign(log_best=best.best, name=best.parametrisation)


def likeness_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Alignment error of two networks against the width, before and after training, layer by layer."""
    state = ["trained" if epochs else "untrained" for epochs in rows.epochs]
    names = [f"layer {layer}, {word}" for layer, word in zip(rows.layer, state, strict=True)]
    return rows.assign(name=names)
