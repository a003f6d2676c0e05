"""Experiments and a checkout small enough for the tests of the machinery."""

import os
import time
import uuid
from pathlib import Path

import torch

from quire.data import MissingData

CLAIMS = """
- id: toy.slope
  says: "The error falls with the exponent."
  source: {paper: derived, where: "power law"}
  predict: {kind: slope, value: -1.0}
  tolerance: {abs: 0.1}
  why: "noise of one per cent"
  decidable: [book, paper]
- id: toy.never
  says: "Nobody measures this."
  source: {paper: derived, where: "nowhere"}
  predict: {kind: at_least, value: 1.0}
  tolerance: {abs: 0.0}
  why: "a bound"
  decidable: [book]
"""
TOY = """# ---
# jupyter:
#   kernelspec: {name: python3, display_name: Python 3, language: python}
# ---
# %% [markdown]
# # Toy
# %% tags=["parameters"]
samples: list = [1, 2, 4]  # scale: how many points, in [1, 100]
seeds: int = 2  # scale: how many repetitions, in [1, 10]
exponent: float = 1.0  # choice: the slope of the teacher, in [0.5, 4]
device: str = "cpu"  # choice: "cpu", "cuda" or "auto"
# %%
from toy_experiments import curve
from quire import claims, stats
from quire.figures import curves, figure, label_columns
from quire.sweep import describe, grid, replicates, sweep
label_columns("toy", samples="samples $P$", error="error")
# %%
rows = sweep(curve, grid(samples=samples, seed=replicates(seeds), exponent=exponent), device=device)
describe(rows)
# %%
claims.report("toy.slope", stats.loglog_slope(rows["samples"], rows["error"]))
drawing = curves(rows, x="samples", y="error", log="xy")
figure("toy-curve", drawing, alt="A line that falls from left to right.", caption="A power law.")
claims.scoreboard("toy")
"""
SMALL = """# %% tags=["parameters"]
seeds: int = 1  # scale: how many repetitions, in [1, 10]
# %%
print("before")
# %%
{cell}
# %%
print("after")
"""
PROFILES = """# what the profiles change
book: {samples: [1, 2, 4, 8], seeds: 3}
paper: {}
"""
MAP = """- part: Toys
  chapters:
    - {chapter: toy, title: Toy, thesis: "Nowhere.", papers: []}
"""


curve_noise = 0.01


def curve(*, samples: int, seed: int, exponent: float = 1.0, generator: torch.Generator, device: str = "cpu") -> dict:
    """A power law with one per cent of noise."""
    noise = 1 + curve_noise * torch.randn((), generator=generator, dtype=torch.float64).item()
    return {"error": noise * samples**-exponent, "name": f"s{seed}", "even": seed % 2 == 0, "twice": 2 * samples}


def counted(x: int, folder: str, seconds: float = 0.0) -> list[dict]:
    """Leave a file for each call, then wait."""
    Path(folder, f"{x}-{uuid.uuid4().hex}").touch()
    time.sleep(seconds)
    return [{"square": x * x, "part": part} for part in range(2)]


def slow(x: int, seconds: float) -> dict:
    """A cell that waits."""
    time.sleep(seconds)
    return {"double": 2 * x}


def needs_data(*, folder: str) -> dict:
    """A cell whose data may not be at hand."""
    if not Path(folder).exists():
        raise MissingData(f"put the toy data into {folder}")
    return {"y": 1}


def fails(x: int) -> dict:
    """Fail for one argument."""
    if x == 2:
        raise ArithmeticError("two is not allowed")
    return {"y": x}


def returns(what: str) -> object:
    """Return something that is not a row, or a row that is not allowed."""
    return {
        "none": None, "empty": [], "array": {"y": torch.ones(1)}, "argument": {"what": 1}, "key": {"key": 1}, "list": [1],
        "numpy": {"y": torch.ones(1).numpy()[0]}, "nan": {"y": float("nan")},
    }[what]  # fmt: skip


def tensors(size: int, *, generator: torch.Generator) -> dict:
    """Something that is worth keeping: a view, a scalar, integers."""
    whole = torch.randn(size, 2, generator=generator)
    return {"view": whole[:, 0], "whole": whole, "count": torch.arange(size), "empty": torch.empty(0)}


def not_tensors(size: int) -> dict:
    """Not worth keeping."""
    return {"size": size}


def checkout(root: Path, **cells: str) -> Path:
    """A checkout with the chapter ``toy``, and one small chapter for each further cell."""
    for name in ("chapters/profiles", "data/claims", "data/tolerances", "book"):
        (root / name).mkdir(parents=True)
    (root / "_config.yml").write_text("title: toy\n")
    (root / "book" / "map.yml").write_text(MAP)
    (root / "data" / "claims" / "toy.yml").write_text(CLAIMS)
    (root / "chapters" / "toy.py").write_text(TOY)
    (root / "chapters" / "profiles" / "toy.yml").write_text(PROFILES)
    for name, cell in cells.items():
        (root / "chapters" / f"{name}.py").write_text(SMALL.format(cell=cell))
        (root / "chapters" / "profiles" / f"{name}.yml").write_text("book: {}\n")
    return root


def environ(root: Path) -> dict[str, str]:
    """The environment of a command that works on a checkout."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("QUIRE_")}
    path = os.pathsep.join([str(Path(__file__).parent), str(Path(__file__).parents[1] / "lib")])
    return {**kept, "QUIRE_ROOT": str(root), "PYTHONPATH": path, "OMP_NUM_THREADS": "1", "COLUMNS": "200"}
