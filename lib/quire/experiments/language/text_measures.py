"""What is measured on a text: correlations of characters, and the learning curves that they collapse.

b is the exponent of the decay of correlations, z = 2b. Claims are about Shakespeare: their estimates are missing where the
text is a generated one. Logarithmic axes show no zeros: rows whose correlation vanishes are left out of tables.
"""

import numpy as np
import pandas as pd

from quire import stats
from quire.hierarchy import Collapse, loss_collapse
from quire.stats import Estimate

__all__ = [
    "collapse_control",
    "collapse_table",
    "collapsed_correlations",
    "collapsed_losses",
    "decay_exponent",
    "decay_table",
    "dynamic_exponent",
    "floor_constant",
    "horizon_exponent",
    "loss_table",
]

FITTED = (2, 20)  # characters between which the decay is a power law
FAR = 20  # characters from which the windows show little but their noise
SLOWEST = 0.1  # z below which the range P^(1/z) is no number
GENERATED = Estimate.missing("the text is generated, and not Shakespeare's")
NO_RANGE = "no two contexts share a range of P / t^z"


def decay_table(rows: pd.DataFrame) -> pd.DataFrame:
    """The table of a figure: a curve for each P, by name, then that of the whole text, "all"."""
    shown = rows.sort_values(["whole", "samples"], kind="stable")  # the same P has the same colour in the collapse
    names = [f"$P$ = {size:,}" for size in shown.samples]
    return shown.assign(data=np.where(shown.whole, "all", names))[shown.rms > 0]


def decay_exponent(rows: pd.DataFrame) -> Estimate:
    """b: minus the log-log slope of the whole text's correlations between 2 and 20 characters.

    Where the signal is more than twice its floor; the error is from the scatter about the line.
    """
    return -_decay(rows) if _is_shakespeare(rows) else GENERATED


def dynamic_exponent(rows: pd.DataFrame) -> Estimate:
    """z = 2b, of any text; missing where correlations do not decay."""
    exponent = -2 * _decay(rows)
    return Estimate.missing("correlations do not decay") if exponent.value < SLOWEST else exponent


def horizon_exponent(rows: pd.DataFrame) -> Estimate:
    """z / 2b, with 1/z the log-log slope of the range t* against P, over all draws of windows; error from both scatters.

    Draws whose floor the signal does not meet have no range, and are left out.
    """
    if not _is_shakespeare(rows):
        return GENERATED
    ranges = rows[~rows.whole].drop_duplicates(["samples", "seed"]).dropna(subset="horizon")
    growth = stats.loglog_slope(ranges.samples, ranges.horizon)
    return 1 / growth / (-2 * _decay(rows))


def floor_constant(rows: pd.DataFrame) -> Estimate:
    """The noise of P windows in units of 1/(v √P), at 20 characters and more.

    Mean over distances; then over all draws of windows, whatever their P.
    """
    if not _is_shakespeare(rows):
        return GENERATED
    far = rows[~rows.whole & (rows.distance >= FAR)]
    none = f"no distance of {FAR} characters or more"
    return stats.mean_over_seeds(far, value="floor_constant", seed=["samples", "seed"], if_empty=none)


def collapsed_correlations(rows: pd.DataFrame, z: Estimate) -> pd.DataFrame:
    """The table of a figure: the windows' correlations in units of floor and range; empty without z."""
    shown = decay_table(rows[~rows.whole])
    return shown.assign(
        scaled_distance=_six_digits(shown.distance / shown.samples ** (1 / z.value)),
        scaled_rms=shown.rms * shown.samples**0.5,
    ).dropna(subset="scaled_distance")


def loss_table(rows: pd.DataFrame) -> pd.DataFrame:
    """The table of a figure: the characters that a network sees, by name."""
    return rows.assign(seen=[f"$t$ = {t}" for t in rows.context])


def collapsed_losses(rows: pd.DataFrame, z: Estimate) -> pd.DataFrame:
    """The table of a figure: L t^(αz) against P/t^z, with the α that collapses each seed's curves best.

    Seeds whose curves share no range of P/t^z have no α, and are left out.
    """
    folds = _collapses(rows, z.value)
    shown = loss_table(rows[rows.seed.isin(list(folds))])
    powers = shown.seed.map({seed: fold.power for seed, fold in folds.items()}).astype(float)
    return shown.assign(
        scaled_samples=_six_digits(shown.samples / shown.context**z.value),
        scaled_loss=shown.loss * shown.context**powers,
    )


def collapse_control(rows: pd.DataFrame, z: Estimate) -> dict[str, Estimate]:
    """That distance at the same P/t^z and at the same P, a power of t fitted in both: mean over seeds."""
    if not _is_shakespeare(rows):
        return {"same P": GENERATED, "same P / t^z": GENERATED}
    return {"same P": _mean_residual(rows, 0.0), "same P / t^z": _mean_residual(rows, z.value)}


def collapse_table(rows: pd.DataFrame, z: Estimate) -> pd.DataFrame:
    """α and the distances of the curves, of any text: mean and standard error over seeds, to three decimals."""
    folds, control = _collapses(rows, z.value), _collapses(rows, 0.0)
    table = {
        "alpha": [fold.alpha for fold in folds.values()],
        "at the same P / t^z": [fold.residual for fold in folds.values()],
        "without the factor": [fold.unscaled for fold in folds.values()],
        "at the same P": [control[seed].residual for seed in folds],
    }
    return pd.DataFrame(table, dtype=float).agg(["mean", "sem"]).round(3)


def _decay(rows: pd.DataFrame) -> Estimate:
    fitted = rows[rows.whole & rows.distance.between(*FITTED) & (rows.signal > 2 * rows.floor)]
    return stats.loglog_slope(fitted.distance, fitted.rms)


def _is_shakespeare(rows: pd.DataFrame) -> bool:
    return bool((rows.source == "shakespeare").all())


def _mean_residual(rows: pd.DataFrame, z: float) -> Estimate:
    return stats.mean([fold.residual for fold in _collapses(rows, z).values()], if_empty=NO_RANGE)


def _collapses(rows: pd.DataFrame, z: float) -> dict[int, Collapse]:
    """The best collapse of each seed whose curves share a range; none if z is nan."""
    seeds = {seed: curves for seed, curves in rows.groupby("seed") if _share_a_range(curves, z)}
    return {
        seed: loss_collapse(curves.context, curves.samples, curves.loss, dynamic_exponent=z)
        for seed, curves in seeds.items()
    }


def _share_a_range(rows: pd.DataFrame, z: float) -> bool:
    """Whether the first point of one curve lies between the first and the last of another, in P/t^z."""
    places = np.log(rows.samples) - z * np.log(rows.context)
    ends = places.groupby(rows.context).agg(["min", "max"]).sort_values("min")
    return bool((ends["min"].to_numpy()[1:] <= ends["max"].cummax().to_numpy()[:-1]).any())


def _six_digits(values: pd.Series) -> pd.Series:
    return values.map(lambda value: float(f"{value:.6g}"))
