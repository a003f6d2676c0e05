"""A sweep of many short cells that measure tensors, each of which leaves a note when it is computed, for the tests of kills."""

import time
import uuid
from pathlib import Path

import torch

from quire.sweep import Grid, grid, made

SIZES, NUM_CELLS, SECONDS = (2, 3, 5), 12, 0.01


def _note(folder: str, what: str) -> None:
    Path(folder, f"{what}-{uuid.uuid4().hex}").touch()


def weights(*, size: int, folder: str, generator: torch.Generator) -> dict:
    """Tensors that several cells need."""
    _note(folder, f"weights-{size}")
    time.sleep(SECONDS)
    return {"whole": torch.randn(size, 200, generator=generator, dtype=torch.float64)}


def measured(*, network: dict, x: int, folder: str, generator: torch.Generator) -> list[dict]:
    """Two rows, from the tensors and a stream of its own."""
    _note(folder, f"cell-{len(network['whole'])}-{x}")
    time.sleep(SECONDS)
    noise = torch.randn((), generator=generator, dtype=torch.float64).item()
    return [{"norm": float(network["whole"].norm()) + x + noise, "part": part} for part in range(2)]


def cells(folder: str) -> Grid:
    """What the sweep computes: all pairs of tensors and x."""
    networks = [made(weights, size=size, folder=folder) for size in SIZES]
    return grid(network=networks, x=list(range(NUM_CELLS)), folder=folder)


def held(*, folder: str, generator: torch.Generator) -> dict:
    """Tensors that are not finished as long as a file ``hold`` is there."""
    _note(folder, "held")
    while Path(folder, "hold").exists():
        time.sleep(SECONDS)
    return {"whole": torch.randn(3, generator=generator)}
