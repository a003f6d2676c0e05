"""Who computed the cells of a run, and with what."""

from toy_runs import ORIGIN, cell

from quire.environment import versions
from quire.tools.origins import computation, other_versions

HERE = ORIGIN["versions"]


def test_the_computation_is_the_sum_over_cells_whoever_served_them():
    sweeps = {
        "toy.f": [cell(1, [{"y": 1}]), cell(2, [{"y": 1}])],
        "toy.g": [cell(3, [{"y": 1}], device="cuda", threads=8)],
    }
    assert computation(sweeps) == {
        "cells": 3,
        "seconds": 4.5,
        "peak_memory_mb": None,
        "devices": ["cpu", "cuda"],
        "machines": ["Linux x86_64, 2 cores"],
        "threads": [1, 8],
        "versions": [HERE],
    }
    assert computation({}) == {
        "cells": 0, "seconds": 0, "peak_memory_mb": None, "devices": [], "machines": [], "threads": [], "versions": []
    }  # fmt: skip


def test_a_run_that_mixes_versions_lists_each_once():
    old = {**HERE, "torch": "2.12.0"}
    sweeps = {"toy.f": [cell(x, [{"y": 1}], versions=old if x % 2 else HERE) for x in range(5)]}
    assert computation(sweeps)["versions"] == [old, HERE]


def test_cells_of_other_versions_are_counted_by_package():
    sweeps = {
        "toy.f": [cell(x, [{"y": 1}], versions={**HERE, "torch": "2.12.0"}) for x in range(2)],
        "toy.g": [cell(3, [{"y": 1}], versions={k: v for k, v in HERE.items() if k != "numba"}), cell(4, [{"y": 1}])],
    }
    assert other_versions(sweeps, HERE) == [
        f"1 cell was made with numba unknown (here: {HERE['numba']})",
        "2 cells were made with torch 2.12.0 (here: 2.13.0)",
    ]
    assert other_versions({"toy.g": sweeps["toy.g"][1:]}, HERE) == [] == other_versions({}, HERE)


def test_the_versions_of_here_are_those_that_are_installed():
    sweeps = {"toy.f": [cell(1, [{"y": 1}], versions=dict(versions()))]}
    assert other_versions(sweeps) == []
