"""The rows of the text measurements: a generated text everywhere, Shakespeare where it is at hand."""

import math

import numpy as np
import pytest
from test_experiments_hierarchy import check_rows

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


LOSSES = {
    "length": 20_000, "reach": 4, "seed": 0, "width": 16, "depth": 1, "init_scale": 0.5, "learning_rate": 0.02, "max_steps": 150,
    "held_out_windows": 500, "priors": [1.0, 10.0],
}  # fmt: skip


def test_more_windows_and_more_context_help():
    short, long = (text.character_losses("generated", context=t, sizes=[100, 6000], **LOSSES) for t in (1, 4))
    check_rows(short, LOSSES | {"context": 1, "sizes": []})
    for rows in (short, long):
        assert rows[1]["loss"] < rows[0]["loss"] and rows[1]["counting_loss"] < rows[0]["counting_loss"]
        assert all(row["best_step"] <= row["steps"] <= 150 and row["counting_prior"] in (1.0, 10.0) for row in rows)
    assert long[1]["counting_loss"] < short[1]["counting_loss"] < math.log(12)
    assert [row["counted"] for row in short + long] == [1, 1, 4, 4]


def test_a_network_that_sees_one_character_does_not_beat_the_bigram_of_the_whole_text():
    (row,) = text.character_losses("generated", context=1, sizes=[8000], **LOSSES | {"max_steps": 400})
    assert abs(row["loss"] - row["counting_loss"]) < 0.05  # both near the conditional entropy


def test_weights_are_not_chosen_on_the_test_windows(monkeypatch):
    """Other test windows leave the chosen step and the validation loss as they are."""
    before = text.character_losses("generated", context=2, sizes=[400], **LOSSES)[0]
    split = text.h.split_text
    monkeypatch.setattr(
        text.h, "split_text", lambda codes, held_out: {**split(codes, held_out=held_out), "test": codes[:5000].flip(0)}
    )
    after = text.character_losses("generated", context=2, sizes=[400], **LOSSES)[0]
    same = ("best_step", "steps", "validation_loss", "counting_prior")
    assert {key: before[key] for key in same} == {key: after[key] for key in same}
    assert before["loss"] != after["loss"]
