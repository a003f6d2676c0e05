"""Shapes and types of every annotated function are checked while the tests run; nothing touches the user's store."""

import os

os.environ.setdefault("MPLBACKEND", "agg")
os.environ.setdefault("QUIRE_HEADLESS", "1")

from jaxtyping import install_import_hook

install_import_hook("quire", "beartype.beartype")

import pytest  # noqa: E402
import torch  # noqa: E402


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
