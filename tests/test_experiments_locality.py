"""Cells of the locality chapter at tiny sizes: rows, exact identities, and independence of how they are cut."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from known_answers import finite

from quire.deep_kernels import harmonic_counts, harmonic_transform, quadrature
from quire.experiments.locality.cells import learning_curves, predicted_curves
from quire.experiments.locality.circle_cells import circle_curves, circle_theory
from quire.experiments.locality.image_cells import _measured, image_curves, images, predicted_errors
from quire.experiments.locality.kernel_cells import decay, finite_width, parity, ranked_spectrum, trace_identity
from quire.experiments.locality.kernels_by_name import grams, named
from quire.experiments.locality.sphere_cells import sphere_theory
from quire.kernels import Laplacian, ReluNTK, torus_embedding
from quire.regression import ModeSpectrum, NestedRegression, empirical_spectrum, self_consistent_curve
from quire.rng import generator


def curves(pairs, sizes, **changed):
    """Learning curves on a few points of the cube."""
    return learning_curves(
        pairs=pairs, sizes=sizes, **{"space": "cube", "dim": 4, "num_train": 8, "num_test": 8, "seed": 0} | changed
    )


@pytest.mark.parametrize("architecture", ["cn", "lc"])
def test_lemma_rows(architecture):
    (row,) = finite(finite_width(architecture=architecture, width=64, dim=5, filter_size=2, num_points=3, seed=0))
    assert row["lemma_error"] < 1e-12
    assert 0.01 < row["width_error"] < 1.0


@pytest.mark.parametrize("filter_size, dim", [(1, 3), (2, 4), (3, 5)])
def test_trace_identity_holds_to_rounding(filter_size, dim):
    (row,) = finite(trace_identity(filter_size=filter_size, dim=dim, lattice=5))
    assert row["mean_diagonal"] == pytest.approx(row["predicted_trace"], rel=1e-13)


def test_trace_identity_fails_where_patches_meet_around_the_circle():
    (row,) = trace_identity(filter_size=3, dim=4, lattice=5)
    assert abs(row["mean_diagonal"] / row["predicted_trace"] - 1) > 1e-6


def test_decay_rows():
    rows = finite(decay(filter_size=1, num_levels=300))
    assert [row["frequency"] for row in rows[:7]] == [1, 2, 3, 4, 6, 8, 11]
    assert {row["largest"] for row in rows} == {300}
    assert math.log2(rows[11]["coefficient"] / rows[9]["coefficient"]) == pytest.approx(-2, abs=0.05)


@pytest.mark.parametrize("architecture, copies", [("cn", 1), ("lc", 6)])
def test_ranks_follow_the_multiplicities(architecture, copies):
    ranks = [1, 2, 1 + 2 * copies, 2 + 2 * copies]
    points = dict(dim=6, num_points=64, max_frequency=32, seed=0)
    rows = finite(ranked_spectrum(architecture=architecture, filter_size=1, ranks=ranks, **points))
    predicted = [row["predicted_eigenvalue"] for row in rows]
    assert predicted[0] > predicted[1] == predicted[2] > predicted[3]
    assert rows[0]["eigenvalue"] == pytest.approx(predicted[0], rel=0.2)


def test_curves_do_not_depend_on_which_sizes_and_pairs_are_asked_for():
    def by_curve(pairs, sizes):
        rows = finite(curves(pairs, sizes, dim=5, num_train=48, num_test=12))
        return {(row["teacher"], row["student"], row["size"]): row["error"] for row in rows}

    many = by_curve([["2cn", "3lc"], ["3lc", "3lc"], ["2cn", "2cn"]], [8, 24, 48])
    few = by_curve([["2cn", "3lc"]], [24])
    assert few == pytest.approx({key: many[key] for key in few}, rel=1e-9)
    assert len(many) == 9 and len(few) == 1


def test_own_teacher_is_a_teacher_like_any_other():
    """The posterior variance, and the bilinear form that other teachers take."""
    common = dict(dim=4, num_train=24, num_test=8)
    direct = curves([["2lc", "2lc"]], [6, 24], space="torus", **common)
    source = generator("locality.learning_curves", "torus", 4, 24, 8, 0)
    train, test = torus_embedding(torch.rand(32, 4, generator=source, dtype=torch.float64)).split([24, 8])
    gram, cross, diagonal = grams("2lc", train, test, 4)
    nested = NestedRegression(gram, cross, ridge=0.0)
    errors = nested.average_errors(gram, cross, teacher_diagonal=diagonal, sizes=[6, 24]).mean(1)
    assert [row["error"] for row in direct] == pytest.approx(errors.tolist(), rel=1e-9)


def test_seeds_are_reproducible_and_differ():
    common = dict(space="torus", dim=4, num_train=24, num_test=8)
    first = curves([["2lc", "2lc"]], [24], **common)
    assert first == curves([["2lc", "2lc"]], [24], **common)
    assert first != curves([["2lc", "2lc"]], [24], **common, seed=1)


def test_fully_connected_student_is_one_open_patch():
    rows = finite(curves([["2cn", "4fc"]], [8, 32], dim=4, num_train=32))
    assert rows[1]["error"] < rows[0]["error"]


def test_the_sphere_is_a_space_and_others_are_not():
    rows = finite(curves([["2cn", "2cn"]], [8, 64], space="sphere", dim=4, num_train=64, num_test=16))
    assert rows[1]["error"] < rows[0]["error"]
    with pytest.raises(ValueError, match="one of .*'sphere'.*got 'ball'"):
        curves([["2cn", "2cn"]], [8], space="ball")


def test_tangent_kernels_meet_the_theory_and_cannot_learn_what_is_odd():
    pairs, sizes = [["2cn-ntk", "2cn-ntk"], ["2cn", "2cn-ntk"]], [128, 256]
    rows = finite(curves(pairs, sizes, space="torus", dim=6, num_train=256, num_test=128))
    theory = finite(predicted_curves(pairs=pairs, dim=6, num_levels=20_000, sizes=sizes))
    for row, prediction in zip(sorted(rows, key=str), sorted(theory, key=str), strict=True):
        assert [row[k] for k in ("teacher", "size")] == [prediction[k] for k in ("teacher", "size")]
        assert row["error"] == pytest.approx(prediction["predicted_error"], rel=0.08)
    own, odd = ([p["predicted_error"] for p in theory if p["teacher"] == pair[0]] for pair in pairs)
    assert own[0] / own[1] > 1.3 > odd[0] / odd[1]


@pytest.mark.parametrize("kernel", ["2xx", "cn", "2cn-nngp", "2fc"])
def test_unknown_kernels(kernel):
    with pytest.raises(ValueError, match=kernel):
        predicted_curves(pairs=[[kernel, "2cn"]], dim=4, num_levels=100, sizes=[8])


def test_theory_rows():
    pairs = [["2cn", "2cn"], ["1cn", "2cn"], ["2lc", "2cn"], ["3cn", "2cn"]]
    rows = finite(predicted_curves(pairs=pairs, dim=6, num_levels=1000, sizes=[16, 64]))
    assert [[row["teacher"], row["student"], row["size"]] for row in rows] == [[*p, n] for p in pairs for n in (16, 64)]
    assert all(row["amplification"] > 1 for row in rows)


BROWNIAN = dict(student_exponent=1.0, teacher_exponents=[1.0], lattice=2**15)


def test_circle_interpolation_error_is_that_of_random_gaps():
    """Brownian teacher and student: E = 4 pi^2/(3 P) over the trace from exponential gaps; the theory says 3/4 of it."""
    common = dict(**BROWNIAN, ridge_scale=0.0, ridge_exponent=0.0, sizes=[256])
    rows = finite(circle_curves(**common, num_test=256, seeds=list(range(12))))
    theory = finite(circle_theory(**common))
    errors = torch.tensor([row["error"] for row in rows])
    trace = math.pi / math.tanh(math.pi)  # of the kernel before it is normalised
    gap = (float(errors.mean()) - 4 * math.pi**2 / 3 / 256 / trace) / float(errors.std() / math.sqrt(12))
    assert abs(gap) < 4
    assert theory[0]["predicted_error"] == pytest.approx(math.pi**2 / 256 / trace, rel=0.02)


def test_ridge_on_the_circle_meets_the_theory():
    common = dict(**BROWNIAN, ridge_scale=0.1, ridge_exponent=0.5, sizes=[128, 256])
    rows = circle_curves(**common, num_test=256, seeds=list(range(8)))
    for prediction in circle_theory(**common):
        mean = torch.tensor([row["error"] for row in rows if row["size"] == prediction["size"]]).mean()
        assert float(mean) == pytest.approx(prediction["predicted_error"], rel=0.05)


def test_curves_on_the_circle_do_not_depend_on_which_seeds_share_a_cell():
    common = dict(**BROWNIAN, ridge_scale=0.1, ridge_exponent=1.0, sizes=[16, 32], num_test=32)
    together = circle_curves(**common, seeds=[0, 1])
    assert together == [*circle_curves(**common, seeds=[0]), *circle_curves(**common, seeds=[1])]
    assert [(row["seed"], row["size"]) for row in together] == [(0, 16), (0, 32), (1, 16), (1, 32)]


@pytest.mark.parametrize("filter_size, levels", [(1, 300), (2, 2000), (3, 4000)])
def test_tangent_kernels_without_biases_have_no_odd_modes(filter_size, levels):
    (row,) = finite(parity(filter_size=filter_size, num_levels=levels))
    assert row["odd_share"] < 1e-13


def test_what_a_name_says():
    assert (named("3cn", 9).filter_size, named("3cn", 9).architecture) == (3, "cn")
    assert named("3lc", 9).constituent == Laplacian(3.0)
    assert named("2lc-ntk", 9).constituent == ReluNTK()


@pytest.mark.parametrize("name", ["3xx", "cn", "3", "3cn2"])
def test_kernel_names(name):
    with pytest.raises(ValueError, match="a kernel is a filter size"):
        curves([["2cn", name]], [4])


def test_fully_connected_sees_everything():
    with pytest.raises(ValueError, match='write "4fc"'):
        curves([["2cn", "3fc"]], [4])


def test_sizes_beyond_the_data():
    with pytest.raises(ValueError, match="number of training points = 8, got 16"):
        curves([["2cn", "2lc"]], [16])


def test_a_lattice_that_does_not_fit(monkeypatch):
    monkeypatch.setattr("quire.device.available_memory", lambda device=None: 10)
    with pytest.raises(MemoryError, match="a lattice of"):
        trace_identity(filter_size=2, dim=4, lattice=5)


def test_on_the_sphere_a_teacher_with_the_students_kernel_has_its_eigenvalues_as_power():
    """A local kernel whose patches hold all pixels is the fully-connected one: the theory is then that of the student's own field."""
    asked = {"dim": 5, "degrees": 12, "sizes": [8, 64, 512]}
    source = generator("sphere", 0)
    [*rows] = sphere_theory(teacher="5lc", num_pairs=50, seed=0, generator=source, **asked)
    angles, _ = quadrature(5, 512)
    eigenvalues = harmonic_transform(5, 512, 12) @ torch.exp(-(2 - 2 * torch.cos(angles)).sqrt() / 5)
    counts = harmonic_counts(5, 12)
    tail = 1 - float(eigenvalues @ counts)
    modes = ModeSpectrum(eigenvalues, counts, eigenvalues * counts, student_tail=tail, unlearnable=tail)
    expected = self_consistent_curve(modes, asked["sizes"], ridge=0.0).errors
    assert [row["predicted_error"] for row in rows] == pytest.approx(expected.tolist(), rel=1e-4)


@pytest.mark.parametrize("teacher", ["1lc", "2lc"])
def test_on_the_sphere_the_theory_is_what_is_measured(teacher):
    """Four standard errors of six data sets, and the second-order correction b²/P of the theory."""
    sizes = [32, 64]
    asked = {"space": "sphere", "dim": 6, "num_train": 64, "num_test": 256, "sizes": sizes}
    runs = [learning_curves(pairs=[[teacher, "6fc"]], seed=seed, **asked) for seed in range(6)]
    theory = sphere_theory(
        teacher=teacher, dim=6, degrees=30, num_pairs=20000, sizes=sizes, seed=0, generator=generator("sphere", 1)
    )
    for place, row in enumerate(theory):
        ratios = np.array([run[place]["error"] for run in runs]) / row["predicted_error"]
        assert abs(ratios.mean() - 1) < 4 * ratios.std(ddof=1) / 6**0.5 + (1 + 1 / 6) ** 2 / row["size"]


def test_the_theory_on_the_sphere_wants_a_local_teacher():
    with pytest.raises(ValueError, match="must be local"):
        sphere_theory(teacher="2cn", dim=5, degrees=4, num_pairs=4, sizes=[2], seed=0, generator=generator("sphere", 2))


def test_the_theory_on_the_sphere_has_converged(monkeypatch):
    """In the nodes to 1e-5, in the degrees to 1e-3, and in the pairs, with ten times fewer than at book scale, to 1 %."""

    def errors(**changed):
        asked = {
            "teacher": "3lc",
            "dim": 9,
            "degrees": 40,
            "num_pairs": 4000,
            "sizes": [128, 2048],
            "seed": 0,
        } | changed
        rows = sphere_theory(**asked, generator=generator("sphere", "converged", asked["num_pairs"]))
        return np.array([row["predicted_error"] for row in rows])

    usual = errors()
    assert errors(num_pairs=40_000) == pytest.approx(usual, rel=0.01)
    assert errors(degrees=60) == pytest.approx(usual, rel=1e-3)
    monkeypatch.setattr("quire.experiments.locality.sphere_cells.NODES", 512)
    assert errors() == pytest.approx(usual, rel=1e-5)


# --- real images

IMAGES = dict(dataset="digits", side=8, num_points=160, shifted=False, seed=0)
CURVE = IMAGES | dict(sizes=[8, 16, 32], noise=0.0, num_draws=3)


def test_images_have_one_scale_and_labels_that_are_centred():
    pixels, labels = images(**IMAGES)
    assert pixels.shape == (160, 1, 8, 8) and labels.shape == (160, 10)
    assert abs(pixels.mean()) < 1e-12 and pixels.std() == pytest.approx(1.0)
    assert labels.mean(0).abs().max() < 1e-12 and labels.square().sum(1).mean() == pytest.approx(1.0)
    other, _ = images(**(IMAGES | {"seed": 1}))
    assert not torch.equal(other, pixels)
    small, _ = images(**(IMAGES | {"side": 4}))
    means = images(**IMAGES)[0].unfold(2, 2, 2).unfold(3, 2, 2).mean((4, 5))
    assert torch.allclose(small, (means - means.mean()) / means.std())
    with pytest.raises(ValueError, match="digits has 1797 training images, asked 1798"):
        images(**(IMAGES | {"num_points": 1798}))


def test_shifted_images_are_the_same_images_elsewhere():
    pixels, labels = images(**IMAGES)
    moved, same = images(**(IMAGES | {"shifted": True}))
    assert torch.equal(labels, same) and not torch.equal(moved, pixels)
    for one, other in zip(pixels[:20, 0], moved[:20, 0], strict=True):
        places = [one.roll((down, right), (0, 1)) for down in range(8) for right in range(8)]
        assert any(torch.allclose(place, other) for place in places)
    asked = CURVE | {"kernel": "3cn", "shifted": True}
    rows = image_curves(**asked)
    assert rows == image_curves(**asked) and rows[0]["error"] != image_curves(**(CURVE | {"kernel": "3cn"}))[0]["error"]


@pytest.mark.parametrize("kernel", ["2lc", "2cn", "8fc"])
def test_image_curves_are_those_of_one_solve_for_each_size(kernel):
    """Laplacian of patches cut by hand, and the normal equations of each training set."""
    rows = finite(image_curves(kernel=kernel, **(CURVE | {"noise": 0.3})))
    assert [(row["draw"], row["size"]) for row in rows] == [(d, n) for d in range(3) for n in (8, 16, 32)]
    pixels, labels = images(**IMAGES)
    s = int(kernel[0])
    patches = F.unfold(pixels, s).mT  # point, place, pixel
    first = patches[:, None, :, None] - patches[None, :, None, :]  # all pairs of places
    pairs = torch.exp(-first.norm(dim=4) / s)
    gram = pairs.mean((2, 3)) if kernel.endswith("cn") else pairs.diagonal(dim1=2, dim2=3).mean(2)
    source = generator("locality.image_curves", "digits", 160, 0, 0)
    order = torch.randperm(160, generator=source)
    noise = (0.3 / 10) ** 0.5 * torch.randn(32, 10, generator=source, dtype=torch.float64)
    test = order[32:]
    for row in rows[:3]:
        train = order[: row["size"]]
        weights = torch.linalg.solve(gram[train][:, train], labels[train] + noise[: row["size"]])
        residual = gram[test][:, train] @ weights - labels[test]
        assert row["error"] == pytest.approx(residual.square().sum(1).mean().item(), rel=1e-7)


@pytest.mark.parametrize("noise", [0.0, 0.5])
def test_the_theory_of_images_is_right_where_features_are_gaussian(noise):
    """A Gram matrix of Gaussian features with a spectrum that falls, and labels that are linear in them and more."""
    source = generator("test")
    features = torch.randn(600, 900, generator=source, dtype=torch.float64) * torch.arange(1, 901).double() ** -0.7
    labels = features @ torch.randn(900, 2, generator=source, dtype=torch.float64)
    labels += 0.3 * torch.randn(600, 2, generator=source, dtype=torch.float64)
    labels = (labels - labels.mean(0)) / (labels - labels.mean(0)).square().sum(1).mean().sqrt()
    gram, sizes = features @ features.T, [30, 100, 200]
    drawn = torch.tensor(
        [_measured(gram, labels, sizes, noise, generator("draws", draw)) for draw in range(40)], dtype=torch.float64
    )
    measured = drawn[..., 0].mean(0)
    predicted = torch.tensor(predicted_errors(gram, labels, sizes, noise=noise), dtype=torch.float64)
    assert torch.allclose(measured, predicted, rtol=0.05)


def test_equal_eigenvalues_teach_nothing_about_what_was_not_drawn():
    labels = torch.randn(200, 1, generator=generator("test"), dtype=torch.float64)
    labels = (labels - labels.mean()) / labels.std(correction=0)
    gram = torch.eye(200, dtype=torch.float64)
    assert predicted_errors(gram, labels, [20, 100], noise=0.7) == pytest.approx([1.0, 1.0])


@pytest.mark.parametrize("power", [0.4, 0.7, 1.0])
@pytest.mark.parametrize("size", [50, 100])
def test_noise_of_draws_without_return_is_amplified_less(power, size):
    """Half of the points drawn: the response to noise is (1 - q)γ/(1 - γ), to the error of the draws, and not γ/(1 - γ)."""
    source = generator("test")
    features = torch.randn(200, 300, generator=source, dtype=torch.float64) * torch.arange(1, 301).double() ** -power
    gram, found = features @ features.T, []
    for _ in range(60):
        drawn = torch.randperm(200, generator=source)[:size]
        response = torch.linalg.solve(
            gram[drawn][:, drawn], gram[drawn]
        )  # of every point to the noise of each drawn one
        found.append(response.square().sum() / 200)
    found = torch.stack(found)
    spectrum = empirical_spectrum(gram, torch.ones(200, 1, dtype=torch.float64))
    gamma = float(self_consistent_curve(spectrum, [size], ridge=0.0).overfitting)
    expected = gamma / (1 - gamma)
    assert abs(found.mean() - (1 - size / 200) * expected) < 0.02 * expected
    assert abs(found.mean() - expected) > 0.2 * expected
