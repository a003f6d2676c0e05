"""Cells and plans of the phase transition chapter: rows that can be stored, identities, and text without a hierarchy."""

import math

import pytest
import torch
from known_answers import finite, fits, storable

from quire.diffusion import MeanField, PersistentChain
from quire.experiments.phase_transition import block_cells, cells, plans, text_cells, theory_cells

TREE = dict(vocab=8, num_rules=3, branching=2)
DEEP = dict(TREE, depth=4)


def stream(seed: int = 0) -> torch.Generator:
    """Random numbers."""
    return torch.Generator().manual_seed(seed)


def test_theory_cells_are_the_mean_field():
    rows = finite(theory_cells.update_map(**TREE, points=11), [*TREE, "points"])
    assert rows[0]["belief"] == rows[0]["updated"] == 1 / 8 and rows[-1]["updated"] == 1
    assert all(row["slope"] == pytest.approx(row["difference"], rel=1e-6) for row in rows)
    [row] = finite([theory_cells.fixed_points(**TREE)], TREE)
    assert row["closed"] == 2 / 5 and row["critical_noise"] == MeanField(**TREE).critical_noise()
    [peak] = finite([theory_cells.susceptibility_peak(**TREE, depth=4)], [*TREE, "depth"])
    assert peak["peak"] > 1 and 0.3 < peak["place"] < 0.9


def test_the_phase_diagram_says_on_which_side_there_is_no_transition():
    rows = finite(theory_cells.phase_diagram(vocabs=[4, 8], branching=2), ["vocabs", "branching"])
    found = {(row["vocab"], row["num_rules"]): (row["exists"], row["critical_noise"]) for row in rows}
    assert len(found) == 12 and found[8, 1] == (False, 1.0) and found[8, 8] == (False, 0.0)
    assert found[8, 3] == (True, MeanField(**TREE).critical_noise())


def test_levels_of_the_simplified_process_start_at_the_noise_and_end_at_the_posterior():
    given = dict(DEEP, noise=0.4, strings=20, seed=0)
    rows = finite(cells.epsilon_levels(**given, device="cpu"), given)
    assert [row["level"] for row in rows] == [0, 1, 2, 3, 4]
    assert rows[0]["belief"] == pytest.approx(1 - 0.4 + 0.4 / 8) == rows[0]["mean_field_belief"]
    assert rows[4]["belief"] == pytest.approx(rows[4]["kept"])  # nothing lies beyond the root
    assert rows[4]["mean_field_belief"] == pytest.approx(rows[4]["mean_field_kept"])


@pytest.mark.parametrize("channel", plans.CHANNELS)
def test_levels_of_real_channels_fall_with_the_noise(channel):
    def at(noise):
        given = dict(DEEP, channel=channel, noise=noise, strings=100, seed=0)
        return finite(cells.channel_levels(**given, generator=stream(), device="cpu"), given)

    little, much = at(0.02), at(0.9)
    assert all(a["kept"] > b["kept"] for a, b in zip(little, much, strict=True))
    assert all(abs(row["kept"] - row["restored"]) < 0.1 for row in [*little, *much])


def test_an_unknown_channel_or_text_is_named():
    with pytest.raises(ValueError, match="channel must be"):
        given = dict(DEEP, channel="salt", noise=0.1, strings=2, seed=0)
        cells.channel_levels(**given, generator=stream(), device="cpu")
    with pytest.raises(ValueError, match="text must be"):
        given = dict(DEEP, text="prose", persistence=0.5, noise=0.1, grammars=1, strings=2, block=0)
        text_cells.text_blocks(**given, generator=stream(), device="cpu")


def test_blocks_have_a_row_for_each_level_and_their_own_grammars():
    given = dict(DEEP, noise=0.6, grammars=2, strings=30)
    rows = finite(block_cells.epsilon_blocks(**given, block=0, generator=stream(), device="cpu"), [*given, "block"])
    assert [row["distance"] for row in rows] == [1, 2, 4, 8, 16] and rows[0]["correlation"] == 1
    other = block_cells.epsilon_blocks(**given, block=1, generator=stream(), device="cpu")
    assert other[1]["correlation"] != rows[1]["correlation"]
    masked = block_cells.channel_blocks(**given, channel="mask", block=0, generator=stream(), device="cpu")
    assert set(masked[0]) == {"level", "distance", "correlation", "susceptibility", "share"}


def test_where_nothing_changes_there_are_no_blocks():
    given = dict(DEEP, noise=1e-9, grammars=1, strings=2, block=0)
    rows = storable(block_cells.epsilon_blocks(**given, generator=stream(), device="cpu"), given)
    assert rows[0]["share"] == 0 and all(math.isnan(row["susceptibility"]) for row in rows)
    given |= dict(text="tokens", persistence=0.5)
    rows = storable(text_cells.text_blocks(**given, generator=stream(), device="cpu"), given)
    assert all(math.isnan(row["correlation"]) for row in rows)


@pytest.mark.parametrize("text,expected", [("tokens", 1.0), ("chain", (1 + 0.64) / (1 - 0.64))])
def test_texts_without_a_tree_have_the_susceptibility_of_theory(text, expected):
    given = dict(DEEP, text=text, persistence=0.8, noise=1.0, grammars=20, strings=100, block=0) | dict(depth=7)
    rows = finite(text_cells.text_blocks(**given, generator=stream(), device="cpu"), given)
    assert rows[0]["susceptibility"] == pytest.approx(expected, rel=0.1)
    if text == "chain":
        assert rows[3]["correlation"] == pytest.approx(0.8**6, abs=0.03)


def test_a_chain_is_restored_by_its_exact_law():
    """Against all strings of a short chain, written out."""
    chain, length = PersistentChain(3, 0.6), 3
    evidence = torch.rand(2, length, 3, generator=stream(), dtype=torch.float64)
    strings = torch.cartesian_prod(*length * [torch.arange(3)])
    steps = 0.6 * (strings[:, 1:] == strings[:, :-1]).double() + 0.4 / 3
    prior = steps.prod(1) / 3
    assert float(prior.sum()) == pytest.approx(1)
    picked = torch.stack([evidence[:, place].index_select(1, strings[:, place]) for place in range(length)]).prod(0)
    law = prior * picked / (prior * picked).sum(1, keepdim=True)
    drawn = chain.restore(evidence, draws=40_000, generator=stream(1))
    found = (drawn[:, :, None] == strings).all(3).double().mean(1)
    assert torch.allclose(found, law, atol=4 * 0.5 / 40_000**0.5)
    written = chain.sample(40_000, length, generator=stream(2))
    assert torch.allclose((written[:, None] == strings).all(2).double().mean(0), prior, atol=0.01)


@pytest.mark.parametrize(
    "make,message",
    [
        (lambda: PersistentChain(1, 0.5), "vocab ≥ 2"),
        (lambda: PersistentChain(3, 1.0), r"persistence in \[0, 1\)"),
        (lambda: PersistentChain(3, 0.5).restore(torch.ones(1, 2, 4), draws=1, generator=stream()), "of 3 symbols"),
        (
            lambda: PersistentChain(3, 0.5).restore(torch.zeros(1, 2, 3), draws=1, generator=stream()),
            "excludes every string at site 0",
        ),
    ],
)
def test_bad_chains_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_plans_are_calls_of_their_cells_and_stay_where_there_is_a_transition():
    assert plans.setting(4, 32) == dict(vocab=4, num_rules=2, branching=2)
    for vocab in range(4, 65):
        for rules in (2, 7, 32):
            assert MeanField(**plans.setting(vocab, rules)).has_transition()
    assert fits(theory_cells.update_map, plans.map_cells(8, 3))
    assert fits(theory_cells.phase_diagram, plans.diagram_cells([8, 4, 8]))
    assert fits(theory_cells.susceptibility_peak, plans.peak_cells(8, 3, depths=[4, 2, 2]))
    drawn = dict(generator=stream(), device="cpu")
    sizes = dict(depth=3, noises=[0.1, 0.5], seeds=2, strings=4)
    for function, asked in (
        (cells.epsilon_levels, plans.level_cells(8, 3, **sizes)),
        (cells.channel_levels, plans.channel_cells(8, 3, **sizes)),
    ):
        extra = {"device": "cpu"} if function is cells.epsilon_levels else drawn
        assert fits(function, [cell | extra for cell in asked])
    kept = dict(depths=[3, 2], noises=[0.1], blocks=2, grammars=2, strings=4)
    assert fits(block_cells.epsilon_blocks, [cell | drawn for cell in plans.block_cells(8, 3, **kept)])
    masked = plans.block_cells(8, 3, **kept, channel="mask")
    assert fits(block_cells.channel_blocks, [cell | drawn for cell in masked]) and masked[0]["depth"] == 3
    assert fits(text_cells.text_blocks, [cell | drawn for cell in plans.text_cells(8, 3, **kept)])
