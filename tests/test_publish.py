"""The run of record."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from toy_experiments import checkout, counted, tensors

from quire.files import folder, write_json
from quire.record import RunFolder, current
from quire.sweep import grid, made, sweep
from quire.tools import publish as module
from quire.tools.freshness import keys
from quire.tools.publish import publish

VALUES = {"samples": [1, 2, 4, 8], "seeds": 3, "exponent": 1.0, "device": "cuda"}


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """A complete run of the chapter toy at book scale, made by hand."""
    root = checkout(tmp_path / "toy")
    monkeypatch.setenv("QUIRE_ROOT", str(root))
    (tmp_path / "calls").mkdir()
    sweep(counted, grid(x=[1, 2], folder=str(tmp_path / "calls")))
    run = current()
    record = {"chapter": "toy", "profile": "book", "failed": False, "parameters": VALUES}
    run.write_provenance(record | keys("toy"))
    run.report("toy.slope", {"value": -1.0, "stderr": 0.01, "dof": "inf"})
    (run.path / "toy-curve.csv").write_text("p,e\n1,2\n")
    (run.path / "toy-curve.svg").write_text("<svg/>")
    return run


def files(path: Path) -> dict[str, bytes]:
    """Every file below a folder that is no lock."""
    found = [p for p in sorted(path.rglob("*")) if p.is_file() and p.suffix != ".lock"]
    return {str(p.relative_to(path)): p.read_bytes() for p in found}


def test_a_published_run_is_small_and_serves(toy, tmp_path, monkeypatch):
    target = publish(toy.path)
    assert target == folder("published") / "book" / "toy"
    names = ["claims.json", "provenance.json", "rows/toy_experiments.counted.csv", "sweeps.json"]
    assert list(files(target)) == names
    monkeypatch.setenv("QUIRE_STORE", str(tmp_path / "empty"))
    monkeypatch.setenv("QUIRE_RUN", str(tmp_path / "again"))
    rows = sweep(counted, grid(x=[2, 1], folder=str(tmp_path / "calls")))
    assert rows["square"].tolist() == [4, 4, 1, 1] and len(list((tmp_path / "calls").iterdir())) == 2
    again = RunFolder(tmp_path / "again").sweeps()["toy_experiments.counted"]
    assert {cell.source for cell in again} == {"published"}


def test_a_published_row_serves_only_the_exact_key(toy, tmp_path, monkeypatch):
    publish(toy.path)
    monkeypatch.setenv("QUIRE_STORE", str(tmp_path / "empty"))
    sweep(counted, grid(x=[1, 3], folder=str(tmp_path / "calls")))
    assert len(list((tmp_path / "calls").iterdir())) == 3


def test_small_tensors_are_published_and_large_ones_are_not(toy, tmp_path, monkeypatch):
    small, large = made(tensors, size=4), made(tensors, size=module.SMALL // 8)
    first = {handle: handle.tensors()["whole"] for handle in (small, large)}
    target = publish(toy.path)
    assert [path.name for path in (target / "tensors").iterdir()] == [f"{small.key}.safetensors"]
    monkeypatch.setenv("QUIRE_STORE", str(tmp_path / "empty"))
    assert torch.equal(small.tensors()["whole"], first[small]) and not (tmp_path / "empty").exists()
    assert torch.equal(large.tensors()["whole"], first[large]) and (tmp_path / "empty").exists()


@pytest.mark.parametrize(
    "changes, reason",
    [
        ({"failed": True}, "failed"),
        ({"profile": "smoke"}, "smoke"),
        ({"source_key": "old"}, "stale (the code changed)"),
        ({"claims_key": "old"}, "stale (the claims changed)"),
        ({"edited": True}, "stale (something was edited while it ran)"),
        ({"failed": True, "source_key": "old"}, "failed and stale"),
        ({"parameters": VALUES | {"samples": [1]}}, "custom"),
        ({"parameters": VALUES | {"samples": [1]}, "changed": ["samples"]}, "custom"),
    ],
)
def test_only_a_complete_run_of_the_present_code_is_published(toy, changes, reason):
    toy.write_provenance({**toy.provenance(), **changes})
    with pytest.raises(ValueError) as refused:
        publish(toy.path)
    assert reason in str(refused.value) and "only a complete run" in str(refused.value)
    assert not folder("published").exists()


def test_what_a_killed_publication_left_is_put_right(toy):
    target, left = publish(toy.path), folder("published") / ".book-toy.new" / "rows"
    left.mkdir(parents=True)
    (left / "other.csv").write_text("key\n")
    before = files(target)
    target.rename(folder("published") / ".book-toy.old")  # killed between two renames
    toy.path.joinpath("sweeps.json").write_text("[]")
    with pytest.raises(ValueError):
        publish(toy.path)
    assert files(target) == before and not left.exists()


def test_no_run_too_large_and_damaged_are_refused(toy, tmp_path):
    with pytest.raises(ValueError, match="`quire run` first"):
        publish(tmp_path / "nothing")
    with pytest.raises(ValueError, match=r"would take [\d,]+ bytes of 100"):
        publish(toy.path, limit=100)
    table = toy.path / "rows" / "toy_experiments.counted.csv"
    table.write_text(table.read_text()[:-3])
    with pytest.raises(ValueError, match="do not read back"):
        publish(toy.path)
    assert files(folder("published")) == {}


@pytest.mark.parametrize("fault", ["copy2", "rename"])
def test_a_publication_that_fails_half_way_leaves_the_old_one(toy, monkeypatch, fault):
    target = publish(toy.path)
    before = files(folder("published"))
    write_json(toy.path / "claims.json", {})
    rename, copy, calls = Path.rename, shutil.copy2, []

    def full(*arguments, **options):
        calls.append(arguments)
        if fault == "copy2" and len(calls) < 3:
            return copy(*arguments)
        if fault == "rename" and len(calls) != 2:
            return rename(*arguments)
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(*((module.shutil, "copy2") if fault == "copy2" else (Path, "rename")), full)
        with pytest.raises(OSError, match="No space left"):
            publish(toy.path)
    assert files(folder("published")) == before
    assert publish(toy.path) == target and json.loads(files(target)["claims.json"]) == {}
    assert files(target).keys() == {name.removeprefix("book/toy/") for name in before}
