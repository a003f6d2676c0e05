"""Tensors that are made once and measured often, for the tests of handles."""

import os
import time
import uuid
from pathlib import Path

import torch


def _note(folder: str, what: str) -> None:
    if folder:
        Path(folder, f"{what}-{uuid.uuid4().hex}").touch()


def weights(*, size: int, folder: str = "", seconds: float = 0.0, generator: torch.Generator) -> dict:
    """Something that is worth keeping: a view, a whole, integers, nothing at all."""
    _note(folder, f"weights{size}")
    time.sleep(seconds)
    whole = torch.randn(size, 2, generator=generator)
    return {"view": whole[:, 0], "whole": whole, "count": torch.arange(size), "empty": torch.empty(0)}


def tuned(*, start: dict, rate: float, folder: str = "") -> dict:
    """Tensors that depend on other tensors."""
    _note(folder, f"tuned{rate:g}")
    return {"whole": start["whole"] * rate}


def norm(*, network: dict, power: float, notes: str = "") -> dict:
    """A measurement of tensors."""
    _note(notes, "norm")
    return {"norm": float(network["whole"].norm() ** power)}


def total(*, networks: list, scale: float = 1.0) -> dict:
    """A measurement of several."""
    return {"total": scale * float(sum(network["whole"].sum() for network in networks))}


def not_tensors(*, size: int) -> dict:
    """Not worth keeping."""
    return {"size": size}


def breaks(*, size: int) -> dict:
    """An error of a type of its own, whose message is not its argument."""
    raise UnicodeDecodeError("utf-8", b"abc", 0, size, "of no use")


def reads_the_environment(*, name: str) -> dict:
    """Something that depends on more than its arguments."""
    return {"length": len(os.environ.get(name, ""))}
