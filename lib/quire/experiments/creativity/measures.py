"""From rows to numbers and tables: how like the samples of networks those of machines are, and how new.

The independent unit is a trained network, told by its seed: of each, the median over samples; then mean and error over seeds.
Between networks of two kinds, which share nothing but the noise that samples start from, errors add in squares.
"""

import pandas as pd

from quire import stats
from quire.stats import Estimate

__all__ = [
    "advantage",
    "distance",
    "distance_table",
    "gap",
    "likeness",
    "likeness_table",
    "medians",
    "more_steps",
    "named_kinds",
    "num_sources",
    "over_seeds",
    "sample_table",
    "smallest_distance",
]

ABSENT = "no network of this kind was trained"
NAMES = {
    "network": "network",
    "border": "equivariant local",
    "circular": "equivariant local",
    "local": "local",
    "equivariant": "equivariant",
    "ideal": "ideal",
}
SHOWN = {
    "resnet-zeros": "zero padding",
    "resnet-circular": "circular padding",
    "unet-zeros": "U-Net",
    "unet-attention": "U-Net, attention",
}


def medians(rows: pd.DataFrame) -> pd.DataFrame:
    """For each network and sampler, the medians over samples of r, r² and the distance to the training set."""
    keys = ["architecture", "seed", "steps", "sampler"]
    found = rows.groupby(keys, sort=False)[["r", "r_squared", "distance", "translate_distance"]].median().reset_index()
    return found.assign(machine=found.sampler.map(NAMES))


def likeness_table(rows: pd.DataFrame, *, steps: int) -> pd.DataFrame:
    """The table of a figure: medians of each machine's r and r², one below the other, at one number of network steps."""
    found = medians(rows)
    shown = found[(found.steps == steps) & (found.sampler != "network")]
    columns = ["architecture", "seed", "machine"]
    names = {"r": "Pearson's $r$", "r_squared": "$r^2$"}
    table = named_kinds(shown).melt(columns, list(names), var_name="quantity", value_name="likeness")
    return table.assign(quantity=table.quantity.map(names))


def sample_table(rows: pd.DataFrame, *, steps: int) -> pd.DataFrame:
    """The table of a figure: r² of the equivariant local machine and of the others, sample by sample."""
    shown = rows[(rows.steps == steps) & (rows.sampler != "network")]
    wide = shown.assign(machine=shown.sampler.map(NAMES)).pivot(
        index=["architecture", "seed", "number"], columns="machine", values="r_squared"
    )
    others = [name for name in ("ideal", "local") if name in wide]
    columns = ["architecture", "seed", "number", "equivariant local"]
    return named_kinds(wide.reset_index()).melt(columns, others, var_name="other", value_name="r_squared")


def distance_table(rows: pd.DataFrame, *, steps: int) -> pd.DataFrame:
    """The table of a figure: median distance of samples to the training set, and to all translates of it."""
    found = medians(rows)
    names = {"distance": "to training images", "translate_distance": "to their translates"}
    columns = ["architecture", "seed", "machine"]
    table = named_kinds(found[found.steps == steps]).melt(columns, list(names), var_name="set", value_name="far")
    return table.assign(set=table.set.map(names))


def likeness(
    rows: pd.DataFrame, *, architecture: str, machine: str, steps: int, quantity: str = "r_squared"
) -> Estimate:
    """Median over samples of r² (or r) of a machine and a network, mean over networks."""
    found = _of_machine(rows, architecture, machine, steps)
    return stats.mean(found[quantity], if_empty=ABSENT)


def advantage(rows: pd.DataFrame, *, architecture: str, over: str, steps: int) -> Estimate:
    """Median r² of the equivariant local machine minus that of another, network by network."""
    pair = [
        _of_machine(rows, architecture, name, steps).set_index("seed").r_squared for name in ("equivariant local", over)
    ]
    return stats.mean(pair[0] - pair[1], if_empty=ABSENT)


def gap(rows: pd.DataFrame, *, more: str, less: str, steps: int) -> Estimate:
    """Median r² of the equivariant local machine for networks of one kind minus that for another."""
    asked = dict(machine="equivariant local", steps=steps)
    return likeness(rows, architecture=more, **asked) - likeness(rows, architecture=less, **asked)


def more_steps(rows: pd.DataFrame, *, architecture: str, many: int, few: int) -> Estimate:
    """Median r² of the equivariant local machine and a network of many steps minus that of few, network by network."""
    pair = [
        _of_machine(rows, architecture, "equivariant local", steps).set_index("seed").r_squared for steps in (many, few)
    ]
    return stats.mean(pair[0] - pair[1], if_empty=ABSENT)


def distance(rows: pd.DataFrame, *, architecture: str, machine: str, steps: int, of: str = "distance") -> Estimate:
    """Median over samples of the distance to the training set (or, "translate_distance", to its translates)."""
    return stats.mean(_of_machine(rows, architecture, machine, steps)[of], if_empty=ABSENT)


def smallest_distance(rows: pd.DataFrame, *, architectures: list[str], steps: int) -> Estimate:
    """The distance of the networks' own samples up to translation, for the kind of network at which it is smallest."""
    asked = dict(machine="network", steps=steps, of="translate_distance")
    each = [distance(rows, architecture=name, **asked) for name in architectures]
    return stats.smallest([one for one in each if one.value == one.value], if_empty=ABSENT)


def num_sources(rows: pd.DataFrame, *, architecture: str) -> Estimate:
    """Median over samples of the number of training images among the sources, mean over networks."""
    return over_seeds(rows, architecture, lambda part: part.num_sources.median())


def named_kinds(rows: pd.DataFrame) -> pd.DataFrame:
    """With what a figure calls each kind of network, and in the order in which kinds and machines are named here."""
    named = rows.assign(architecture=rows.architecture.map(lambda name: SHOWN.get(name, name)))
    kinds, machines = list(SHOWN.values()), list(dict.fromkeys(NAMES.values()))
    order = named.architecture.map({name: place for place, name in enumerate(kinds)}).fillna(len(kinds)) * len(machines)
    if "machine" in named:
        order = order + named.machine.map(machines.index)
    return named.iloc[order.argsort(kind="stable")]


def _of_machine(rows: pd.DataFrame, architecture: str, machine: str, steps: int) -> pd.DataFrame:
    found = medians(rows)
    return found[(found.architecture == architecture) & (found.machine == machine) & (found.steps == steps)]


def over_seeds(rows: pd.DataFrame, architecture: str, of) -> Estimate:
    """The mean over networks of one kind of what is measured on each network's rows."""
    part = rows[rows.architecture == architecture]
    return stats.mean([of(one) for _, one in part.groupby("seed")], if_empty=ABSENT)
