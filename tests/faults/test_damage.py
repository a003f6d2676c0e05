"""Damaged run folders: each is named by `diff`, `claims` and `site`; none is taken, none hangs, none gives a bare error."""

import hashlib
import json
import os
import shutil
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from toy_site import fake_checkout

from quire.claims import judge_run
from quire.tools import site as stager
from quire.tools.diff import compare

pytestmark = pytest.mark.faults

FILES = ("claims.json", "sweeps.json", "figures.json", "provenance.json")
TABLE = "rows/locality.curve.csv"


@pytest.fixture(scope="module")
def original(tmp_path_factory) -> Path:
    """A checkout with a run that nothing is wrong with."""
    root = tmp_path_factory.mktemp("original") / "checkout"
    root.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("QUIRE_ROOT", str(root))
        fake_checkout(root)
    return root


@pytest.fixture
def checkout(original, tmp_path, monkeypatch) -> Path:
    """A copy to damage."""
    root = tmp_path / "checkout"
    shutil.copytree(original, root, symlinks=True)
    monkeypatch.setenv("QUIRE_ROOT", str(root))
    monkeypatch.setenv("QUIRE_PUBLISHED", str(root / "data" / "published"))
    return root


# --- damage of a file, whatever it holds


def written(content: bytes):
    """Another content."""
    return lambda path: path.write_bytes(content)


def cut(path: Path) -> None:
    """The second half is lost."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flipped(path: Path) -> None:
    """One bit in the middle is another: inside of a name or a number, so that it may still be JSON."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x80
    path.write_bytes(content)


def folder(path: Path) -> None:
    """A folder has its name."""
    path.unlink()
    path.mkdir()


def pipe(path: Path) -> None:
    """A pipe has its name: opening it waits for ever."""
    path.unlink()
    os.mkfifo(path)


def loop(path: Path) -> None:
    """A link to itself has its name."""
    path.unlink()
    path.symlink_to(path)


def device(path: Path) -> None:
    """A device without an end has its name."""
    path.unlink()
    path.symlink_to("/dev/zero")


WHOLE = {
    "empty": written(b""),
    "cut": cut,
    "flipped": flipped,
    "not JSON": written(b"{'a': 1}"),
    "not UTF-8": written(b'{"\xff\xfe": 1}'),
    "zeros": written(bytes(4096)),
    "a list": written(b"[]"),
    "a number": written(b"3"),
    "a text": written(b'"text"'),
    "null": written(b"null"),
    "nested without end": written(b"[" * 200_000),
    "entries that are numbers": written(b'{"locality.beta": 3, "locality.curve": 3, "locality-curves": 3}'),
    "entries that are empty": written(b'{"locality.beta": {}, "locality.curve": {}, "locality-curves": {}}'),
    "larger than memory": lambda path: os.truncate(path, 2**40),
    "a folder": folder,
    "a pipe": pipe,
    "a link to itself": loop,
    "a device": device,
}


# --- damage of one field


def edited(name: str, change):
    """A JSON file with one thing changed."""

    def damage(run: Path) -> None:
        content = json.loads((run / name).read_text())
        change(content)
        (run / name).write_text(json.dumps(content))

    return name, damage


def report(**fields):
    """The report of a claim, changed."""
    return edited("claims.json", lambda claims: claims["locality.beta"].update(fields))


def record(**fields):
    """The record of the run, changed."""
    return edited("provenance.json", lambda found: found.update(fields))


def index(change):
    """The index of a function's cells, changed."""
    return edited("sweeps.json", lambda sweeps: change(sweeps["locality.curve"]))


def cell(**fields):
    """The first cell of the index, changed."""
    return index(lambda sweep: sweep["cells"][0].update(fields))


def drawn(**fields):
    """The entry of a figure, changed."""
    return edited("figures.json", lambda figures: figures["locality-curves"].update(fields))


def table(change):
    """The rows, changed, with a checksum that agrees."""

    def damage(run: Path) -> None:
        change(pd.read_csv(run / TABLE)).to_csv(run / TABLE, index=False)
        sweeps = json.loads((run / "sweeps.json").read_text())
        sweeps["locality.curve"]["sha256"] = hashlib.sha256((run / TABLE).read_bytes()).hexdigest()
        (run / "sweeps.json").write_text(json.dumps(sweeps))

    return "locality.curve", damage


def rows(change):
    """The file of the rows itself, damaged."""
    return "locality.curve", lambda run: change(run / TABLE)


def bomb(run: Path) -> None:
    """A small file with more rows than any memory is meant for, and a checksum that agrees."""
    content = pa.BufferOutputStream()
    pq.write_table(pa.table({"error": pa.array(["1.0"]).take(pa.array(np.zeros(6_000_000, dtype=np.int8)))}), content)
    (run / "rows" / "bomb.parquet").write_bytes(content.getvalue())
    sweeps = json.loads((run / "sweeps.json").read_text())
    digest = hashlib.sha256(content.getvalue()).hexdigest()
    sweeps["locality.curve"].update(file="bomb.parquet", sha256=digest)
    (run / "sweeps.json").write_text(json.dumps(sweeps))


FIELDS = {
    "claims: a text for a value": report(value="0.331"),
    "claims: true for a value": report(value=True),
    "claims: a list for a value": report(value=[0.331]),
    "claims: nan": report(value=float("nan")),
    "claims: infinity": report(value=float("inf")),
    "claims: a negative error": report(stderr=-0.004),
    "claims: an infinite error": report(stderr=float("inf")),
    "claims: a text for an error": report(stderr="0.004"),
    "claims: degrees of freedom below zero": report(dof=-1.0),
    "claims: another field": report(sigma=0.004),
    "claims: a ranking for a number": report(value={"a": [1.0, 0.1, 3.0]}),
    "record: a chapter that is a path": record(chapter="../locality"),
    "record: a chapter that is a number": record(chapter=3),
    "record: no profile of ours": record(profile="huge"),
    "record: parameters that are a list": record(parameters=[1]),
    "record: failed is a text": record(failed="perhaps"),
    "record: no chapter": edited("provenance.json", lambda found: found.pop("chapter")),
    "rows: cut": rows(cut),
    "rows: flipped": rows(flipped),
    "rows: empty": rows(written(b"")),
    "rows: gone": rows(Path.unlink),
    "rows: a folder": rows(folder),
    "rows: a pipe": rows(pipe),
    "rows: a link to itself": rows(loop),
    "rows: a column is lost": table(lambda rows: rows.drop(columns="error")),
    "rows: a column is renamed": table(lambda rows: rows.rename(columns={"error": "loss"})),
    "rows: a column is added": table(lambda rows: rows.assign(more=1)),
    "rows: a number is a text": table(lambda rows: rows.astype(str).assign(error="many")),
    "rows: one is doubled": table(lambda rows: pd.concat([rows, rows.tail(1)])),
    "rows: one is lost": table(lambda rows: rows.head(2)),
    "rows: all are lost": table(lambda rows: rows.head(0)),
    "rows: millions in a small file": ("locality.curve", bomb),
    "index: a file outside": index(lambda sweep: sweep.update(file="../provenance.json")),
    "index: an absolute file": index(lambda sweep: sweep.update(file="/etc/passwd")),
    "index: another checksum": index(lambda sweep: sweep.update(sha256="0" * 64)),
    "index: no checksum": index(lambda sweep: sweep.pop("sha256")),
    "index: another kind of column": index(lambda sweep: sweep.update(columns={"error": "complex"})),
    "index: no cells": index(lambda sweep: sweep.update(cells=[])),
    "index: origins of another shape": index(lambda sweep: sweep.update(origins=[{"device": 3}])),
    "index: a cell without rows": cell(rows=0),
    "index: a cell with more rows": cell(rows=2),
    "index: a cell with less than none": cell(rows=-1),
    "index: another origin": cell(origin=7),
    "index: a key that is none": cell(key="../../key"),
    "index: a key twice": index(lambda sweep: sweep["cells"][0].update(key=sweep["cells"][1]["key"])),
    "index: arguments that are a list": cell(arguments=[64]),
    "index: an argument of the name of a column": cell(arguments={"error": 1}),
    "index: seconds that are a text": cell(seconds="100"),
    "index: seconds below zero": cell(seconds=-1.0),
    "figures: a table outside": drawn(table="../provenance.json"),
    "figures: a picture by its absolute name": drawn(png="/etc/passwd"),
    "figures: a number for a caption": drawn(caption=3),
    "figures: another field": drawn(script="alert(1)"),
    "figures: no table": edited("figures.json", lambda figures: figures["locality-curves"].pop("table")),
    "figures: number nought": drawn(number=0),
}
CASES = {f"{name}: {kind}": (name, lambda run, n=name, k=kind: WHOLE[k](run / n)) for name in FILES for kind in WHOLE}
CASES |= FIELDS


def test_the_campaign_is_large_enough():
    """Thirty kinds were asked for."""
    assert len(CASES) >= 100


@pytest.mark.parametrize("case", CASES)
def test_damage_is_named_by_every_reader(checkout, tmp_path, case):
    """`diff` reports it or names the file, `claims` does not count what is damaged, `site` refuses to show it."""
    name, damage = CASES[case]
    run, good = checkout / "build" / "book" / "locality", tmp_path / "good" / "locality"
    shutil.copytree(run, good)
    before = {claim["id"]: claim["verdict"] for claim in judge_run(good)}
    damage(run)
    for first, second in ((good, run), (run, good), (run, run)):
        _compared(first, second, name)
    _judged(run, name, before)
    _staged(name)


def _compared(first: Path, second: Path, name: str) -> None:
    """A comparison is refused by the name of the file, or reports the damage; a figure is not compared."""
    try:
        found = compare(first, second)
    except ValueError as error:
        assert name in str(error)
    except FileNotFoundError as error:
        assert name == "provenance.json" and "no run in" in str(error)
    else:
        assert name == "figures.json" or found.differences


def _judged(run: Path, name: str, before: dict[str, str]) -> None:
    """Verdicts are refused by the name of the file; or what is damaged is untested, and the others stay."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            after = {claim["id"]: claim["verdict"] for claim in judge_run(run)}
        except ValueError as error:
            assert name in str(error) and name in ("claims.json", "provenance.json")
            return
    changed = {id for id in before if after.get(id) != before[id]}
    assert name != "claims.json" or changed
    assert all(after.get(id, "untested") == "untested" for id in changed)


def _staged(name: str) -> None:
    """A page is refused by the name of the file; a report that says nothing is shown as untested."""
    try:
        site = stager.stage()
    except (ValueError, FileNotFoundError) as error:
        assert name in str(error)
        return
    claims = {claim["id"]: claim for claim in json.loads((site / "_data" / "claims.json").read_text())}
    assert name == "claims.json" and claims["locality.beta"]["verdict"] == "untested"
