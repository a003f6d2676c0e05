"""Shapes and types of every annotated function are checked while the tests run; nothing touches the user's store."""

import os

os.environ.setdefault("MPLBACKEND", "agg")
os.environ.setdefault("QUIRE_HEADLESS", "1")

from pathlib import Path

from beartype import BeartypeConf
from beartype.claw import beartype_package
from jaxtyping import install_import_hook

if "QUIRE_UNCHECKED" not in os.environ:  # `make bench` sets it: a user's run does not check types at each call
    # The fingerprint has no tensors, and walks a million nodes of syntax trees: its types are checked without the shapes,
    # whose bookkeeping takes ten times as long as what it is kept about.
    beartype_package("quire.fingerprint", conf=BeartypeConf(claw_is_pep526=False))
    library = Path(__file__).parents[1] / "lib" / "quire"
    rooms = sorted({path.stem for path in library.glob("[!_]*")} - {"fingerprint"})
    install_import_hook([f"quire.{room}" for room in rooms], "beartype.beartype")

import hypothesis
import pytest
import torch

# the same examples on every machine, and no limit of time on a loaded one
hypothesis.settings.register_profile("quire", deadline=None, derandomize=True)
hypothesis.settings.load_profile("quire")


@pytest.fixture(autouse=True)
def _isolated(tmp_path_factory, monkeypatch):
    """Each test has its own store and run folder, published rows are out of sight, and defaults are restored."""
    base = tmp_path_factory.mktemp("quire")
    monkeypatch.setenv("QUIRE_STORE", str(base / "store"))
    monkeypatch.setenv("QUIRE_PUBLISHED", str(base / "published"))
    monkeypatch.setenv("QUIRE_RUN", str(base / "run"))
    dtype = torch.get_default_dtype()
    yield
    torch.set_default_dtype(dtype)
