"""Which cells the chapter asks for."""

from quire.experiments.multiscale.image_cells import enlarged, trained_window_denoiser
from quire.experiments.multiscale.scale_cells import drawn_by_scales
from quire.sweep import Grid, Handle, grid, made, replicates

__all__ = [
    "BANDS",
    "curvature_cells",
    "denoiser_cells",
    "detail_cells",
    "drawn_cells",
    "enlarged_patches",
    "generations",
    "phase_cells",
    "recovery_cells",
    "step_cells",
    "sweep_cells",
    "window_cells",
]

CRITICAL = 0.68
BANDS = {  # what is drawn, given everything coarser: depth of the packets, band, vanishing moments
    "joint": (0, 0, 4),
    "octave, db1": (1, 1, 1),
    "octave, db2": (1, 1, 2),
    "octave, db4": (1, 1, 4),
    "half octave": (2, 3, 4),
    "next half octave": (2, 2, 4),
    "quarter octave": (3, 7, 4),
}
SMALLEST = 8  # side of a lattice on which all of these bands are


def phase_cells(*, sides: list, couplings: list, chains: int, loops: int, seeds: int) -> Grid:
    """Cells of phases."""
    return grid(side=_even(sides), coupling=couplings, chains=chains, loops=loops, seed=replicates(seeds))


def curvature_cells(*, side: int, fields: int, loops: int, seeds: int) -> Grid:
    """Cells of curvatures, one for each band."""
    found, common = Grid(), dict(coupling=CRITICAL, fields=fields, loops=loops, seed=replicates(seeds))
    for depth, band, moments in BANDS.values():
        found += grid(side=max(SMALLEST, side - side % 8), depth=depth, band=band, moments=moments, **common)
    return found


def recovery_cells(*, sides: list, fields: int, loops: int, tilt: float, tilt_steps: int, seeds: int) -> Grid:
    """Cells of recovered: from the model, and from fields whose averages have another law.

    So many fields on the largest lattice; on the others so many more that there are as many sites.
    """
    found, common = Grid(), dict(coupling=CRITICAL, loops=loops, tilt_steps=tilt_steps, seed=replicates(seeds))
    largest, smallest = max(_even(sides)), min(_even(sides))
    for side in _even(sides):
        number = fields * largest**2 // side**2
        tilts = [0.0, tilt] if side == smallest else [0.0]
        found += grid(side=side, tilt=tilts, fields=number, **common)
    return found


def sweep_cells(*, sides: list, chains: int, loops: int, sweeps: int, seeds: int) -> Grid:
    """Cells of sweep_relaxation."""
    common = dict(coupling=CRITICAL, chains=chains, loops=loops, sweeps=sweeps, seed=replicates(seeds))
    return grid(side=_even(sides), **common)


def detail_cells(*, sides: list, chains: int, loops: int, steps: int, seeds: int) -> Grid:
    """Cells of detail_relaxation, with steps that are shorter on larger lattices."""
    found = Grid()
    for side in _even(sides):
        shape = dict(side=side, step=round(0.3 / side, 6), steps=steps)
        found += grid(coupling=CRITICAL, chains=chains, loops=loops, **shape, seed=replicates(seeds))
    return found


def generations(*, side: int, coarsest: int, samples: int, loops: int, chains: int, seeds: int, **steps: int) -> list:
    """Fields drawn scale by scale, one set for each seed; the side becomes the coarsest times a power of two.

    Args:
        steps: coarse_steps and steps, of :func:`drawn_by_scales`, as the others.
    """
    coarsest = coarsest + coarsest % 2
    whole = coarsest
    while 2 * whole <= side:
        whole *= 2
    shape = dict(side=max(whole, 2 * coarsest), coarsest=coarsest, coupling=CRITICAL)
    asked = dict(samples=samples, loops=loops, chains=chains, **steps)
    return [made(drawn_by_scales, **shape, **asked, seed=seed) for seed in replicates(seeds)]


def drawn_cells(runs: list[Handle], **more) -> Grid:
    """Cells of what looks at drawn fields: moments_by_scale, histograms, spectra."""
    return [cell for run in runs for cell in grid(fields=run, **more)]


def step_cells(*, sides: list, exponents: list, most: int) -> Grid:
    """Cells of diffusion_steps; sides become powers of two."""
    powers = sorted({2 ** (side.bit_length() - 1) for side in sides})
    return grid(side=powers, exponent=exponents, basis=["pixels", "db1", "db4"], error=0.1, most=most)


def window_cells(*, side: int, noises: list) -> Grid:
    """Cells of window_errors."""
    windows = [window for window in (1, 3, 5, 9, 13) if window <= side]
    return grid(side=side + side % 2, exponent=2.0, noise=noises, windows=[windows])


def denoiser_cells(*, images: str, side: int, windows: list, noises: list, seeds: int, **net) -> Grid:
    """Cells of denoising_errors: networks of pixels and of details, one for each window and seed."""
    found, common = Grid(), dict(images=images, side=_patch(side))
    for domain in ("pixels", "details"):
        for window in _windows(windows, net["layers"]):
            for seed in replicates(seeds):
                shape = dict(domain=domain, window=window, width=net["width"], layers=net["layers"], seed=seed)
                network = made(trained_window_denoiser, **common, **shape, train_steps=net["train_steps"])
                found += grid(network=network, **common, **shape, noises=[noises])
    return found


def enlarged_patches(*, images: str, side: int, windows: list, number: int, steps: int, **net) -> Handle:
    """Patches to which the network of details with the middle window has added details."""
    chosen = _windows(windows, net["layers"])
    shape = dict(window=chosen[len(chosen) // 2], width=net["width"], layers=net["layers"], seed=0)
    common = dict(images=images, side=_patch(side))
    network = made(trained_window_denoiser, **common, domain="details", **shape, train_steps=net["train_steps"])
    return made(enlarged, network=network, **common, **shape, number=number, steps=steps)


def _even(sides: list) -> list:
    """Even sides, each once: the sampler's lattice is a checkerboard."""
    return sorted({side + side % 2 for side in sides})


def _patch(side: int) -> int:
    return side + side % 2


def _windows(windows: list, layers: int) -> list:
    """Odd windows that so many layers can have."""
    return sorted({min(window - 1 + window % 2, 2 * layers + 1) for window in windows})
