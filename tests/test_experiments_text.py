"""The rows of the text measurements: a generated text everywhere, Shakespeare where it is at hand."""

import math

import numpy as np
import pytest

from quire.data import Dataset, MissingData, load
from quire.experiments import text
from quire.sweep import grid, sweep

OPTIONS = {"length": 20_000, "distances": [1, 2, 5], "sizes": [500, 2000], "seeds": 2}


def test_a_generated_text_gives_a_row_for_each_window_and_distance():
    rows = text.character_correlations("generated", **OPTIONS)
    assert len(rows) == 3 * (1 + 2 * 2)
    whole = [row for row in rows if row["whole"]]
    assert all(row["samples"] == 20_000 and math.isnan(row["horizon"]) for row in whole)
    assert whole[0]["rms"] > whole[-1]["rms"] > 0
    windows = [row["floor"] for row in rows if not row["whole"] and row["distance"] == 1]
    assert windows[0] == pytest.approx(4 * windows[2], rel=0.1)  # the squared floor falls as 1/P


def test_shakespeare_is_read_whole(monkeypatch):
    works = load("digits")
    codes = np.arange(3000, dtype=np.uint8) % 7
    fake = Dataset(
        **{**vars(works), "name": "shakespeare", "inputs": codes, "labels": None, "classes": tuple("abcdefg")}
    )
    monkeypatch.setattr(text, "load", lambda name: fake)
    rows = text.character_correlations("shakespeare", **OPTIONS)
    assert {row["samples"] for row in rows if row["whole"]} == {3000}


def test_missing_data_reach_the_chapter_by_name(monkeypatch):
    def absent(name):
        raise MissingData("put tinyshakespeare.txt into QUIRE_DATA")

    monkeypatch.setattr(text, "load", absent)
    with pytest.raises(RuntimeError, match="MissingData: put tinyshakespeare.txt"):
        options = {key: [value] if isinstance(value, list) else value for key, value in OPTIONS.items()}
        sweep(text.character_correlations, grid(source="shakespeare", **options))


def test_another_source_is_refused():
    with pytest.raises(ValueError, match='source must be "shakespeare" or "generated"'):
        text.character_correlations("bible", **OPTIONS)
