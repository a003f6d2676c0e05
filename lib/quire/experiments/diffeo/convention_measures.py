"""One network under several conventions: what batch normalisation does decides a ratio of two states."""

import numpy as np
import pandas as pd

__all__ = ["convention_table", "parts_table"]

CONVENTIONS = {  # normalisation before and after training
    "one fixed function": ("reference", "reference"),
    "statistics of the batch": ("batch", "batch"),
    "batch before, running averages after": ("batch", "running"),
}
PARTS = {"relative": "R_f", "diffeo": "D_f", "noise": "G_f"}


def convention_table(rows: pd.DataFrame, networks: list[str]) -> pd.DataFrame:
    """The table of a figure: the output's stabilities before and after training, under three pairs of conventions."""
    output = _outputs(rows, networks)
    parts = []
    for convention, (before, after) in CONVENTIONS.items():
        shown = output.state.map({"initial": before, "trained": after}) == output.normalization
        parts.append(output[shown].assign(convention=convention))
    return pd.concat(parts)


def parts_table(rows: pd.DataFrame, networks: list[str]) -> pd.DataFrame:
    """R_f, D_f and G_f of each architecture by state and normalisation: geometric means over seeds, two digits."""
    output = _outputs(rows, networks)
    logarithms = np.log(output[list(PARTS)]).join(output[["architecture", "state", "normalization"]])
    means = np.exp(logarithms.groupby(["architecture", "state", "normalization"]).mean())
    return means.map(lambda value: float(f"{value:.2g}")).rename(columns=PARTS).reset_index()


def _outputs(rows: pd.DataFrame, networks: list[str]) -> pd.DataFrame:
    """The output before and after training, where it has a stability."""
    known = (rows.relative > 0) & (rows.diffeo > 0) & (rows.noise > 0)
    return rows[known & (rows.layer == "output") & (rows.state != "shuffled") & rows.architecture.isin(networks)]
