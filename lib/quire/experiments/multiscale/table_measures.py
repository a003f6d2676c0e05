"""From rows to the tables of the figures."""

import pandas as pd

from quire.experiments.multiscale.measures import widest

__all__ = [
    "curvature_table",
    "excess_table",
    "histogram_table",
    "network_table",
    "recovery_table",
    "relaxation_table",
    "spectrum_table",
]

DRAWN = {"generated": "drawn scale by scale", "true": "the model", "details": "details given true averages"}


def curvature_table(rows: pd.DataFrame, names: dict) -> pd.DataFrame:
    """The smallest eigenvalue at each field, by the name of what is drawn, in the order of the names."""
    named = {band: name for name, band in names.items()}
    keys = list(zip(rows.depth, rows.band, rows.moments, strict=True))
    order = {name: place for place, name in enumerate(names)}
    found = rows.assign(name=[named[key] for key in keys])
    return found.assign(order=found.name.map(order)).sort_values(["order", "seed", "number"])


def recovery_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Distance of each coefficient from the truth, by data and by what is matched."""
    data = rows.tilt.map(lambda tilt: "other averages" if tilt else "the model")
    matched = rows.conditional.map({True: "details given averages", False: "joint law"})
    return rows.assign(data=data, matched=matched, distance=rows.value - rows.truth)


def relaxation_table(sweeps: pd.DataFrame, details: pd.DataFrame) -> pd.DataFrame:
    """Relaxation times over those on the smallest lattice of each kind."""
    found = []
    for name, rows in (("whole field, local sweeps", sweeps), ("details given averages", details)):
        rows = rows.dropna(subset="time")
        first = rows[rows.side == rows.side.min()].time.mean()
        found.append(rows[["side", "seed"]].assign(name=name, relative=rows.time / first))
    return pd.concat(found, ignore_index=True)


def histogram_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Densities of what was drawn and of the model, mean over runs, scale by scale."""
    shown = rows[rows.source.isin(["generated", "true"])]
    means = shown.groupby(["source", "scale", "field"], as_index=False).density.mean()
    wide = means.pivot(index=["scale", "field"], columns="source", values="density").reset_index()
    return wide.assign(name=[f"{scale} × {scale}" for scale in wide.scale])


def spectrum_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Power against frequency, with names; without the mean of the field, which has no place on a logarithmic axis."""
    return rows[rows.waves > 0].assign(name=rows.source.map(DRAWN))


def excess_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Excess of the best linear denoisers in per cent, named by what is denoised."""
    names = rows.domain + ", noise " + rows.noise.map("{:g}".format)
    return rows.assign(name=names, percent=100 * rows.excess)


def network_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Excess of trained denoisers over the widest window, in per cent."""
    found = widest(rows)
    names = found.domain + ", noise " + found.noise.map("{:g}".format)
    return found.assign(name=names, percent=100 * found.excess)
