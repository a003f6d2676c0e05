"""From rows to the tables of the figures."""

import pandas as pd

__all__ = ["accuracy_table", "distance_table", "feature_table", "kurtosis_table", "spectrum_table"]

KINDS = {
    "trained": "trained",
    "refitted": "rainbow, new classifier",
    "gaussian": "rainbow",
    "random": "random, new classifier",
    "unaligned": "without alignment",
}
LAWS = {
    "random": "untrained",
    "gaussian": "normal rows",
    "shifted": "normal rows about their mean",
    "resampled": "rows of the network",
    "trained": "another trained network",
}


def feature_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Distances of random features against their number, by what is compared."""
    names = {
        "pair": "two sets, aligned",
        "reference": "set and 4096 features, aligned",
        "limit": "set and kernel, aligned",
        "kernel": "Gram matrix and kernel",
    }
    long = rows.melt(id_vars=["width", "number"], value_vars=list(names), var_name="what", value_name="distance")
    return long.assign(name=long.what.map(names))


def accuracy_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Test error against width: of what is trained, and of what is sampled from it."""
    found = rows[rows.kind.isin(KINDS)]
    found = found.assign(name=found.kind.map(KINDS), error=1 - found.accuracy)
    means = found.groupby(["scaling", "width", "seed", "kind", "name"], as_index=False).error.mean()
    return _in_order(means.sort_values("scaling", ascending=False, kind="stable"), KINDS)


def distance_table(rows: pd.DataFrame, *, layer: int) -> pd.DataFrame:
    """Alignment distance to a trained network against width, by what is compared with it."""
    found = rows[rows.layer == layer]
    return _in_order(found.assign(name=found.kind.map(LAWS)), LAWS)


def spectrum_table(rows: pd.DataFrame, *, layer: int, width: int) -> pd.DataFrame:
    """Eigenvalues against their rank, before and after training."""
    found = rows[(rows.layer == layer) & (rows.width == width)]
    return found.assign(name=found.when.map({"start": "before training", "end": "after training"}))


def kurtosis_table(rows: pd.DataFrame, *, width: int) -> pd.DataFrame:
    """Excess kurtosis of the rows of the second layer along principal directions."""
    found = rows[(rows.width == width) & (rows.layer == 2)]
    return found.assign(name=found.when.map({"start": "before training", "end": "after training"}))


def _in_order(rows: pd.DataFrame, names: dict) -> pd.DataFrame:
    order = {name: place for place, name in enumerate(names)}
    return rows.sort_values("kind", key=lambda column: column.map(order), kind="stable")
