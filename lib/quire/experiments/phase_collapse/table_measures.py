"""From rows to the tables of the figures."""

import pandas as pd

__all__ = ["digit_table", "learned_table", "mean_table", "shift_table", "texture_table"]

NAMES = {
    "pixels": "pixels",
    "linear": "linear",
    "soft": "soft threshold",
    "rectified": "rectifier",
    "modulus": "modulus",
}
SMALLEST = 1e-6  # what the axis shows of zero


def mean_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Energy of the class means by nonlinearity; what is zero to rounding is left out."""
    shown = rows[rows.ratio > SMALLEST]
    return _named(shown, shown.nonlinearity)


def shift_table(rows: pd.DataFrame) -> pd.DataFrame:
    """The change of the coefficients against the displacement in units of the scale, with its bound."""
    names = [f"scale {2**scale}" for scale in rows.scale]
    return rows.assign(name=names, displacement=rows.displacement / 2.0**rows.scale)


def texture_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Test errors on textures by what the classifier sees."""
    return _named(rows, rows.features)


def digit_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Test errors on digits by nonlinearity, order, and what is done to the digits."""
    setting = {
        (0, False): "where they are",
        (8, False): "anywhere, local averages",
        (8, True): "anywhere, one average",
    }
    keys = zip(rows["shift"], rows.pooled, strict=True)
    shown = rows.assign(setting=[setting[key] for key in keys], degree=[f"order {order}" for order in rows.order])
    return _named(shown, shown.nonlinearity)


def learned_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Test errors of learned scattering networks by nonlinearity."""
    return _named(rows, rows.nonlinearity)


def _named(rows: pd.DataFrame, kinds: pd.Series) -> pd.DataFrame:
    """With names, in the order of NAMES."""
    order = {kind: place for place, kind in enumerate(NAMES)}
    found = rows.assign(name=kinds.map(NAMES), place=kinds.map(order))
    return found.sort_values("place", kind="stable").drop(columns="place")
