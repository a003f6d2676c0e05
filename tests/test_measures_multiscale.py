"""What the chapter on multiscale models measures: known answers on made rows, and no claim that its alternative makes hold."""

import numpy as np
import pandas as pd
import pytest
from known_answers import exactly, known, missing, verdict

from quire.experiments.multiscale import measures, plans, table_measures

SPREAD = (-0.001, 0.0, 0.001, 0.0)  # of four blocks
ERROR = float(np.std(SPREAD, ddof=1) / 2)


def blocks(value, **columns):
    """A value in each of four blocks, with a little spread."""
    names = [name for name in ("binder", "spread", "time") if name in value]
    return pd.DataFrame(
        [{**columns, "seed": seed, **{name: value[name] + more for name in names}} for seed, more in enumerate(SPREAD)]
    )


def phases(values):
    return pd.concat(
        [blocks({"binder": b, "spread": s}, side=side, coupling=c) for (side, c), (b, s) in values.items()]
    )


def test_phases():
    rows = phases({(32, 0.68): (0.605, 0.91), (32, 0.66): (0.38, 0.8)})
    assert known(measures.binder(rows, side=32, coupling=0.68), 0.605, ERROR, 3)
    assert known(measures.spread(rows, side=32, coupling=0.66), 0.8, ERROR, 3)
    assert missing(measures.binder(rows, side=64, coupling=0.68), "nothing was computed")


def curvature(values):
    return pd.DataFrame(
        [
            {
                "depth": depth,
                "band": band,
                "moments": moments,
                "seed": seed,
                "number": number,
                "least": least + 0.01 * seed,
            }
            for name, leasts in values.items()
            for depth, band, moments in [plans.BANDS[name]]
            for seed in range(3)
            for number, least in enumerate(leasts)
        ]
    )


def test_curvatures():
    rows = curvature({"joint": (-3.0, -2.0, -1.0), "octave, db4": (-0.6, -0.5, 0.5)})
    assert exactly(measures.fraction_concave(rows, band=plans.BANDS["octave, db4"]), 1 / 3)
    gain = measures.curvature_gain(rows, band=plans.BANDS["octave, db4"], joint=plans.BANDS["joint"])
    assert gain.value == pytest.approx(1.5)
    assert missing(measures.fraction_concave(rows, band=plans.BANDS["half octave"]), "nothing was computed")
    shown = table_measures.curvature_table(rows, plans.BANDS)
    assert shown.name.iloc[0] == "joint" and shown.order.tolist() == sorted(shown.order)


def fits(errors, *, tilted=(0.0, 0.0), condition=(440.0, 176.0)):
    """Coefficients that are off by these, jointly and conditionally."""
    found = []
    for tilt, offs in ((0.0, errors), (0.5, tilted)):
        for conditional, off in zip((False, True), offs, strict=True):
            for potential, truth in (("bonds", 0.68), ("square", -1.0), ("fourth", 1.0), ("sixth", 0.0)):
                row = dict(side=16, tilt=tilt, conditional=conditional, potential=potential, truth=truth)
                row["condition"] = condition[int(conditional)]
                share = {"fourth": -1.0, "sixth": 0.1}.get(potential, 0.5)
                found += [row | {"seed": seed, "value": truth + off * share + more} for seed, more in enumerate(SPREAD)]
    return pd.DataFrame(found)


def test_the_worst_coefficient_counts():
    rows, of_site = fits((0.2, 0.02), tilted=(0.3, 0.01)), ["bonds", "square", "fourth"]
    assert known(measures.coefficient_error(rows, conditional=False, potentials=of_site), 0.2, ERROR, 3)
    assert known(measures.coefficient_error(rows, conditional=True, potentials=["sixth"]), 0.002, ERROR, 3)
    assert known(measures.tilt_error(rows, conditional=False), 0.3, ERROR, 3)
    assert exactly(measures.condition_ratio(rows), 2.5)
    assert missing(measures.tilt_error(rows[rows.tilt == 0], conditional=True), "nothing was computed")
    shown = table_measures.recovery_table(rows)
    assert set(shown.data) == {"the model", "other averages"} and shown.distance.abs().max() == pytest.approx(0.301)


def times(values):
    return pd.concat([blocks({"time": time}, side=side) for side, time in values.items()])


def test_relaxation():
    rows = times({4: 200.0, 8: 800.0, 16: 3200.0})
    assert measures.critical_exponent(rows).value == pytest.approx(2.0, abs=1e-4)
    assert measures.detail_time_ratio(rows, small=8, large=16).value == pytest.approx(4.0, abs=1e-4)
    assert known(measures.detail_time(rows, side=8), 800.0, ERROR, 3)
    assert missing(measures.critical_exponent(times({4: np.nan})), "fewer than two")
    shown = table_measures.relaxation_table(rows, times({8: 0.5, 16: 0.5}))
    assert shown.relative.max() == pytest.approx(16, abs=1e-3) and len(shown.name.unique()) == 2


def drawn(generated, details, binder=0.605):
    size = {"generated": generated, "longer": 1.5 * generated, "details": details, "true": 1.0}
    return pd.concat(
        [
            blocks({"spread": value, "binder": binder}, source=source, scale=scale)
            for source, value in size.items()
            for scale in (16, 32)
        ]
    )


def test_what_is_drawn_is_compared_at_the_finest_scale():
    rows = drawn(1.02, 1.0)
    assert measures.generated_spread(rows, source="generated").value == pytest.approx(1.02, abs=1e-4)
    assert measures.converged_spread(rows).value == pytest.approx(1.5, abs=1e-3)
    assert known(measures.generated_binder(rows), 0.605, ERROR, 3)
    power = pd.DataFrame(
        [
            {"source": source, "seed": seed, "waves": waves, "power": level / (1 + waves)}
            for source, level in (("true", 1.0), ("details", 1.2), ("generated", 0.9))
            for seed in range(2)
            for waves in range(4)
        ]
    )
    assert exactly(measures.spectrum_error(power, source="details"), 0.2)
    assert missing(measures.spectrum_error(power[power.source == "true"], source="details"), "nothing")
    assert (table_measures.spectrum_table(power).waves > 0).all()
    rows = pd.DataFrame(
        [
            {"source": s, "seed": k, "scale": 8, "field": 0.1, "density": 0.5}
            for s in ("true", "generated")
            for k in (0, 1)
        ]
    )
    shown = table_measures.histogram_table(rows)
    assert len(shown) == 1 and shown.generated.item() == shown.true.item() == 0.5


def test_steps_and_windows():
    rows = pd.DataFrame(
        [
            {"exponent": 3.0, "basis": basis, "side": side, "steps": steps, "condition": 2.0 * steps}
            for basis, ends in (("pixels", (1000.0, 2000.0)), ("db4", (1000.0, np.nan)))
            for side, steps in zip((16, 32), ends, strict=True)
        ]
    )
    asked = dict(exponent=3.0, small=16, large=32)
    assert exactly(measures.step_growth(rows, basis="pixels", value="steps", **asked), 2.0)
    assert missing(measures.step_growth(rows, basis="db4", value="steps", **asked), "more steps")
    errors = pd.DataFrame([{"domain": "pixels", "window": 5, "noise": 4.0, "excess": 0.087}])
    assert exactly(measures.excess(errors, domain="pixels", window=5, noise=4.0), 0.087)
    assert missing(measures.excess(errors, domain="details", window=5, noise=4.0), "nothing")
    assert table_measures.excess_table(errors).percent.item() == pytest.approx(8.7)


def networks(pixels, details, low):
    level = {("pixels", 4.0): pixels, ("details", 4.0): details, ("pixels", 0.1): low, ("details", 0.1): 0.0}
    return pd.DataFrame(
        [
            {
                "domain": domain,
                "noise": noise,
                "window": window,
                "seed": seed,
                "error": (1 + excess * (window == 3)) * (1 + seed),
            }
            for (domain, noise), excess in level.items()
            for window in (3, 9)
            for seed in range(3)
        ]
    )


def test_networks_are_compared_with_the_widest_window_of_their_seed():
    rows = networks(2.0, 0.05, 0.1)
    assert exactly(measures.network_excess(rows, domain="pixels", window=3, noise=4.0), 2.0)
    assert table_measures.network_table(rows).percent.max() == pytest.approx(200)
    assert missing(measures.network_excess(rows[rows.window == 9], domain="pixels", window=9, noise=4.0), "one window")


def noisy(value):
    """An estimate of a value in four blocks."""
    return measures.binder(phases({(8, 0.6): (value, 1.0)}), side=8, coupling=0.6)


ALTERNATIVES = {  # what each claim would report if what it denies were so
    "critical-8": 0.557,
    "critical-16": 0.513,
    "critical-32": 0.657,
    "disordered": 0.557,
    "ordered": 0.623,
    "spread": 0.8,
    "joint": 1.0,
    "octave": 1.0,
    "curvature-gain": 0.0,
    "half-octave": 0.0,
    "quarter-octave": 0.79,
    "energy-joint": 0.34,
    "energy-conditional": 0.34,
    "energy-sixth": 1.0,
    "conditioning": 1.0,
    "tilted-conditional": 0.3,
    "tilted-joint": 0.0,
    "slowing-down": 0.0,
    "detail-time": 1000.0,
    "detail-flat": 4.0,
    "details-spread": 0.88,
    "details-spectrum": 1.0,
    "generated-spread": 0.88,
    "generated-spectrum": 1.0,
    "generated-converged": 1.1,
    "generated-binder": 0.0,
    "condition-pixels": 1.0,
    "condition-wavelets": 8.0,
    "steps-pixels": 1.0,
    "steps-wavelets": 2.0,
    "window-pixels": 0.0,
    "window-details": 0.18,
    "window-low-noise": 0.09,
    "networks-local": 3.0,
}


@pytest.mark.parametrize("name", ALTERNATIVES)
def test_no_alternative_holds(name):
    assert verdict(f"multiscale.{name}", noisy(ALTERNATIVES[name])) == "fails"


def test_orders_of_networks():
    def both(rows):
        return {d: measures.network_excess(rows, domain=d, window=3, noise=4.0) for d in ("pixels", "details")}

    assert verdict("multiscale.networks", both(networks(2.0, 0.05, 0.1))) == "holds"
    assert verdict("multiscale.networks", both(networks(0.05, 2.0, 0.1))) == "fails"

    def noises(rows):
        levels = {"high": 4.0, "low": 0.1}
        return {n: measures.network_excess(rows, domain="pixels", window=3, noise=v) for n, v in levels.items()}

    assert verdict("multiscale.networks-noise", noises(networks(2.0, 0.05, 0.1))) == "holds"
    assert verdict("multiscale.networks-noise", noises(networks(0.1, 0.05, 2.0))) == "fails"
