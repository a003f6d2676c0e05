"""Which cells the chapter asks for."""

from quire.experiments.phase_collapse.cells import drawn_textures
from quire.sweep import Grid, grid, made, replicates

__all__ = ["digit_cells", "learned_cells", "mean_cells", "shift_cells", "texture_cells"]

QUANTILES = {"linear": 0.0, "soft": 0.5, "rectified": 0.0, "modulus": 0.0}  # of amplitudes, as thresholds
COUPLINGS = [0.6, 0.66, 0.7]
BANK = dict(scales=2, angles=4)
STRIDES = {"digits": [1, 2]}  # of each block; of colour images otherwise
COLOUR_STRIDES = [2, 2, 2]
# Channels of each block, by number of blocks. The modulus hands on half as many numbers: with more channels it has as many weights.
CHANNELS = {2: [16, 32], 3: [32, 64, 128]}
MODULUS_CHANNELS = {2: [19, 38], 3: [42, 83, 166]}


def mean_cells(*, parts: int) -> Grid:
    """Cells of class_means."""
    found = Grid()
    for name, quantile in QUANTILES.items():
        found += grid(nonlinearity=name, quantile=quantile, **BANK, part=range(parts), parts=parts)
    return found


def shift_cells() -> Grid:
    """Cells of phase_shifts."""
    return grid(scale=range(BANK["scales"]), **BANK)


def texture_cells(*, side: int, fields: int, loops: int, seeds: int) -> Grid:
    """Cells of textures, on a lattice whose side is a multiple of eight."""
    asked, found = dict(side=8 * max(side // 8, 1), couplings=COUPLINGS, fields=fields, loops=loops), Grid()
    for seed in replicates(seeds):
        drawn = made(drawn_textures, **asked, seed=seed)
        for name, quantile in (QUANTILES | {"pixels": 0.0}).items():
            found += grid(fields=drawn, features=name, quantile=quantile)
    return found


def digit_cells(*, seeds: int) -> Grid:
    """Cells of digit_errors: digits where they are, anywhere, and anywhere with averages over the whole image."""
    found = Grid()
    for shift, pooled in ((0, False), (8, False), (8, True)):
        for name, quantile in QUANTILES.items():
            asked = dict(nonlinearity=name, quantile=quantile, shift=shift, pooled=pooled)
            found += grid(order=[1, 2], **asked, seed=replicates(seeds))
    return found


def learned_cells(*, images: str, train_images: int, epochs: int, learning_rate: float, seeds: int) -> Grid:
    """Cells of learned, with networks that have equal numbers of weights to two per cent."""
    strides = STRIDES.get(images, COLOUR_STRIDES)
    asked, found = dict(images=images, train_images=train_images, strides=[strides]), Grid()
    for name in QUANTILES:
        channels = (MODULUS_CHANNELS if name == "modulus" else CHANNELS)[len(strides)]
        trained = dict(epochs=epochs, learning_rate=learning_rate, seed=replicates(seeds))
        found += grid(nonlinearity=name, channels=[channels], **asked, **trained)
    return found
