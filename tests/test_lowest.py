"""The pins with which `make lowest` tests."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from lowest import pins

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "lib" / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_every_dependency_is_pinned_at_its_lower_bound():
    script = [sys.executable, ROOT / "tests" / "lowest.py"]
    found = subprocess.run(script, capture_output=True, text=True, check=True).stdout.splitlines()
    assert len(set(found)) == len(found) and all(re.fullmatch(r"[\w-]+==[0-9.]+", line) for line in found)
    declared = {re.split(r"[<>=]", line)[0] for line in PROJECT["dependencies"]}
    assert declared <= {line.partition("==")[0] for line in found}
    for line in found:
        name, _, version = line.partition("==")
        assert f'"{name}>={version}' in (ROOT / "lib" / "pyproject.toml").read_text(encoding="utf-8")


def test_a_requirement_without_a_lower_bound_is_refused():
    with pytest.raises(ValueError, match="expected a lower bound .*got 'numpy<3'"):
        pins(["torch>=2.13", "numpy<3"])


def test_the_tests_that_the_makefile_leaves_out_exist():
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    left_out = re.search(r"^NEWEST := (.*)$", text, re.MULTILINE)[1].split()
    assert left_out and all((ROOT / "tests" / f"test_{name}.py").exists() for name in left_out)
