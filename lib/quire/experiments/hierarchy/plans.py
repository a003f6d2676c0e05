"""Which cells the hierarchy chapter asks for: grids from the parameters of a run. All trees are binary, s = 2.

There is a grammar only where m ≤ v and n_c m ≤ v²: a setting that asks for more gets the largest m, then n_c, that there is.
"""

from quire.sweep import Grid, grid, replicates

__all__ = [
    "check_settings",
    "clustering_cells",
    "curve_cells",
    "lazy_cells",
    "sensitivity_cells",
    "setting",
    "settings_of",
    "signal_cells",
    "sparse_cells",
    "uncorrelated_cells",
    "zipf_cells",
    "zipf_network_cells",
]

MOST_TOKENS = 2**22  # n_c m^L data of 2^L tokens each; some sweeps ask for ten times as many data
MOST_DATA = 2**62  # different data of a grammar: they are drawn without replacement by their number
STEPS = [1.0, 1.41, 2.0, 2.83, 4.0]  # P of a deep network in units of n_c m^L
# P of the sparse hierarchy by network and depth: the power of s_0 + 1, and steps in units of n_c m^L (s_0 + 1)^power
SPARSE_STEPS = {
    ("cnn", 2): (2, [0.93, 1.31, 1.85, 2.62, 3.7]),
    ("lcn", 2): (2, [1.31, 1.85, 2.62, 3.7, 4.6]),
    ("cnn", 3): (2, [1.7, 2.4, 3.4, 4.8]),
    ("lcn", 3): (3, [2.4, 3.4, 4.8, 6.8]),
}


def setting(vocab: int, num_rules: int, num_classes: int, depth: int) -> dict:
    """Arguments of a grammar, with the largest m and n_c for which there is one if less is there than asked for.

    >>> setting(4, 9, 9, 2)
    {'vocab': 4, 'num_rules': 4, 'branching': 2, 'depth': 2, 'num_classes': 4}
    """
    rules = min(num_rules, vocab)
    classes = min(num_classes, vocab**2 // rules)
    return dict(vocab=vocab, num_rules=rules, branching=2, depth=depth, num_classes=classes)


def settings_of(settings: list) -> list[dict]:
    """Arguments of the grammars of a parameter [[v, m, n_c, L], …], each once."""
    found = [setting(*sizes) for sizes in settings]
    return [sizes for i, sizes in enumerate(found) if sizes not in found[:i]]


def check_settings(*parameters: list) -> None:
    """Refuse settings that are too large, before anything is computed.

    Args:
        parameters: lists of [v, m, n_c, L].

    Raises:
        ValueError: n_c m^L data would not fit in memory, or there are too many data to draw each at most once.
    """
    for sizes in (sizes for settings in parameters for sizes in settings_of(settings)):
        rules, classes, depth = (sizes[name] for name in ("num_rules", "num_classes", "depth"))
        named = f"[v, m, n_c, L] = [{sizes['vocab']}, {rules}, {classes}, {depth}]"
        tokens = classes * (2 * rules) ** depth
        if tokens > MOST_TOKENS:
            raise ValueError(f"n_c m^L data of {named} have {tokens:.3g} tokens, at most {MOST_TOKENS:,}: lower m or L")
        if classes * rules ** (2**depth - 1) > MOST_DATA:
            raise ValueError(f"there are more than 2^62 different data of {named}, too many to number: lower m or L")


def signal_cells(settings: list, *, seeds: int) -> Grid:
    """Cells of class_signal: P from a tenth to ten times n_c m^L."""
    drawn = dict(seed=replicates(seeds), ratios=[[0.1, 0.3, 1, 3, 10]])
    return _of_all(settings_of(settings), **drawn)


def curve_cells(settings: list, *, network: object, width: int, seeds: int, **curve: object) -> Grid:
    """Cells of learning_curve for grammars [[v, m, n_c, L], …]; unless said otherwise, P in STEPS up to a tenth of chance.

    Args:
        settings: of the grammars.
        network: one, or a list.
        width: of every layer.
        seeds: grammars per setting.
        curve: ratios, unit and level, where they differ.
    """
    asked = dict(ratios=STEPS, unit="threshold", level=0.1) | curve
    asked["ratios"] = [asked["ratios"]]
    return _of_all(settings_of(settings), network=network, width=width, seed=replicates(seeds), **asked)


def lazy_cells(settings: list, *, network: list, seeds: int, ratios: list) -> Grid:
    """Cells of lazy_curve for the same grammars and data as those of :func:`curve_cells`."""
    drawn = dict(seed=replicates(seeds), ratios=[ratios], unit="threshold", level=0.1)
    return _of_all(settings_of(settings), network=network, **drawn)


def sensitivity_cells(vocab: int, *, depth: int, width: int, seeds: int) -> Grid:
    """Cells of layer_sensitivity at v = m = n_c."""
    drawn = dict(width=width, seed=replicates(seeds), ratios=[[0.25, 0.5, 1.0, 2.0, 4.0, 5.6]])
    return grid(**setting(vocab, vocab, vocab, depth), **drawn)


def clustering_cells(settings: list, *, seeds: int) -> Grid:
    """Cells of first_step_clustering for [[v, L], …] at m = n_c = v."""
    drawn = dict(seed=replicates(seeds), ratios=[[0.5, 1.0, 2.0, 2.83, 4.0, 5.66, 8.0, 16.0]])
    return _of_all([setting(v, v, v, depth) for v, depth in settings], **drawn)


def class_cells(vocab: int, classes: list, *, seeds: int) -> Grid:
    """Cells of first_step_clustering for several n_c at one v, m = 8, L = 2."""
    drawn = dict(seed=replicates(seeds), ratios=[[0.5, 1.0, 2.0, 2.83, 4.0, 5.66, 8.0, 16.0]])
    return _of_all([setting(vocab, 8, num_classes, 2) for num_classes in classes], **drawn)


def uncorrelated_cells(*, ratios: list, width: int, seeds: int) -> Grid:
    """Cells of learning_curve on random and on Latin-square grammars of three sizes, m = n_c = v.

    Args:
        ratios: P / P_max of the largest, v = 4 and L = 3; the others have up to 0.8 of all data.
        width: of every layer.
        seeds: grammars of each kind.
    """
    drawn = dict(rules=["random", "latin"], seed=replicates(seeds))
    common = dict(network="cnn", width=width, level=0.1, unit="data")
    small = [0.2, 0.4, 0.6, 0.8]
    cells = [
        grid(**setting(v, v, v, depth), ratios=[steps], **common, **drawn)
        for v, depth, steps in ((4, 3, ratios), (4, 2, small), (3, 2, small))
    ]
    return sum(cells, Grid())


def annealed_cells(*, ratios: list, width: int, seeds: int, max_epochs: int) -> Grid:
    """Cells of annealed_curve on the Latin-square grammars of v = 4 and L = 3, with the published code's defaults."""
    defaults = dict(learning_rate=0.1, schedule_period=0.8, stop_loss=0.01, max_epochs=max_epochs)
    drawn = dict(rules="latin", seed=replicates(seeds), ratios=[ratios])
    return grid(**setting(4, 4, 4, 3), **drawn, **defaults, width=width)


def zipf_cells(num_rules: int) -> Grid:
    """Cells of zipf_curve: twelve ranks from three to a third of the rules, in equal steps of their logarithm."""
    ranks = sorted({int(3 * (num_rules / 9) ** (step / 11)) for step in range(12)})
    return grid(exponent=[0.5, 1.0, 2.0], num_rules=num_rules, num_strings=4, ranks=[ranks])


def zipf_network_cells(vocab: int, num_classes: int, *, ratios: list, width: int, seeds: int) -> Grid:
    """Cells of zipf_network_curve at m = v."""
    sizes = setting(vocab, vocab, num_classes, 2)
    named = {name: sizes[name] for name in ("vocab", "num_rules", "num_classes")}
    return grid(**named, exponent=[1.0, 2.0], width=width, seed=replicates(seeds), ratios=[ratios])


def sparse_cells(vocab: int, num_rules: int, depth: int, *, empty: list, width: int, seeds: int) -> Grid:
    """Cells of sparse_curve at n_c = v, for the convolutional and the locally connected network.

    Args:
        vocab, num_rules, depth: of the grammars; depth two or three.
        empty: s_0.
        width: of every layer.
        seeds: grammars for each s_0.
    """
    sizes = setting(vocab, num_rules, vocab, depth)
    unit = vocab * sizes["num_rules"] ** depth
    tree = {name: sizes[name] for name in ("vocab", "num_rules", "branching", "depth")}
    common = dict(placement="blocks", width=width, seed=replicates(seeds), level=0.1)
    cells = Grid()
    for network in ("cnn", "lcn"):
        power, steps = SPARSE_STEPS[network, depth]
        for places in empty:
            data = [round(step * unit * (places + 1) ** power) for step in steps]
            cells += grid(**tree, num_empty=places, network=network, sizes=[data], **common)
    return cells


def _of_all(settings: list[dict], **axes: object) -> Grid:
    return sum((grid(**sizes, **axes) for sizes in settings), Grid())
