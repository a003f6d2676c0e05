"""The numbers of the chapter on creativity, on rows whose answer is known, and on rows of each claim's alternative."""

import numpy as np
import pandas as pd
import pytest
from known_answers import exactly, known, missing, no_error, verdict

from quire.experiments.creativity import backward_measures, measures, window_measures

STEPS = 20
ZEROS, CIRCULAR, ATTENTION = "resnet-zeros", "resnet-circular", "unet-attention"


# --- windows


def window_rows(best_of, *, cosine_of=lambda step: 0.99, seeds=(0, 1, 2), architecture=ZEROS, compared="border"):
    """The best window of each step as a function of step and seed; all other windows have the cosine 0.5."""
    return pd.DataFrame(
        [
            {
                "architecture": architecture,
                "seed": seed,
                "compared": compared,
                "step": step,
                "signal": 1 - step / STEPS,
                "best": best_of(step, seed),
                "window": window,
                "cosine": cosine_of(step) if window == best_of(step, seed) else 0.5,
            }
            for seed in seeds
            for step in range(1, STEPS + 1)
            for window in (1, 3, 5, 7, 9)
        ]
    )


def growing(step, seed):
    return 1 + 2 * min(4, step // 4)


def test_windows_that_grow_with_the_noise():
    rows = window_rows(growing)
    assert window_measures.trend(rows, architecture=ZEROS).value > 0.9
    assert exactly(window_measures.finest_window(rows, architecture=ZEROS), 3.0)  # steps 1 to 5
    assert exactly(window_measures.coarsest_window(rows, architecture=ZEROS), 7.0)  # steps 12 to 20
    one = window_rows(growing, seeds=[0])
    assert no_error(window_measures.finest_window(one, architecture=ZEROS), 3.0)
    assert missing(window_measures.trend(rows, architecture=CIRCULAR), "no network of this kind")


def test_windows_are_those_of_the_networks_own_machine():
    rows = pd.concat(
        [
            window_rows(growing),
            window_rows(lambda step, seed: 9, compared="local"),
            window_rows(lambda step, seed: 7, architecture=CIRCULAR, compared="circular"),
            window_rows(lambda step, seed: 9, architecture=CIRCULAR, compared="local"),
        ]
    )
    assert exactly(window_measures.finest_window(rows, architecture=ZEROS), 3.0)
    assert exactly(window_measures.finest_window(rows, architecture=CIRCULAR), 7.0)
    table = window_measures.window_table(rows)
    assert set(table.architecture) == {"zero padding", "circular padding"} and len(table) == 2 * 3 * STEPS
    assert len(window_measures.cosine_table(rows, architecture=ZEROS)) == 3 * STEPS * 5


def test_the_smallest_cosine_leaves_the_last_steps_out():
    rows = window_rows(growing, cosine_of=lambda step: 0.1 if step < 5 else 0.98 - step / 1000)
    assert exactly(window_measures.smallest_cosine(rows, architecture=ZEROS), 0.96)


@pytest.mark.parametrize(
    ("claim", "measure"),
    [
        ("scale-trend", window_measures.trend),
        ("scale-fine", window_measures.finest_window),
        ("scale-coarse", window_measures.coarsest_window),
    ],
)
def test_verdicts_about_windows(claim, measure):
    """One scale at all times, the receptive field or a fine one, is not what the claims say."""
    alternative = {"scale-trend": 9, "scale-fine": 9, "scale-coarse": 3}[claim]
    assert verdict(f"creativity.{claim}", measure(window_rows(growing), architecture=ZEROS)) == "holds"
    rows = window_rows(lambda step, seed: alternative)
    assert verdict(f"creativity.{claim}", measure(rows, architecture=ZEROS)) == "fails"


def test_verdict_about_cosines():
    good, poor = (window_rows(growing, cosine_of=lambda step, c=c: c) for c in (0.97, 0.9))
    assert verdict("creativity.score-cosine", window_measures.smallest_cosine(good, architecture=ZEROS)) == "holds"
    assert verdict("creativity.score-cosine", window_measures.smallest_cosine(poor, architecture=ZEROS)) == "fails"


# --- likeness


def sample_rows(
    r_of, *, distance_of=None, architectures=(ZEROS, CIRCULAR, ATTENTION), seeds=(0, 1, 2), steps=(20, 150)
):
    """Five samples of each sampler around a median r that is a function of architecture and sampler."""
    distance_of = distance_of or {"network": 0.4, "ideal": 0.0}
    return pd.DataFrame(
        [
            {
                "architecture": architecture,
                "seed": seed,
                "steps": count,
                "sampler": sampler,
                "number": number,
                "r": r + spread,
                "r_squared": (r + spread) ** 2,
                "distance": distance_of.get(sampler, 0.5) + abs(spread) + 0.1,
                "translate_distance": distance_of.get(sampler, 0.5) + abs(spread),
            }
            for architecture in architectures
            for seed in seeds
            for count in steps
            for sampler in (
                "network",
                "circular" if "circular" in architecture else "border",
                "local",
                "equivariant",
                "ideal",
            )
            for r in [r_of(architecture, sampler, count)]
            for number, spread in enumerate((-0.02, -0.01, 0.0, 0.0, 0.02))
        ]
    )


def as_published(architecture, sampler, steps):
    own = {"network": 0.98, "border": 0.95, "circular": 0.85, "local": 0.94, "equivariant": 0.5, "ideal": 0.7}
    if architecture == CIRCULAR and sampler in ("local", "ideal"):
        return 0.35
    return own[sampler] - 0.1 * (architecture == ATTENTION and sampler == "border") + 0.005 * (steps == 150)


def test_medians_over_samples_then_means_over_networks():
    rows = sample_rows(as_published)
    asked = dict(machine="equivariant local", steps=20)
    assert exactly(measures.likeness(rows, architecture=ZEROS, **asked), 0.95**2)
    assert exactly(measures.likeness(rows, architecture=ZEROS, quantity="r", **asked), 0.95)
    assert exactly(measures.advantage(rows, architecture=CIRCULAR, over="local", steps=20), 0.85**2 - 0.35**2)
    assert exactly(measures.gap(rows, more=ZEROS, less=ATTENTION, steps=20), 0.95**2 - 0.85**2)
    assert exactly(measures.more_steps(rows, architecture=ZEROS, many=150, few=20), 0.955**2 - 0.95**2)
    assert exactly(measures.distance(rows, architecture=ZEROS, machine="ideal", steps=20), 0.11)
    assert missing(measures.likeness(rows, architecture="other", **asked), "no network of this kind")
    assert no_error(measures.likeness(sample_rows(as_published, seeds=[0]), architecture=ZEROS, **asked), 0.95**2)


def test_the_error_is_that_of_networks_not_of_samples():
    rows = sample_rows(as_published)
    rows.loc[rows.seed == 1, "r_squared"] += 0.3
    found = measures.likeness(rows, architecture=ZEROS, machine="ideal", steps=20)
    assert known(found, 0.49 + 0.1, np.std([0, 0.3, 0], ddof=1) / 3**0.5, 2)


def test_the_smallest_distance_is_over_kinds_of_networks():
    rows = sample_rows(as_published)
    rows.loc[rows.architecture == CIRCULAR, "translate_distance"] += 1.0
    both = dict(architectures=[ZEROS, CIRCULAR], steps=20)
    assert exactly(measures.smallest_distance(rows, **both), 0.41)
    assert missing(measures.smallest_distance(rows, architectures=["other"], steps=20), "no network of this kind")


def test_tables_of_likeness():
    rows = sample_rows(as_published)
    table = measures.likeness_table(rows, steps=20)
    assert set(table.machine) == {"equivariant local", "local", "equivariant", "ideal"} and len(table) == 3 * 3 * 4 * 2
    samples = measures.sample_table(rows, steps=20)
    assert set(samples.other) == {"ideal", "local"} and len(samples) == 3 * 3 * 5 * 2
    assert set(measures.distance_table(rows, steps=20).machine) == set(table.machine) | {"network"}


def reported(rows):
    """The estimates of all claims about samples."""
    equivariant = dict(machine="equivariant local", steps=20)
    return {
        "zeros-machine": measures.likeness(rows, architecture=ZEROS, **equivariant),
        "zeros-ideal": measures.likeness(rows, architecture=ZEROS, machine="ideal", steps=20),
        "circular-machine": measures.likeness(rows, architecture=CIRCULAR, **equivariant),
        "circular-local": measures.advantage(rows, architecture=CIRCULAR, over="local", steps=20),
        "circular-ideal": measures.advantage(rows, architecture=CIRCULAR, over="ideal", steps=20),
        "attention": measures.gap(rows, more=ZEROS, less=ATTENTION, steps=20),
        "more-steps": measures.more_steps(rows, architecture=ZEROS, many=150, few=20),
        "memorises": measures.distance(rows, architecture=CIRCULAR, machine="ideal", steps=20),
        "novelty": measures.smallest_distance(rows, architectures=[ZEROS, CIRCULAR], steps=20),
    }


def test_what_is_published_holds():
    for name, found in reported(sample_rows(as_published)).items():
        if name != "memorises":  # the spread of the samples is 0.01
            assert verdict(f"creativity.{name}", found) == "holds", name
    copies = sample_rows(as_published, distance_of={"network": 0.4, "ideal": -0.11})
    assert verdict("creativity.memorises", reported(copies)["memorises"]) == "holds"


def test_a_network_that_memorises_is_not_what_the_claims_say():
    def memorised(architecture, sampler, steps):
        return 0.98 if sampler in ("network", "ideal", "local") else 0.4

    found = reported(sample_rows(memorised, distance_of={"network": 0.0, "ideal": 0.0}))
    for name in ("zeros-machine", "zeros-ideal", "circular-machine", "circular-local", "circular-ideal", "novelty"):
        assert verdict(f"creativity.{name}", found[name]) == "fails", name


def test_an_ideal_score_that_composes_does_not_memorise():
    rows = sample_rows(as_published, distance_of={"ideal": 0.3})
    assert verdict("creativity.memorises", reported(rows)["memorises"]) == "fails"


def test_attention_and_grids_that_change_nothing_or_hurt():
    def alike(architecture, sampler, steps):
        attentive = architecture == ATTENTION and sampler == "border"
        return as_published(ZEROS, sampler, 20) - 0.1 * (steps == 150) + 0.01 * attentive

    found = reported(sample_rows(alike))
    assert verdict("creativity.attention", found["attention"]) == "fails"
    assert verdict("creativity.more-steps", found["more-steps"]) == "fails"


def test_the_paper_claim_is_decided_at_paper_scale():
    good, poor = (
        measures.likeness(sample_rows(lambda *_, r=r: r), architecture=ZEROS, machine="equivariant local", steps=20)
        for r in (0.95, 0.8)
    )
    assert (
        verdict("creativity.published", good, "paper") == "holds"
        and verdict("creativity.published", poor, "paper") == "fails"
    )


@pytest.mark.parametrize(("count", "expected"), [(12, "holds"), (1, "fails")])
def test_a_mosaic_has_many_sources(count, expected):
    rows = pd.DataFrame(
        [
            dict(architecture=CIRCULAR, seed=seed, number=n, num_sources=count, taking_part=1.0)
            for seed in range(3)
            for n in range(4)
        ]
    )
    found = measures.num_sources(rows, architecture=CIRCULAR)
    assert exactly(found, count) and verdict("creativity.mosaic", found) == expected


# --- forward and back


def journey_rows(kept_of, first_of, last_of, *, floors=(0.4, 0.0), seeds=(0, 1, 2), times=(0.2, 0.6, 0.8)):
    """Cosines of a first and a last layer as functions of time; by unit, 0.1 lower and without a floor."""
    return pd.DataFrame(
        [
            {
                "seed": seed,
                "time": time,
                "kept": kept_of(time),
                "susceptibility": 2.0,
                "layer": layer,
                "depth": depth,
                "per": per,
                "cosine": cosine - 0.1 * (per == "unit"),
                "floor": floor if per == "channel" else 0.0,
            }
            for seed in seeds
            for time in times
            for depth, (layer, cosine, floor) in enumerate(
                [("relu1", first_of(time), floors[0]), ("output", last_of(time), floors[1])]
            )
            for per in ("channel", "unit")
        ]
    )


def as_in_the_prototype():
    """Both layers fall together above their floors."""
    return journey_rows(lambda t: 1.05 - t, lambda t: 1 - 0.6 * t**2, lambda t: 1.02 - t**2)


def test_journeys():
    rows = as_in_the_prototype()
    assert exactly(backward_measures.class_kept(rows, time=0.2), 0.85)
    assert exactly(backward_measures.layer_difference(rows, time=0.2), 1.02 - 0.04 - (1 - 0.6 * 0.04))
    assert exactly(backward_measures.smallest_layer_difference(rows, after=0.6), 0.4 * 0.36 - 0.02)
    assert exactly(backward_measures.largest_rescaled_distance(rows), 0.02)
    assert missing(backward_measures.class_kept(rows, time=0.4), "no journey to such a time")
    assert no_error(backward_measures.class_kept(rows[rows.seed == 0], time=0.2), 0.85)


def test_tables_of_journeys():
    rows = as_in_the_prototype()
    table = backward_measures.cosine_table(rows, layers=["relu1", "output"])
    assert set(table.layer) == {"relu1", "output", "class kept"} and table.view.nunique() == 3
    above = table[(table.view == "above its floor") & (table.layer == "relu1") & (table.time == 0.2)]
    assert above.value.iloc[0] == pytest.approx((1 - 0.6 * 0.04 - 0.4) / 0.6)
    assert len(backward_measures.kept_table(rows)) == 9 == len(backward_measures.susceptibility_table(rows))
    rows["susceptibility"] = np.nan
    assert backward_measures.susceptibility_table(rows).empty


def test_verdicts_about_journeys():
    expected = journey_rows(
        lambda t: 0.95 if t < 0.5 else 0.1, lambda t: 1 - 0.6 * t, lambda t: 1.05 - 0.5 * t - 0.4 * (t > 0.5)
    )
    unchanged = journey_rows(lambda t: 1.0, lambda t: 1.0, lambda t: 1.0)
    erased = journey_rows(lambda t: 0.1, lambda t: 0.9, lambda t: 0.1)
    at = {
        "kept-early": lambda rows: backward_measures.class_kept(rows, time=0.2),
        "kept-late": lambda rows: backward_measures.class_kept(rows, time=0.8),
        "layers-early": lambda rows: backward_measures.layer_difference(rows, time=0.2),
        "layers-late": lambda rows: backward_measures.smallest_layer_difference(rows, after=0.6),
    }
    for name, measure in at.items():
        assert verdict(f"creativity.{name}", measure(expected)) == "holds", name
    for name in ("kept-late", "layers-late"):
        assert verdict(f"creativity.{name}", at[name](unchanged)) == "fails", name
    for name in ("kept-early", "layers-early"):
        assert verdict(f"creativity.{name}", at[name](erased)) == "fails", name
    together = backward_measures.largest_rescaled_distance(as_in_the_prototype())
    assert verdict("creativity.layers-coincide", together) == "holds"
    apart = backward_measures.largest_rescaled_distance(erased)
    assert verdict("creativity.layers-coincide", apart) == "fails"
