"""A checkout that shares book and library with this one, and has one chapter that was "run" by this file."""

import base64
import json
import shutil
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from quire.environment import versions
from quire.record import Cell, RunFolder
from quire.tools.freshness import keys

REPOSITORY = Path(__file__).resolve().parents[1]
ALT = 'Test error against training points: two curves fall as power laws, the one with "s = 2" faster.'


def svg(ink: str) -> str:
    """A picture of two falling curves."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 480 300" width="480" height="300"><g fill="none" '
        f'stroke="{ink}"><path d="M50 20 V260 H460"/><path stroke="#0173b2" stroke-width="3" d="M60 40 L440 150"/>'
        f'<path stroke="#de8f05" stroke-width="3" d="M60 50 L440 230"/></g><g fill="{ink}" font-family="sans-serif" '
        f'font-size="14"><text x="180" y="290">training points P</text><text x="80" y="30">test error</text></g></svg>'
    )


def executed_notebook(chapter: str):
    """What papermill leaves of a chapter: parameters, an injected cell, text, figures and a scoreboard."""

    def code(source: str, *outputs, tags=()):
        return new_code_cell(source, outputs=list(outputs), execution_count=1, metadata={"tags": list(tags)})

    def shown(name: str):
        page = f'<figure><img src="data:image/png;base64,AAAA" alt="{name}"></figure>'
        bundle = {"text/html": page, "text/plain": name, "application/vnd.quire.figure+json": {"id": name}}
        return new_output("display_data", data=bundle)

    by_metadata = new_output("display_data", data={"text/plain": "x"}, metadata={"quire_figure": f"{chapter}-spectra"})
    board = {"text/plain": "✓ …", "application/vnd.quire.scoreboard+json": {"chapter": chapter}}
    expected = {"text/plain": "0.33", "application/vnd.quire.expected+json": {"chapter": chapter}}
    widget = {"text/plain": "bar", "application/vnd.jupyter.widget-view+json": {"model_id": "1"}}
    return new_notebook(
        cells=[
            new_markdown_cell(
                "# Locality: filters, not dimension, set the exponent\n\nA kernel whose filters see $s$ variables learns"
                " a local target with an exponent that depends on $s$ alone.\n\n*Reading: 20 minutes. Running: 20 s.*"
            ),
            new_markdown_cell("**You need** kernel regression {cite}`jacot2018ntk`. **You will see** a power law."),
            code(
                "sizes: list = [64, 128]  # scale: training points\nseeds: int = 2  # scale: seeds", tags=["parameters"]
            ),
            code("# Parameters\nsizes = [64, 4096]\nseeds = 8", tags=["injected-parameters"]),
            code("from quire.sweep import sweep", tags=["setup"]),
            code('claims.expected("locality")', new_output("display_data", data=expected)),
            new_markdown_cell(
                "## The learning curve\n\nThe error of ridgeless regression decays as\n\n$$\n\\mathcal{E}(P) \\sim "
                "P^{-\\beta}, \\qquad \\beta = \\frac{\\min(\\alpha_t, 2(\\alpha_s + s))}{s},\n$$ (decay)\n\nand"
                " {eq}`decay` does not know $d$ {cite}`favero2021locality`. We find {claim}`locality.beta`, that is"
                " {claim}`locality.beta:measured` where {claim}`locality.beta:predicted` was expected;"
                " {claim}`locality.flat` too. See {numref}`locality-curves`.\n\n"
                "```{literalinclude} /lib/quire/cite.py\n:start-at: import\n:lines: 1-3\n```"
            ),
            code("rows = sweep(curve, cells)", new_output("display_data", data=widget)),
            code("describe(rows)", new_output("stream", name="stdout", text="error float64 dimensionless 16\n")),
            code('figure("locality-curves", rows)', shown(f"{chapter}-curves")),
            code('figure("locality-spectra", rows)', by_metadata, new_output("stream", name="stdout", text="done\n")),
            new_markdown_cell("## What the run says"),
            code('claims.scoreboard("locality")', new_output("display_data", data=board)),
            new_markdown_cell("## Try it\n\n`quire run locality -p seeds=16` narrows the error bars."),
        ],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
    )


def cells() -> list[Cell]:
    """What a sweep left: one of its cells was computed by an older torch, elsewhere."""
    here = {"versions": versions(), "device": "cpu", "threads": 1, "machine": "Linux x86_64, 2 cores"}
    there = {**here, "device": "cuda", "versions": {**versions(), "torch": "2.0.1"}}
    made = [(64, 100.5, here), (128, 101.0, here), (4096, 3600.0, there)]
    return [
        Cell(f"{size:024x}", {"size": size}, [{"error": 1 / size}], took, "store", who, 900.0)
        for size, took, who in made
    ]


def fake_run(root: Path, profile: str, chapter: str = "locality") -> Path:
    """The files that a run of a chapter leaves behind."""
    run = RunFolder(root / "build" / profile / chapter)
    run.add_cells("locality.curve", cells() if profile == "book" else cells()[:2])
    nbformat.write(executed_notebook(chapter), run.notebook(chapter))
    for name in (f"{chapter}-curves", f"{chapter}-spectra"):
        caption = "Learning curves of two students; the dashed lines have slopes $-1/s$."
        kinds = {"light": f"{name}.svg", "dark": f"{name}.dark.svg", "png": f"{name}.png", "table": f"{name}.csv"}
        files = {
            kinds["light"]: svg("#222").encode(),
            kinds["dark"]: svg("#eee").encode(),
            kinds["png"]: base64.b64decode("iVBORw0KGgo="),
            kinds["table"]: b"samples,error\n64,0.31\n128,0.22\n",
        }
        run.add_figure(name, files, {**kinds, "alt": ALT, "caption": caption})
    for id, report in REPORTS.items():
        run.report(id, report)
    record = {
        "chapter": chapter, "profile": profile, "device": "cpu", "commit": "0123456789abcdef", "dirty": False,
        "started": "2026-01-02T03:04:05", "wall_seconds": 185.2, "peak_memory_mb": 1260.0, "failed": False,
        "versions": {"python": "3.11.7", "torch": "2.13.0"}, "parameters": {"sizes": [64, 4096], "seeds": 8, "device": "auto"},
        "cells": {"computed": 12, "store": 3, "published": 1}, "machine": "Linux x86_64, 2 cores",
        **(keys(chapter) if profile == "book" else {"source_key": "of other code"}),
    }  # fmt: skip
    run.write_provenance(record)
    return run.path


LEDGER = """
- id: locality.beta
  says: 'The exponent $\\beta$ is $1/s$.'
  source: {paper: favero2021locality, where: "Fig. 1"}
  predict: {kind: slope, value: 0.3333, unit: "log error per log P"}
  tolerance: {abs: 0.02}
  why: "seeds' spread"
  decidable: [book, paper]
- id: locality.flat
  says: "The plateau is at one half."
  source: {paper: derived, where: "equation of the text"}
  predict: {kind: equals, value: 0.5}
  tolerance: {abs: 0.02}
  why: "seeds' spread"
  decidable: [book, paper]
  comment: "The plateau is higher than predicted, at every seed."
- id: locality.ridge
  says: "The ridge costs little."
  source: {paper: prototype, where: "design band"}
  predict: {kind: at_most, value: 0.1}
  tolerance: {abs: 0.0}
  why: "an upper bound"
  decidable: [book]
- id: locality.large
  says: 'The same at $P = 10^5$.'
  source: {paper: favero2021locality, where: "Fig. 1"}
  predict: {kind: order, value: [local, full]}
  why: "needs a GPU"
  decidable: [paper]
"""
REPORTS = {
    "locality.beta": {"value": 0.331, "stderr": 0.004, "dof": "inf"},
    "locality.flat": {"value": 0.7, "stderr": 0.01, "dof": "inf"},
    "locality.ridge": {"value": 0.09, "stderr": 0.05, "dof": "inf"},
}
CHAPTER = """# %% [markdown]
# # Locality: filters, not dimension, set the exponent

# %% tags=["parameters"]
sizes: list = [64, 128]  # scale: training points $P$, in [1, 100000]
seeds: int = 2  # scale: seeds, in [1, 100]
device: str = "auto"  # choice: where it runs
"""
PROFILES = {"book": {"sizes": [64, 4096], "seeds": 8}, "paper": {"sizes": [64, 16384]}}


def fake_checkout(root: Path) -> Path:
    """A checkout that shares book and library with this one, and has one chapter with a run."""
    for shared in ("book", "lib", "_config.yml"):
        (root / shared).symlink_to(REPOSITORY / shared)
    (root / "data" / "claims").mkdir(parents=True)
    notation = 'symbol: "s", meaning: "filter size", unit: "pixels", name: "quire.kernels:filter_size"'
    (root / "data" / "notation.yml").write_text(f"- {{{notation}, chapters: [locality]}}\n")
    (root / "data" / "claims" / "locality.yml").write_text(LEDGER)
    (root / "chapters" / "profiles").mkdir(parents=True)
    (root / "chapters" / "locality.py").write_text(CHAPTER)
    (root / "chapters" / "profiles" / "locality.yml").write_text(json.dumps(PROFILES))
    for profile in PROFILES:
        run = fake_run(root, profile)
    published = root / "data" / "published" / "paper" / "locality"
    shutil.copytree(run, published, ignore=shutil.ignore_patterns("*.svg", "*.png", "*.ipynb"))
    return root
