"""The rows of the text measurements: a generated text everywhere, Shakespeare where it is at hand."""

import math

import numpy as np
import pytest
import torch
from known_answers import storable

from quire.data import Dataset, MissingData, load
from quire.experiments.language import loss_cells, text_cells, texts
from quire.sweep import grid, sweep

OPTIONS = {"length": 20_000, "distances": [1, 2, 5], "sizes": [500, 2000], "seeds": 2}


def test_a_generated_text_gives_a_row_for_each_window_and_distance():
    rows = text_cells.character_correlations(source="generated", **OPTIONS)
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
    monkeypatch.setattr(texts, "load", lambda name: fake)
    rows = text_cells.character_correlations(source="shakespeare", **OPTIONS)
    assert {row["samples"] for row in rows if row["whole"]} == {3000}


def test_missing_data_reach_the_chapter_by_name(monkeypatch):
    def absent(name):
        raise MissingData("put tinyshakespeare.txt into QUIRE_DATA")

    monkeypatch.setattr(texts, "load", absent)
    options = {key: [value] if isinstance(value, list) else value for key, value in OPTIONS.items()}
    replaced = pytest.warns(UserWarning, match="computed and not stored: quire.experiments.language.texts.load")
    with replaced, pytest.raises(MissingData, match="put tinyshakespeare.txt"):
        sweep(text_cells.character_correlations, grid(source="shakespeare", **options))


def test_another_source_is_refused():
    with pytest.raises(ValueError, match='source must be "shakespeare" or "generated"'):
        text_cells.character_correlations(source="bible", **OPTIONS)


def test_decay_of_a_text_and_its_horizon():
    grammar = dict(vocab=8, num_binary=2, num_ternary=2, depth=4, binary_probability=0.5, seed=0)
    text = texts.generated_text(**grammar, length=40_000)
    assert text.shape == (40_000,) and torch.equal(text, texts.generated_text(**grammar, length=40_000))
    rows = text_cells.text_decay(text, 8, distances=[1, 2, 4, 8, 16], sizes=[1000], seeds=2)
    storable(rows, {})
    whole = [r for r in rows if r["whole"]]
    assert len(whole) == 5 and whole[0]["signal"] > whole[-1]["signal"]
    ranges = {r["horizon"] for r in rows if not r["whole"]}
    assert len(rows) == 5 + 2 * 5 and all(1 < t < 16 for t in ranges)


def test_the_floor_of_the_windows_is_given_in_units_of_its_law():
    rows = text_cells.character_correlations(source="generated", **OPTIONS)
    whole, window = rows[0], rows[3]
    assert whole["floor_constant"] == 12 * (whole["floor"] * 20_000) ** 0.5
    noise = window["measured"] - window["signal"]
    assert noise > 0 and window["floor_constant"] == 12 * (noise * 500) ** 0.5


LOSSES = dict(length=20_000, reach=4, seed=0, width=16, depth=1, init_scale=0.5, learning_rate=0.02, max_steps=150)
LOSSES |= dict(held_out_windows=500, priors=[1.0, 10.0])


def test_more_windows_and_more_context_help():
    short, long = (
        loss_cells.character_losses(source="generated", context=t, sizes=[100, 6000], **LOSSES) for t in (1, 4)
    )
    storable(short, LOSSES | {"context": 1, "sizes": []})
    for rows in (short, long):
        assert rows[1]["loss"] < rows[0]["loss"] and rows[1]["counting_loss"] < rows[0]["counting_loss"]
        assert all(row["best_step"] <= row["steps"] <= 150 and row["counting_prior"] in (1.0, 10.0) for row in rows)
    assert long[1]["counting_loss"] < short[1]["counting_loss"] < math.log(12)
    assert [row["counted"] for row in short + long] == [1, 1, 4, 4]


def test_a_network_that_sees_one_character_does_not_beat_the_bigram_of_the_whole_text():
    (row,) = loss_cells.character_losses(source="generated", context=1, sizes=[8000], **LOSSES | {"max_steps": 400})
    assert abs(row["loss"] - row["counting_loss"]) < 0.05  # both near the conditional entropy


def test_weights_are_not_chosen_on_the_test_windows(monkeypatch):
    """Other test windows leave the chosen step and the validation loss as they are."""
    arguments = dict(source="generated", context=2, sizes=[400], **LOSSES)
    before = loss_cells.character_losses(**arguments)[0]
    split = loss_cells.split_text

    def other(codes, held_out):
        return {**split(codes, held_out=held_out), "test": codes[:5000].flip(0)}

    monkeypatch.setattr(loss_cells, "split_text", other)
    after = loss_cells.character_losses(**arguments)[0]
    same = ("best_step", "steps", "validation_loss", "counting_prior")
    assert {key: before[key] for key in same} == {key: after[key] for key in same}
    assert before["loss"] != after["loss"]
