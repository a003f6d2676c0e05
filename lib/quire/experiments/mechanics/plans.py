"""Which cells the chapter asks for."""

from quire.sweep import Grid, grid, replicates

__all__ = [
    "collapse_cells",
    "diagonal_cells",
    "edge_cells",
    "learnability_cells",
    "likeness_cells",
    "mode_cells",
    "pool_cells",
    "random_start_cells",
    "rate_cells",
    "scale_cells",
    "scaling_cells",
]

SINGULAR_VALUES = [4.0, 2.0, 1.0, 0.5]


def mode_cells(*, rates: list, depths: list, points: int) -> Grid:
    """Cells of modes_from_aligned_weights: each depth with an initial strength that lets it learn in time."""
    found, initial = Grid(), {2: 1e-3, 3: 1e-2, 4: 2e-2}
    for depth in depths:
        common = dict(singular_values=[SINGULAR_VALUES], initial=initial.get(depth, 0.05), depth=depth)
        found += grid(**common, rate=rates, horizon=12.0, points=points)
    return found


def random_start_cells(*, spread: float, rate: float, draws: int) -> Grid:
    """Cells of modes_from_random_weights."""
    return grid(singular_values=[SINGULAR_VALUES], spread=spread, rate=rate, draw=replicates(draws))


def diagonal_cells(*, inputs: int, samples: int, scales: list, seeds: int) -> Grid:
    """Cells of diagonal_bias, with three entries in the true solution."""
    return grid(inputs=inputs, samples=min(samples, inputs - 1), nonzero=3, scales=[scales], seed=replicates(seeds))


def scale_cells(*, scales: list, width: int, images: int, most_steps: int, seeds: int) -> Grid:
    """Cells of kernel_change."""
    asked = dict(width=width, images=images, target_loss=1e-3, most_steps=most_steps)
    return grid(scales=[scales], **asked, seed=replicates(seeds))


def learnability_cells(*, places: int, samples: int, draws: int) -> Grid:
    """Cells of learnabilities."""
    return grid(places=places, samples=min(samples, places - 1), exponent=2.0, draw=replicates(draws))


def pool_cells(*, sizes: list, draws: int) -> Grid:
    """Cells of pool_errors."""
    return grid(sizes=[sorted(sizes)], ridge=1e-3, bandwidth=1.0, draw=replicates(draws))


def scaling_cells(*, exponents: list, numbers: list, inputs: int, seeds: int) -> Grid:
    """Cells of scaling."""
    possible = sorted({min(number, inputs) for number in numbers})
    return grid(
        limited_by=["features", "samples"], exponent=exponents, number=possible, inputs=inputs, draw=replicates(seeds)
    )


def edge_cells(*, rates: list, images: int, width: int, steps: int, every: int, seeds: int) -> Grid:
    """Cells of edge_of_stability."""
    return grid(rate=rates, images=images, width=width, steps=steps, every=every, seeds=[list(replicates(seeds))])


def rate_cells(*, widths: list, base_width: int, log_rates: list, steps: int, seeds: int) -> Grid:
    """Cells of losses_by_rate, in both parametrisations."""
    asked = dict(base_width=base_width, log_rates=[log_rates], steps=steps, batch_size=64)
    return grid(parametrisation=["maximal", "standard"], width=widths, **asked, seed=replicates(seeds))


def collapse_cells(*, classes: int, samples: int, width: int, decay: float, draws: int) -> Grid:
    """Cells of collapsed."""
    return grid(classes=classes, samples=samples, width=width, decay=decay, draw=replicates(draws))


def likeness_cells(*, widths: list, epochs: int, seeds: int) -> Grid:
    """Cells of likeness, of networks as they were drawn and after training."""
    return grid(width=widths, epochs=[0, epochs], seeds=[list(replicates(seeds))])
