"""Shapes and types of every annotated function are checked while the tests run; nothing touches the user's store."""

import os

os.environ.setdefault("MPLBACKEND", "agg")
os.environ.setdefault("QUIRE_HEADLESS", "1")

from jaxtyping import install_import_hook

if "QUIRE_UNCHECKED" not in os.environ:  # `make bench` sets it: a user's run does not check types at each call
    install_import_hook("quire", "beartype.beartype")

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
