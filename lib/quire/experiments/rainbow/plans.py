"""Which cells the chapter asks for."""

from quire.experiments.rainbow.networks import trained_weights
from quire.sweep import Grid, grid, made, replicates

__all__ = ["feature_cells", "network_cells", "pair_cells", "start_cells"]


def feature_cells(*, images: str, train_images: int, widths: list, draws: int) -> Grid:
    """Cells of random_features."""
    return grid(images=images, train_images=train_images, width=widths, number=replicates(draws))


def _nets(*, widths: list, rates: dict[str, float], seeds: int, **training) -> list:
    """The trained networks of each scaling and width."""
    return [
        made(
            trained_weights,
            width=width,
            scaling=scaling,
            learning_rate=rate,
            seeds=list(replicates(max(seeds, 2))),
            **training,
        )
        for scaling, rate in rates.items()
        for width in widths
    ]


def network_cells(*, draws: int, seeds: int, images: str, train_images: int, **training) -> Grid:
    """Cells of accuracies.

    Args:
        draws: sampled networks.
        seeds: trained networks that are sampled from.
        images, train_images, training: of :func:`trained_weights`; rates by scaling.
    """
    asked, found = dict(images=images, train_images=train_images), Grid()
    for nets in _nets(seeds=seeds, **asked, **training):
        found += grid(weights=nets, **asked, seed=replicates(seeds), draws=draws)
    return found


def pair_cells(*, draws: int, seeds: int, images: str, train_images: int, centring: str = "image", **training) -> Grid:
    """Cells of distances: each network with the next one."""
    asked = dict(images=images, train_images=train_images, centring=centring)
    found, members = Grid(), replicates(max(seeds, 2))
    for nets in _nets(seeds=seeds, **asked, **training):
        for first, second in zip(replicates(seeds), [*members[1:], members[0]], strict=False):
            found += grid(weights=nets, **asked, first=first, second=second, draws=draws)
    return found


def start_cells(*, seeds: int, training: dict, **more) -> Grid:
    """Cells of spectra and of row_moments.

    Args:
        seeds: networks.
        training: of :func:`network_cells`, but for draws and seeds.
        more: arguments of the cell.
    """
    found = Grid()
    for nets in _nets(seeds=seeds, **training):
        found += grid(weights=nets, seed=replicates(seeds), **more)
    return found
