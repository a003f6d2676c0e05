"""The numbers of the phase transition chapter, on rows whose answer is known, and on rows of each claim's alternative."""

import numpy as np
import pandas as pd
import pytest
from known_answers import exactly, known, missing, no_error, verdict

from quire.experiments.phase_transition import block_measures, measures
from quire.stats import Estimate

CRITICAL, BELIEF, SHARP, ETA = 0.73, 0.3, 1.44, 0.94
NOISES = [0.5, 0.6, 0.71, 0.72, 0.73, 0.74, 0.75, 0.9]
POINTS = pd.DataFrame(
    [
        {
            "critical_noise": CRITICAL,
            "closed": BELIEF,
            "bisected": BELIEF,
            "sharpening": SHARP,
            "correlation_exponent": ETA,
        }
    ]
)


def beliefs(*, place=CRITICAL, factor=SHARP, top=8, seeds=4, offset=0.0, noises=NOISES):
    """Straight steps of the belief through p* at one place, steeper with every level; kept is that far from its theory."""
    return pd.DataFrame(
        [
            {
                "seed": seed,
                "noise": noise,
                "level": level,
                "belief": BELIEF - 0.5 * factor**level * (noise - place - 0.001 * (seed - (seeds - 1) / 2)),
                "kept": 0.5 + offset + 0.0001 * seed,
                "restored": 0.5 + offset,
                "mean_field_kept": 0.5,
            }
            for seed in range(seeds)
            for noise in noises
            for level in range(top + 1)
        ]
    )


# --- theory


def test_identities_count_what_disagrees():
    curve = pd.DataFrame({"slope": [1.0, 2.0], "difference": [1.0, 2.002]})
    assert measures.slope_error(curve).value == pytest.approx(0.001, rel=0.01)
    assert verdict("phase_transition.slopes", measures.slope_error(curve)) == "fails"
    assert exactly(measures.closed_form_error(POINTS), 0)
    assert verdict("phase_transition.critical-belief", Estimate.exact(1e-3)) == "fails"
    grammars = pd.DataFrame({"vocab": [8, 8, 8], "num_rules": [1, 3, 8], "exists": [False, True, False]})
    assert exactly(measures.diagram_error(grammars), 0)
    wrong = measures.diagram_error(grammars.assign(exists=[True, True, False]))  # the condition at p = 1 alone
    assert verdict("phase_transition.existence", wrong) == "fails"


# --- levels


def test_deviations_are_looked_for_near_and_far():
    rows = beliefs(offset=0.01)
    rows.loc[(rows.noise == 0.72) & (rows.level == 3), "kept"] += 0.05
    near, far = (measures.deviation_from_mean_field(rows, POINTS, near=near) for near in (True, False))
    assert near.value == pytest.approx(0.06015) and far.value == pytest.approx(0.01015)
    assert near.dof == 3
    assert verdict("phase_transition.levels", far) == "holds"
    shortcut = measures.deviation_from_mean_field(beliefs(offset=0.04), POINTS, near=False)
    assert verdict("phase_transition.levels", shortcut) == "fails"
    shifted = measures.deviation_from_mean_field(beliefs(offset=-0.2), POINTS, near=True)
    assert verdict("phase_transition.levels-critical", shifted) == "fails"
    assert missing(measures.deviation_from_mean_field(beliefs(noises=[0.2]), POINTS, near=True), "within")


def test_the_class_passes_the_critical_belief_at_the_transition():
    found = measures.transition_ratio(beliefs(), POINTS)
    assert found.value == pytest.approx(1, abs=1e-4) and found.dof == 3
    assert verdict("phase_transition.critical-noise", found) == "holds"
    masked = measures.transition_ratio(beliefs(place=0.26, noises=[0.1, 0.2, 0.3, 0.4]), POINTS)
    assert verdict("phase_transition.critical-noise", masked) == "fails"
    assert missing(measures.transition_ratio(beliefs(noises=[0.2, 0.3]), POINTS), "no curve crosses")


def test_levels_cross_where_their_difference_changes_its_sign():
    found = measures.crossing_of_levels(beliefs(place=0.725))
    assert found.value == pytest.approx(0.725, abs=1e-6) and found.dof == 3
    assert verdict("phase_transition.crossing", found / CRITICAL) == "holds"
    assert verdict("phase_transition.mask-transition", found) == "fails"  # mean field's place
    for name in ("uniform", "gaussian"):
        assert verdict(f"phase_transition.{name}-transition", found) == "fails"
    assert missing(measures.crossing_of_levels(beliefs(factor=1.0)), "do not cross")
    assert missing(measures.crossing_of_levels(beliefs(top=2)), "do not cross")


def test_the_step_sharpens_by_a_factor_per_level():
    assert measures.sharpening_ratio(beliefs(), POINTS).value == pytest.approx(1, abs=1e-6)
    smooth = measures.sharpening_ratio(beliefs(factor=1.0), POINTS)
    assert smooth.value == pytest.approx(1 / SHARP) and verdict("phase_transition.sharpening", smooth) == "fails"
    assert missing(measures.sharpening_ratio(beliefs(noises=[0.2, 0.73]), POINTS), "two ε within")
    assert missing(measures.sharpening_ratio(beliefs(top=2), POINTS), "three levels")


def test_what_is_kept_is_looked_up_at_a_noise():
    rows = beliefs(noises=[0.175, 0.4]).assign(channel="mask")
    rows.loc[rows.level == 8, "kept"] = 0.1
    assert known(measures.kept_at(rows, channel="mask", noise=0.4, level="class"), 0.1, 0, 3)
    assert measures.kept_at(rows, channel="mask", noise=0.4, level="tokens").value == pytest.approx(0.50015)
    assert missing(measures.kept_at(rows, channel="mask", noise=0.3, level="class"), "no noise lies within")
    assert verdict("phase_transition.mask-early", Estimate(0.75, 0.01, 7)) == "fails"
    assert verdict("phase_transition.mask-late", Estimate(0.9, 0.01, 7)) == "fails"
    assert verdict("phase_transition.mask-leaf", Estimate(0.6, 0.01, 7)) == "fails"


def test_restored_and_believed_are_compared_by_grammar():
    rows = beliefs()
    assert known(measures.tower_difference(rows), -0.00015, np.std([0, 1e-4, 2e-4, 3e-4], ddof=1) / 2, 3)
    best_guess = measures.tower_difference(rows.assign(restored=rows.kept + 0.05))
    assert verdict("phase_transition.tower", best_guess) == "fails"


def test_tables_of_levels():
    rows = beliefs().assign(channel="mask")
    assert list(measures.kept_table(rows).name.unique()) == ["tokens", "level 2", "level 4", "level 6", "class"]
    assert set(measures.belief_table(rows).level) == {2, 4, 6, 8}
    assert set(measures.channel_table(rows).channel_name) == {"masking, $t$"}
    grammars = pd.DataFrame({"vocab": 8, "num_rules": [5, 4], "critical_noise": 0.5})
    assert measures.diagram_table(grammars).num_rules.tolist() == [4]


# --- blocks


def blocks(*, height=7.0, place=0.73, exponent=ETA, depths=(4, 6, 8), count=4, growth=1.0, theory=None, noises=NOISES):
    """Parabolic peaks of χ, power laws of C; each block a little different."""
    return pd.DataFrame(
        [
            {
                "block": block,
                "depth": depth,
                "noise": noise,
                "level": level,
                "distance": 2.0**level,
                "correlation": 0.6 * 2.0 ** (-exponent * (level - 1)) if level else 1.0,
                "mean_field_correlation": 0.6 * 2.0 ** (-ETA * (level - 1)) if level else 1.0,
                "susceptibility": height + growth * (depth - 8) + 0.05 * block - 60 * (noise - place) ** 2,
                "mean_field_susceptibility": (theory or height) + growth * (depth - 8) - 60 * (noise - CRITICAL) ** 2,
            }
            for depth in depths
            for noise in noises
            for block in range(count)
            for level in range(depth + 1)
        ]
    )


PEAKS = pd.DataFrame({"depth": [4, 6, 8], "place": [0.70, 0.72, CRITICAL]})


def test_correlations_are_compared_with_theory_at_every_level():
    found = block_measures.correlation_deviation(blocks())
    assert found.value == pytest.approx(0, abs=1e-12) and verdict("phase_transition.correlations", found) == "holds"
    rows = blocks()
    rows["correlation"] = np.where(rows.level > 0, 0.6 ** rows.distance.pow(0.5), 1.0)  # of a chain: exponential
    assert verdict("phase_transition.correlations", block_measures.correlation_deviation(rows)) == "fails"
    assert missing(block_measures.correlation_deviation(rows.assign(correlation=np.nan)), "nothing changed")


def test_the_exponent_is_that_of_the_noise_at_the_transition():
    assert block_measures.correlation_slope_ratio(blocks(), POINTS).value == pytest.approx(1, abs=1e-9)
    steep = block_measures.correlation_slope_ratio(blocks(exponent=2.0), POINTS)
    assert verdict("phase_transition.power-law", steep) == "fails"
    rows = blocks()
    rows.loc[rows.level == 5, "correlation"] = -0.1
    assert missing(block_measures.correlation_slope_ratio(rows, POINTS), "not above zero")
    assert missing(block_measures.correlation_slope_ratio(blocks(noises=[0.2]), POINTS), "no ε lies within")


def test_peaks_have_a_height_and_a_place():
    rows = blocks(place=0.725)
    assert block_measures.peak_height(rows, depth=8).value == pytest.approx(7.075 - 60 * 0.005**2)
    assert known(block_measures.peak_place(rows, depth=8), 0.725, 0, 3)
    assert block_measures.peak_place_ratio(rows, PEAKS, depth=8).value == pytest.approx(0.725 / CRITICAL)
    assert missing(block_measures.peak_place(rows, depth=5), "depth 5")
    assert missing(block_measures.peak_place_ratio(rows, PEAKS, depth=5), "depth 5")
    at_the_edge = block_measures.peak_place(blocks(place=0.3), depth=8)
    assert at_the_edge.value == 0.5 and verdict("phase_transition.peak-place", at_the_edge / CRITICAL) == "fails"


@pytest.mark.parametrize("depth", [4, 6, 8])
def test_heights_are_compared_with_theory(depth):
    found = block_measures.peak_height_ratio(blocks(), depth=depth)
    assert verdict(f"phase_transition.peak-height-{depth}", found) == "holds"
    of_another_depth = block_measures.peak_height_ratio(blocks(theory=10.5, growth=0.0), depth=depth)
    assert verdict(f"phase_transition.peak-height-{depth}", of_another_depth) == "fails"
    assert missing(block_measures.peak_height_ratio(blocks(), depth=5), "depth 5")


def test_the_peak_grows_or_saturates():
    assert verdict("phase_transition.growth", block_measures.peaks_by_depth(blocks())) == "holds"
    assert verdict("phase_transition.growth", block_measures.peaks_by_depth(blocks(growth=0.0))) == "inconclusive"
    few = block_measures.peaks_by_depth(blocks(depths=(4, 6)))
    assert missing(few["shallow"], "fewer than three") and verdict("phase_transition.growth", few) == "untested"


def test_masking_has_a_peak_of_its_own():
    assert verdict("phase_transition.mask-peak-place", block_measures.peak_place(blocks(), depth=8)) == "fails"
    assert verdict("phase_transition.mask-peak-height", block_measures.peak_height(blocks(), depth=8)) == "fails"


def test_tables_of_blocks():
    table = block_measures.correlation_table(blocks())
    assert set(table.depth) == {8} and table.level.min() == 1
    assert set(table.noise_name) == {"$ε$ = 0.5", "$ε$ = 0.6", "$ε$ = 0.73", "$ε$ = 0.75"}
    assert set(block_measures.susceptibility_table(blocks()).depth_name) == {"$L$ = 4", "$L$ = 6", "$L$ = 8"}


# --- text


def texts(curves, *, count=4, persistence=0.8, growth=1.0):
    """χ against the masked fraction, for each text."""
    return pd.DataFrame(
        [
            {
                "text": text,
                "depth": depth,
                "noise": noise,
                "block": block,
                "distance": distance,
                "persistence": persistence,
                "susceptibility": value * (1 + 0.01 * block) * (growth if depth == 6 else 1.0),
            }
            for text, values in curves.items()
            for depth in (4, 6)
            for noise, value in zip((0.1, 0.3, 1.0), values, strict=True)
            for block in range(count)
            for distance in (0, 1)
        ]
    )


def test_texts_are_compared_by_their_maximum_and_their_end():
    limit = (1 + 0.64) / (1 - 0.64)
    rows = texts({"grammar": (1.5, 3.0, 1.1), "chain": (1.1, 1.5, limit), "tokens": (1.0, 1.0, 1.0)})
    assert (
        verdict("phase_transition.text-tokens", block_measures.susceptibility_at(rows, text="tokens", noise=0.3))
        == "holds"
    )
    assert verdict("phase_transition.text-chain-limit", block_measures.limit_ratio(rows)) == "holds"
    assert verdict("phase_transition.text-grammar", block_measures.last_over(rows, text="grammar")) == "holds"


def test_each_text_in_place_of_the_other_fails():
    wrong = texts({"grammar": (1.1, 1.5, 4.5), "chain": (1.5, 3.0, (1 + 0.8) / (1 - 0.8)), "tokens": (1.1, 1.5, 2.0)})
    assert (
        verdict("phase_transition.text-tokens", block_measures.susceptibility_at(wrong, text="tokens", noise=0.3))
        == "fails"
    )
    assert verdict("phase_transition.text-chain-limit", block_measures.limit_ratio(wrong)) == "fails"
    assert verdict("phase_transition.text-grammar", block_measures.last_over(wrong, text="grammar")) == "fails"
    few = wrong[wrong.noise < 1]
    assert missing(block_measures.limit_ratio(few), "not one")


def test_blocks_that_grow_with_the_text_are_told_from_blocks_that_do_not():
    still, grown = (texts({"chain": (1.1, 1.5, 4.5)}, growth=growth) for growth in (1.0, 1.4))
    chain, grammar = "phase_transition.text-chain", "phase_transition.text-growth"
    assert verdict(chain, block_measures.growth_with_length(still, text="chain")) == "holds"
    assert verdict(chain, block_measures.growth_with_length(grown, text="chain")) == "fails"
    assert verdict(grammar, block_measures.growth_with_length(grown, text="chain")) == "holds"
    assert verdict(grammar, block_measures.growth_with_length(still, text="chain")) == "fails"
    assert missing(block_measures.growth_with_length(still[still.depth == 6], text="chain"), "one length")


def test_one_block_and_one_fraction_have_no_error_and_no_ratio():
    rows = texts({"tokens": (1.0, 1.0, 1.0)}, count=1)
    assert no_error(block_measures.susceptibility_at(rows, text="tokens", noise=0.3), 1.0)
    one = rows[rows.noise == 1.0]
    assert missing(block_measures.last_over(one, text="tokens"), "no other beside it")
    assert set(block_measures.text_table(rows).text_name) == {"independent tokens"}
