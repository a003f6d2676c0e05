"""The workflows follow the schema of workflows, and call what the Makefile has."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def valid(path: Path) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows", str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_follows_its_schema(path):
    done = valid(path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_schema_refuses_what_is_none(tmp_path):
    (tmp_path / "wrong.yml").write_text("on: push\njobs: {test: {steps: 3}}\n")
    assert valid(tmp_path / "wrong.yml").returncode != 0


def test_workflows_call_targets_of_the_makefile():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    called = {name for path in WORKFLOWS for name in re.findall(r"make ([a-z-]+)", path.read_text())}
    assert {"test", "book", "fresh"} <= called <= targets


def test_the_oldest_and_the_newest_python_are_tested():
    matrix = yaml.safe_load((ROOT / ".github" / "workflows" / "test.yml").read_text())["jobs"]["test"]["strategy"][
        "matrix"
    ]
    assert matrix["python"] == ["3.11", "3.13"]
