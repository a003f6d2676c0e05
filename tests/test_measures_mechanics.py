"""What the chapter on learning mechanics measures: known answers on made rows, and no claim that its alternative makes hold."""

import numpy as np
import pandas as pd
import pytest
from known_answers import exactly, known, missing, power_law, verdict

from quire.experiments.mechanics import measures, table_measures
from quire.stats import Estimate


def modes(error, *, depth=2, rates=(0.001, 0.002), order=1.0):
    """Distances from the law of error · (η/0.001)**order, over s, at one look."""
    return pd.DataFrame(
        [
            {
                "depth": depth,
                "rate": rate,
                "singular_values": [4.0, 1.0],
                "mode": mode,
                "time": 1.0,
                "predicted": value / 2,
                "strength": value / 2 + value * error * (rate / 0.001) ** order,
                "loss": 1.0,
                "predicted_loss": 1.0,
            }
            for rate in rates
            for mode, value in enumerate((4.0, 1.0))
        ]
    )


def test_distance_from_the_flow():
    assert exactly(measures.flow_error(modes(0.003), depth=2), 0.003)
    assert measures.flow_order(modes(0.003), depth=2).value == pytest.approx(1)
    assert missing(measures.flow_error(modes(0.003), depth=3), "nothing was computed")
    assert missing(measures.flow_order(modes(0.003, rates=(0.001,)), depth=2), "one step size")


def starts(scaled):
    return pd.DataFrame(
        [{"draw": draw, "scaled": value + 0.001 * draw} for draw in range(4) for value in (*scaled, np.nan)]
    )


def test_half_times():
    assert known(measures.scaled_half_time(starts((1.0, 1.1))), 1.0515, 0.001 * np.sqrt(5 / 3) / 2, 3)
    assert missing(measures.scaled_half_time(starts((np.nan,))), "half learned")


def biases(losses, distance=1e-9):
    return pd.DataFrame(
        [
            {"seed": seed, "scale": scale, "loss": loss * (1 + 0.01 * seed), "predicted": loss, "distance": distance}
            for seed in range(3)
            for scale, loss in losses.items()
        ]
    )


def test_implicit_bias():
    assert exactly(measures.bias_distance(biases({1.0: 1.0}, distance=0.25)), 0.25)
    order = measures.bias_order(biases({0.1: 0.1, 1.0: 0.5, 10.0: 2.0}))
    assert order["lazy"].value == pytest.approx(2.02) and order["rich"].value == pytest.approx(0.101)
    assert missing(measures.bias_order(biases({1.0: 1.0}))["rich"], "fewer than three")


def kernels(slope, **more):
    rows = power_law([slope] * 3, x="scale", y="change", places=(4, 16, 64, 256, 1024))
    return rows.assign(fitted=1e-3, target_loss=1e-3, **more)


def test_kernels_of_networks_that_were_not_fitted_do_not_count():
    assert measures.kernel_slope(kernels(-1.0), least=4.0, most=64.0).value == pytest.approx(-1)
    rows = kernels(-1.0)
    rows.loc[rows.seed == 0, "fitted"] = 0.5
    assert measures.kernel_slope(rows, least=4.0, most=64.0).dof == 1
    assert not measures.kernel_slope(kernels(-1.0), least=5000.0, most=1e9).known


def sums(total):
    return pd.DataFrame({"total": [total], "samples": [8], "frequency": [1], "learnability": [0.5]})


def scalings(slope, exponent=1.0):
    rows = power_law([slope - 0.01, slope, slope + 0.01], x="number", y="error").rename(columns={"seed": "draw"})
    return pd.concat([rows.assign(limited_by=by, exponent=exponent) for by in ("features", "samples")])


def edges(product, rises=0.4, rate=0.1):
    return pd.DataFrame(
        [
            {
                "rate": rate,
                "seed": seed,
                "step": step,
                "product": (product if step > 50 else 0.1) + 0.001 * seed,
                "rises": rises if step > 50 else 0.0,
                "sharpness": 20 * product + 0.01 * seed,
            }
            for seed in range(3)
            for step in range(0, 125, 25)
        ]
    )


def test_the_last_half_of_training_counts():
    assert measures.edge_height(edges(1.0), rate=0.1).value == pytest.approx(1.001)
    assert exactly(measures.rises(edges(1.0), rate=0.1), 0.4)
    assert measures.beyond_edge(edges(1.5, rate=0.01), rate=0.1).value == pytest.approx(1.5005)
    assert missing(measures.edge_height(edges(1.0), rate=0.3), "nothing was computed")


def rates(drift):
    """Parabolas in the logarithm of the rate whose minimum moves by some octaves over all widths."""
    found = []
    for name, moves in (("maximal", 0.0), ("standard", drift)):
        for width, share in ((64, 0.0), (512, 1.0)):
            for seed in range(3):
                best = -7.3 - moves * share + 0.01 * seed * share
                found += [
                    {
                        "parametrisation": name,
                        "width": width,
                        "seed": seed,
                        "log_rate": place,
                        "loss": float(np.exp((place - best) ** 2)),
                    }
                    for place in np.arange(-12.0, -2.0)
                ]
    return pd.DataFrame(found)


def test_the_best_rate_is_the_top_of_a_parabola():
    best = measures.optimum(rates(2.5))
    own = best[(best.parametrisation == "standard") & (best.width == 512) & (best.seed == 0)]
    assert own.best.item() == pytest.approx(-9.8)
    assert measures.optimum_drift(rates(2.5), parametrisation="standard").value == pytest.approx(2.49)
    at_the_end = rates(2.5).query("log_rate >= -9 and parametrisation == 'standard' and width == 512")
    assert measures.optimum(at_the_end).best.tolist() == [-9.0] * 3
    assert missing(measures.optimum_drift(rates(0).query("width == 64"), parametrisation="maximal"), "one width")


def collapses(size):
    columns = ["variability", "cosine_deviation", "length_deviation", "self_duality"]
    return pd.DataFrame([dict.fromkeys(columns, size / 2) | {"mean_cosine": -0.25 + size, "predicted_cosine": -0.25}])


def likenesses(slope, trained=(0.2, 0.1)):
    rows = power_law([slope - 0.02, slope, slope + 0.02], x="width", y="kernel", places=(32, 64, 128))
    rows = rows.assign(alignment=rows.kernel, epochs=0)
    ends = [
        {"seed": seed, "width": width, "kernel": 1.0, "alignment": value + 0.001 * seed, "epochs": 60}
        for seed in range(3)
        for width, value in zip((32, 128), trained, strict=True)
    ]
    return pd.concat([pd.concat([rows, pd.DataFrame(ends)]).assign(layer=layer) for layer in (1, 2)])


def test_likeness():
    assert measures.likeness_slope(likenesses(-1.0), value="kernel", layer=1).value == pytest.approx(-1)
    assert measures.likeness_order(likenesses(-1.0), layer=2)["narrow"].value == pytest.approx(0.201)
    one = likenesses(-1.0).query("width == 32")
    assert missing(measures.likeness_order(one, layer=2)["wide"], "one width")


def pools(far):
    """Errors that are off by 0.01 at 16 and 64 data, and by ``far`` at 512; a thousandth apart in three draws."""
    return pd.DataFrame(
        [
            {"size": size, "draw": draw, "predicted": 0.5, "error": 0.5 * (1 + off + 0.001 * (draw - 1))}
            for size, off in ((16, 0.9), (64, -0.01), (512, far))
            for draw in range(3)
        ]
    )


def test_the_farthest_error_from_the_theory():
    assert known(measures.pool_distance(pools(0.05), least=32), 0.05, 0.001 / np.sqrt(3), 2)
    assert measures.pool_distance(pools(0.005), least=32).value == pytest.approx(-0.01)
    assert missing(measures.pool_distance(pools(0.05), least=1000), "nothing was computed")


ALTERNATIVES = {
    "digits-error": lambda: measures.pool_distance(pools(0.5), least=32),
    "flow": lambda: measures.flow_error(modes(0.3), depth=2),
    "flow-order": lambda: measures.flow_order(modes(0.003, order=0.0), depth=2),
    "flow-deep": lambda: measures.flow_error(modes(0.5, depth=3), depth=3),
    "random-start": lambda: measures.scaled_half_time(starts((0.1, 0.11))),
    "implicit-bias": lambda: measures.bias_distance(biases({1.0: 1.0}, distance=0.1)),
    "rich": lambda: measures.bias_order(biases({0.1: 1.0, 1.0: 1.0, 10.0: 1.0})),
    "lazy": lambda: measures.kernel_slope(kernels(-2.0), least=4.0, most=64.0),
    "lazier": lambda: measures.kernel_slope(kernels(-2.0), least=256.0, most=1e9),
    "conservation": lambda: measures.conserved(sums(7.9)),
    "features": lambda: measures.scaling_slope(scalings(-2.0), limited_by="features", exponent=1.0),
    "samples": lambda: measures.scaling_slope(scalings(-2.0), limited_by="samples", exponent=1.0),
    "features-half": lambda: measures.scaling_slope(scalings(-1.0, 0.5), limited_by="features", exponent=0.5),
    "edge": lambda: measures.edge_height(edges(0.6), rate=0.1),
    "edge-large": lambda: measures.edge_height(edges(2.0, rate=0.2), rate=0.2),
    "unstable": lambda: measures.rises(edges(0.5, rises=0.0), rate=0.1),
    "small-steps": lambda: measures.beyond_edge(edges(1.0, rate=0.01), rate=0.1),
    "transfer": lambda: measures.optimum_drift(rates(2.5), parametrisation="standard"),
    "drift": lambda: measures.optimum_drift(rates(2.5), parametrisation="maximal"),
    "collapse": lambda: measures.collapse_size(collapses(0.1)),
    "random-kernels": lambda: measures.likeness_slope(likenesses(-0.5), value="kernel", layer=1),
    "universality": lambda: measures.likeness_order(likenesses(-1.0, trained=(0.1, 0.1)), layer=2),
}


@pytest.mark.parametrize("claim", ALTERNATIVES)
def test_no_claim_holds_for_its_alternative(claim):
    assert verdict(f"mechanics.{claim}", ALTERNATIVES[claim]()) in ("fails", "inconclusive")


def test_every_claim_has_an_alternative():
    from quire.claims import ledger

    assert {f"mechanics.{claim}" for claim in ALTERNATIVES} == {id for id in ledger() if id.startswith("mechanics.")}


def test_tables():
    assert table_measures.mode_table(modes(0.1), depth=2).name.tolist() == ["s = 4", "s = 1"]
    assert len(table_measures.loss_table(modes(0.1), depth=2)) == 1
    assert len(table_measures.bias_table(biases({1.0: 1.0}))) == 3
    assert len(table_measures.learnability_table(sums(8.0), most=0)) == 0
    assert table_measures.scaling_table(scalings(-1.0)).name.unique().tolist() == ["features, α = 1", "data, α = 1"]
    shown = table_measures.edge_table(edges(1.0), edges(1.0, rate=0.01))
    assert shown.name.unique().tolist() == ["η = 0.1", "η = 0.01"] and shown.time.max() == pytest.approx(10)
    assert set(table_measures.rate_table(measures.optimum(rates(1.0))).name) == {"maximal", "standard"}
    assert table_measures.likeness_table(likenesses(-1.0)).name.nunique() == 4


def test_estimates_without_rows_are_missing():
    empty = pd.DataFrame(columns=["total", "samples"])
    assert missing(measures.conserved(empty), "nothing") and isinstance(measures.conserved(empty), Estimate)
    assert missing(measures.collapse_size(pd.DataFrame()), "nothing")
