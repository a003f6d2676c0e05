"""The page "Use it in your own work": every block runs as it stands, in a process of its own."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "book" / "use.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^## (.+?)\n.*?```python\n(.*?)```", PAGE, re.M | re.S)
LONGEST = 30  # lines that compute


def test_each_strand_has_a_block():
    assert len(BLOCKS) == PAGE.count("```python") == PAGE.count("\n## ") >= 7
    for package in ("kernels", "regression", "hierarchy", "diffeo", "diffusion", "tangent", "scattering", "mechanics"):
        assert any(f"from quire.{package} import" in code for _, code in BLOCKS), package
    assert all(len([line for line in code.splitlines() if line.strip()]) <= LONGEST for _, code in BLOCKS)


@pytest.mark.parametrize("code", [code for _, code in BLOCKS], ids=[title[:30] for title, _ in BLOCKS])
def test_a_block_runs_and_says_something(code, tmp_path):
    environment = {**os.environ, "QUIRE_BUILD": str(tmp_path), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-W", "error::DeprecationWarning:quire", "-c", code],
        env=environment, cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.strip()
