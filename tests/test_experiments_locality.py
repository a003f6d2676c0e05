"""Experiments of the locality chapter at tiny sizes: rows, exact identities, and independence of how they are cut."""

import json
import math

import pytest
import torch

from quire.experiments import circle, locality


def finite(rows):
    assert rows and all(isinstance(row, dict) for row in rows)
    json.dumps(rows, allow_nan=False)
    return rows


@pytest.mark.parametrize("architecture", ["cn", "lc"])
def test_lemma_rows(architecture):
    (row,) = finite(locality.finite_width(architecture, 64, 5, 2, 3, 0))
    assert row["lemma_error"] < 1e-12
    assert 0.01 < row["width_error"] < 1.0


@pytest.mark.parametrize("filter_size, dim", [(1, 3), (2, 4), (3, 5)])
def test_trace_identity_holds_to_rounding(filter_size, dim):
    (row,) = finite(locality.trace_identity(filter_size, dim, 5))
    assert row["mean_diagonal"] == pytest.approx(row["predicted_trace"], rel=1e-13)


def test_trace_identity_fails_where_patches_meet_around_the_circle():
    (row,) = locality.trace_identity(3, 4, 5)
    assert abs(row["mean_diagonal"] / row["predicted_trace"] - 1) > 1e-6


def test_decay_rows():
    rows = finite(locality.decay(1, 300))
    assert [row["frequency"] for row in rows[:7]] == [1, 2, 3, 4, 6, 8, 11]
    assert {row["largest"] for row in rows} == {300}
    assert math.log2(rows[11]["coefficient"] / rows[9]["coefficient"]) == pytest.approx(-2, abs=0.05)


@pytest.mark.parametrize("architecture, copies", [("cn", 1), ("lc", 6)])
def test_ranks_follow_the_multiplicities(architecture, copies):
    ranks = [1, 2, 1 + 2 * copies, 2 + 2 * copies]
    rows = finite(locality.ranked_spectrum(architecture, 1, 6, 64, 32, ranks, 0))
    predicted = [row["predicted_eigenvalue"] for row in rows]
    assert predicted[0] > predicted[1] == predicted[2] > predicted[3]
    assert rows[0]["eigenvalue"] == pytest.approx(predicted[0], rel=0.2)


def test_curves_do_not_depend_on_which_sizes_and_pairs_are_asked_for():
    def curves(pairs, sizes):
        rows = finite(locality.learning_curves(pairs, "cube", 5, 48, 12, sizes, 0))
        return {(row["teacher"], row["student"], row["size"]): row["error"] for row in rows}

    many = curves([["2cn", "3lc"], ["3lc", "3lc"], ["2cn", "2cn"]], [8, 24, 48])
    few = curves([["2cn", "3lc"]], [24])
    assert few == pytest.approx({key: many[key] for key in few}, rel=1e-9)
    assert len(many) == 9 and len(few) == 1


def test_own_teacher_is_a_teacher_like_any_other():
    """The posterior variance, and the bilinear form that other teachers take."""
    common = ("torus", 4, 24, 8, [6, 24], 0)
    direct = locality.learning_curves([["2lc", "2lc"]], *common)
    train, test = locality.kernels.torus_embedding(
        torch.rand(
            32,
            4,
            generator=locality.rng.generator("locality.learning_curves", "torus", 4, 24, 8, 0),
            dtype=torch.float64,
        )
    ).split([24, 8])
    gram, cross, diagonal = locality._grams("2lc", train, test, 4)
    nested = locality.NestedRegression(gram, cross, ridge=0.0)
    errors = nested.average_errors(gram, cross, teacher_diagonal=diagonal, sizes=[6, 24]).mean(1)
    assert [row["error"] for row in direct] == pytest.approx(errors.tolist(), rel=1e-9)


def test_seeds_are_reproducible_and_differ():
    common = ([["2lc", "2lc"]], "torus", 4, 24, 8, [24])
    first = locality.learning_curves(*common, 0)
    assert first == locality.learning_curves(*common, 0)
    assert first != locality.learning_curves(*common, 1)


def test_fully_connected_student_is_one_open_patch():
    rows = finite(locality.learning_curves([["2cn", "4fc"]], "cube", 4, 32, 8, [8, 32], 0))
    assert rows[1]["error"] < rows[0]["error"]


def test_the_sphere_is_a_space_and_others_are_not():
    rows = finite(locality.learning_curves([["2cn", "2cn"]], "sphere", 4, 64, 16, [8, 64], 0))
    assert rows[1]["error"] < rows[0]["error"]
    with pytest.raises(ValueError, match="one of .*'sphere'.*got 'ball'"):
        locality.learning_curves([["2cn", "2cn"]], "ball", 4, 8, 4, [8], 0)


def test_tangent_kernels_meet_the_theory_and_cannot_learn_what_is_odd():
    pairs, sizes = [["2cn-ntk", "2cn-ntk"], ["2cn", "2cn-ntk"]], [128, 256]
    rows = finite(locality.learning_curves(pairs, "torus", 6, 256, 128, sizes, 0))
    theory = finite(locality.predicted_curves(pairs, 6, 20_000, sizes))
    for row, prediction in zip(sorted(rows, key=str), sorted(theory, key=str), strict=True):
        assert [row[k] for k in ("teacher", "size")] == [prediction[k] for k in ("teacher", "size")]
        assert row["error"] == pytest.approx(prediction["predicted_error"], rel=0.08)
    own, odd = ([p["predicted_error"] for p in theory if p["teacher"] == pair[0]] for pair in pairs)
    assert own[0] / own[1] > 1.3 > odd[0] / odd[1]


@pytest.mark.parametrize("kernel", ["2xx", "cn", "2cn-nngp", "2fc"])
def test_unknown_kernels(kernel):
    with pytest.raises(ValueError, match=kernel):
        locality.predicted_curves([[kernel, "2cn"]], 4, 100, [8])


def test_theory_rows():
    pairs = [["2cn", "2cn"], ["1cn", "2cn"], ["2lc", "2cn"], ["3cn", "2cn"]]
    rows = finite(locality.predicted_curves(pairs, 6, 1000, [16, 64]))
    assert [[row["teacher"], row["student"], row["size"]] for row in rows] == [[*p, n] for p in pairs for n in (16, 64)]
    assert all(row["amplification"] > 1 for row in rows)


def test_circle_interpolation_error_is_that_of_random_gaps():
    """Brownian teacher and student: E = 4 pi^2/(3 P) over the trace from exponential gaps; the theory says 3/4 of it."""
    sizes, exponents = [256], [1.0]
    rows = finite(circle.learning_curves(1.0, exponents, 0.0, 0.0, 256, sizes, 2**15, list(range(12))))
    theory = finite(circle.predicted_curves(1.0, exponents, 0.0, 0.0, sizes, 2**15))
    errors = torch.tensor([row["error"] for row in rows])
    trace = math.pi / math.tanh(math.pi)  # of the kernel before it is normalised
    gap = (float(errors.mean()) - 4 * math.pi**2 / 3 / 256 / trace) / float(errors.std() / math.sqrt(12))
    assert abs(gap) < 4
    assert theory[0]["predicted_error"] == pytest.approx(math.pi**2 / 256 / trace, rel=0.02)


def test_ridge_on_the_circle_meets_the_theory():
    sizes, exponents = [128, 256], [1.0]
    rows = circle.learning_curves(1.0, exponents, 0.1, 0.5, 256, sizes, 2**15, list(range(8)))
    theory = circle.predicted_curves(1.0, exponents, 0.1, 0.5, sizes, 2**15)
    for prediction in theory:
        mean = torch.tensor([row["error"] for row in rows if row["size"] == prediction["size"]]).mean()
        assert float(mean) == pytest.approx(prediction["predicted_error"], rel=0.05)


@pytest.mark.parametrize("name", ["3xx", "cn", "3", "3cn2"])
def test_kernel_names(name):
    with pytest.raises(ValueError, match="a kernel is a filter size"):
        locality.learning_curves([["2cn", name]], "cube", 4, 8, 2, [4], 0)


def test_fully_connected_sees_everything():
    with pytest.raises(ValueError, match='write "4fc"'):
        locality.learning_curves([["2cn", "3fc"]], "cube", 4, 8, 2, [4], 0)


def test_sizes_beyond_the_data():
    with pytest.raises(ValueError, match="number of training points = 8, got 16"):
        locality.learning_curves([["2cn", "2lc"]], "cube", 4, 8, 2, [16], 0)


def test_a_lattice_that_does_not_fit(monkeypatch):
    monkeypatch.setattr("quire.device.available_memory", lambda device=None: 10)
    with pytest.raises(MemoryError, match="a lattice of"):
        locality.trace_identity(2, 4, 5)
