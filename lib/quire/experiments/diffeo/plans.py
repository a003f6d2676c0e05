"""Which cells the chapter on relative stability asks for: a network is made once and measured under several conditions."""

from quire.experiments.diffeo.made import trained_network
from quire.sweep import Grid, grid, made, replicates

__all__ = ["IMAGES", "check_networks", "connected", "network_cells", "pooled", "probes_of", "sizes_of", "tests_of"]

IMAGES = {"digits": (1297, 500), "mnist": (60000, 10000), "cifar10-subset": (10000, 2000), "cifar10": (50000, 10000)}
SMALL = ("digits", "mnist")  # images of 28 pixels a side; the others have 32
NEED_32 = ("vgg11", "vgg13", "vgg16", "vgg19")  # five poolings


def sizes_of(dataset: str, sizes: list[int]) -> list[int]:
    """Numbers of training points, those beyond what the data set has replaced by all that it has, each once.

    >>> sizes_of("digits", [128, 2000, 5000])
    [128, 1297]
    """
    return list(dict.fromkeys(min(size, IMAGES[dataset][0]) for size in sizes))


def tests_of(dataset: str, num_test: int) -> int:
    """A number of test images, or all that the data set has."""
    return min(num_test, IMAGES[dataset][1])


def probes_of(dataset: str, num_probes: int, *, num_test: int) -> int:
    """A number of images to deform, or all test images.

    >>> probes_of("digits", 500, num_test=200)
    200
    """
    return min(num_probes, tests_of(dataset, num_test))


def connected(architectures: list[str]) -> list[str]:
    """The fully-connected ones.

    >>> connected(["fc-l2", "lenet"])
    ['fc-l2']
    """
    return [name for name in architectures if name.startswith("fc")]


def pooled(architectures: list[str]) -> list[str]:
    """Those with batch normalisation and global average pooling.

    >>> pooled(["vgg3-bn", "vgg3-bn-gap", "vgg11", "vgg11-bn", "resnet18"])
    ['vgg3-bn-gap', 'vgg11-bn', 'resnet18']
    """
    return [
        name for name in architectures if name.startswith("resnet") or name.endswith("-gap") or _deep_normalised(name)
    ]


def check_networks(dataset: str, *architectures: list[str]) -> None:
    """Refuse networks that the images are too small for, before anything is trained.

    Raises:
        ValueError: with their names.
    """
    names = [name for each in architectures for name in each]
    large = sorted({name for name in names if name.startswith(NEED_32)})
    if dataset in SMALL and large:
        raise ValueError(
            f"{', '.join(large)} need images of 32 pixels a side, those of {dataset} have 28: take cifar10, or other networks"
        )


def network_cells(
    architectures: list[str], *, recipes: dict, training: dict, seeds: int, sizes: list[int], dataset: str, **measured
) -> Grid:
    """Cells of network_stability for networks of several architectures, numbers of training points and seeds.

    Args:
        architectures: of the networks.
        recipes: arguments of a training by name, each a pair: for fully-connected networks, and for the others.
        training: the arguments of :func:`trained_network` that all have in common; ``num_steps`` holds at the largest number of
            training points, and at others in proportion, so that each is seen as often, but for the ``least_steps``.
        seeds: networks of each architecture and size.
        sizes: P.
        dataset: what they learn.
        measured: axes of the measurement.
    """
    cells = Grid()
    for architecture in architectures:
        recipe = {name: pair[0 if connected([architecture]) else 1] for name, pair in recipes.items()}
        for cell in grid(num_train=sizes, seed=replicates(seeds), architecture=architecture, dataset=dataset):
            network = made(trained_network, **cell, **_as_often(training, cell["num_train"]), **recipe)
            known = {name: cell[name] for name in ("dataset", "architecture", "seed")}
            cells += grid(network=network, **known, **measured)
    return cells


def _as_often(training: dict, num_train: int) -> dict:
    """The arguments of a training, with as many passes over its points at each P.

    >>> _as_often({"num_steps": 100, "least_steps": 50, "points": 1000}, 3000), _as_often({"num_steps": 9, "points": 0}, 1)
    ({'num_steps': 300}, {'num_steps': 9})
    """
    rest = {name: value for name, value in training.items() if name not in ("least_steps", "points")}
    if not training.get("points"):
        return rest
    steps = round(training["num_steps"] * num_train / training["points"])
    return rest | {"num_steps": max(steps, training.get("least_steps", 1))}


def _deep_normalised(name: str) -> bool:
    return name.startswith(NEED_32) and name.endswith("-bn")
