"""Stability with every convention: brute force over pairs, exact small-perturbation limits, layers, controls."""

import copy
import itertools

import numpy as np
import pytest
import torch
from torch import nn

from quire.diffeo import (
    MaxEntropyDiffeo,
    Perturbation,
    filter_spectrum,
    laplacian_modes,
    layer_stability,
    perturb,
    rectified_layers,
    relative_stability,
    shuffle_channels,
    stability,
)
from quire.nets import build
from quire.rng import generator

REDUCE = ["mean", "median", "median_coordinate"]
CONVENTIONS = {"reduce": "median", "denominator": "off_diagonal", "normalization": "running"}


def normal(*shape, key="x", dtype=torch.float64):
    return torch.randn(*shape, generator=generator(key, *shape), dtype=dtype)


def make(size=20, batch=12, channels=1, dtype=torch.float64, **options):
    ensemble = MaxEntropyDiffeo(size, 3, rule="repo")
    settings = {"temperature": 1e-4, "interpolation": "bilinear", "noise_matching": "per_image"} | options
    return perturb(
        torch.rand(batch, channels, size, size, generator=generator("images"), dtype=dtype),
        ensemble,
        coefficients=ensemble.sample(batch, generator("fields"), dtype=dtype),
        noise=normal(batch, channels, size, size, key="noise", dtype=dtype),
        **settings,
    )


def brute_force(f, g, h, reduce, denominator):
    """Loops over images and pairs, with numpy's sorting for the lower median."""
    batch = len(f)

    def middle(values):
        return np.sort(np.asarray(values))[(len(values) - 1) // 2]

    def numerator(moved):
        if reduce == "median_coordinate":
            return sum(middle([(moved[i, k] - f[i, k]).item() ** 2 for i in range(batch)]) for k in range(f.shape[1]))
        norms = [((moved[i] - f[i]) ** 2).sum().item() for i in range(batch)]
        return np.mean(norms) if reduce == "mean" else middle(norms)

    pairs = itertools.product(range(batch), repeat=2)
    squares = [((f[i] - f[j]) ** 2).sum().item() for i, j in pairs if i != j or denominator == "all_pairs"]
    spread = np.mean(squares) if reduce == "mean" else middle(squares)
    spread += 1e-10 if denominator == "all_pairs" else 0
    return numerator(g) / spread, numerator(h) / spread, numerator(g) / numerator(h)


@pytest.mark.parametrize("reduce", REDUCE)
@pytest.mark.parametrize("denominator", ["off_diagonal", "all_pairs"])
@pytest.mark.parametrize("batch", [6, 9])
def test_equals_loops_over_images_and_pairs(reduce, denominator, batch):
    f, g, h = (normal(batch, 4, key=name) + shift for name, shift in (("f", 30.0), ("g", 30.5), ("h", 31.0)))
    found = relative_stability(f, g, h, reduce=reduce, denominator=denominator)
    expected = brute_force(f, g, h, reduce, denominator)
    assert (found.diffeo, found.noise, found.relative) == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("reduce", REDUCE)
def test_invariant_under_affine_maps_of_the_output(reduce):
    f, g, h = (normal(20, 3, key=name) for name in "fgh")
    first = relative_stability(f, g, h, reduce=reduce, denominator="off_diagonal")
    other = relative_stability(*(7 * v + 3 for v in (f, g, h)), reduce=reduce, denominator="off_diagonal")
    assert (first.diffeo, first.noise, first.relative) == pytest.approx((other.diffeo, other.noise, other.relative))


def test_the_matrix_with_its_diagonal_divides_by_all_pairs():
    f, g, h = (normal(10, 3, key=name) for name in "fgh")
    apart = relative_stability(f, g, h, reduce="mean", denominator="off_diagonal")
    whole = relative_stability(f, g, h, reduce="mean", denominator="all_pairs")
    assert apart.diffeo / whole.diffeo == pytest.approx(0.9)
    assert apart.relative == whole.relative


@pytest.mark.parametrize("interpolation", ["bilinear", "gaussian", "nearest"])
def test_noise_has_the_norm_of_the_displacement(interpolation):
    each = make(interpolation=interpolation, temperature=3e-3)
    moved, noisy = ((value - each.reference).flatten(1).norm(dim=1) for value in (each.warped, each.noisy))
    assert torch.allclose(moved, noisy)
    common = make(interpolation=interpolation, temperature=3e-3, noise_matching="average")
    radius = (common.noisy - common.reference).flatten(1).norm(dim=1)
    assert torch.allclose(radius, moved.mean().expand(12))


def test_gaussian_reference_is_smoothed_so_that_zero_temperature_changes_nothing():
    still = make(interpolation="gaussian", temperature=0.0)
    assert torch.equal(still.warped, still.reference) and torch.equal(still.noisy, still.reference)
    assert torch.equal(make(temperature=1e-3).reference, make(temperature=2e-3).reference)


def test_random_first_layer_is_as_stable_to_diffeos_as_to_noise():
    """J with independent isotropic rows: R = 1 up to the sampling of rows, for any Δ."""
    perturbation = make(batch=40)
    values = []
    for seed in range(30):
        layer = nn.Linear(400, 64, dtype=torch.float64)
        layer.weight.data = normal(64, 400, key=seed)
        network = nn.Sequential(nn.Flatten(), layer)
        values.append(stability(network, perturbation, **CONVENTIONS | {"reduce": "mean"}).relative)
    logs = np.log(values)
    assert abs(logs.mean()) < 4 * logs.std(ddof=1) / np.sqrt(30) + 1e-3


def test_small_noise_limit_of_a_linear_map_is_exact():
    """f = A x: E‖Aη‖² = ‖η‖² ‖A‖_F²/dim, by z-score over noises."""
    matrix, images = normal(3, 36, key="A"), normal(4000, 36, key="many")
    noise = normal(4000, 36, key="eta")
    noise = noise / noise.norm(dim=1, keepdim=True)
    change = ((noise @ matrix.T) ** 2).sum(1)
    found = relative_stability(
        images @ matrix.T,
        (images + noise) @ matrix.T,
        (images + 2 * noise) @ matrix.T,
        reduce="mean",
        denominator="off_diagonal",
    )
    spread = 2 * torch.trace(matrix @ matrix.T @ torch.eye(3, dtype=torch.float64)).item()
    z = (change.mean() - (matrix**2).sum() / 36) / (change.std() / 4000**0.5)
    assert abs(z) < 4 and found.relative == pytest.approx(0.25)
    assert found.diffeo == pytest.approx((matrix**2).sum().item() / 36 / spread, rel=0.1)


def test_pooling_is_more_stable_and_high_pass_less():
    perturbation = make(size=20, batch=30, temperature=2e-4)
    average = nn.Sequential(nn.AvgPool2d(5), nn.Flatten())
    edge = nn.Conv2d(1, 1, 3, bias=False, dtype=torch.float64)
    edge.weight.data = torch.tensor([[0.0, -1, 0], [-1, 4, -1], [0, -1, 0]], dtype=torch.float64).view(1, 1, 3, 3)
    low, high = (stability(network, perturbation, **CONVENTIONS).relative for network in (average, edge))
    assert low < 1 < high


def network_with_norm():
    network = nn.Sequential(
        nn.Conv2d(1, 4, 3),
        nn.BatchNorm2d(4),
        nn.ReLU(inplace=True),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Dropout(0.5),
    ).double()
    network[0].weight.data = normal(4, 1, 3, 3, key="conv")
    return network


@pytest.mark.parametrize("normalization", ["running", "batch", "reference"])
def test_the_network_is_left_as_it_was(normalization):
    network = network_with_norm().train()
    before = copy.deepcopy(network.state_dict())
    stability(network, make(), **CONVENTIONS | {"normalization": normalization})
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
    assert all(module.training for module in network.modules())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in network.modules())


def test_batch_normalisation_conventions_by_hand():
    network, perturbation = network_with_norm(), make(batch=9)
    images = (perturbation.reference, perturbation.warped, perturbation.noisy)
    maps = [network[0](batch).detach() for batch in images]

    def outputs(statistics):
        means, deviations = zip(*[(s.mean((0, 2, 3)), (s.var((0, 2, 3), unbiased=False) + 1e-5).sqrt()) for s in statistics],
                                strict=True)  # fmt: skip
        return [((m - a.view(-1, 1, 1)) / b.view(-1, 1, 1)).relu().mean((2, 3))
                for m, a, b in zip(maps, means, deviations, strict=True)]  # fmt: skip

    for normalization, statistics in (("batch", maps), ("reference", [maps[0]] * 3)):
        expected = relative_stability(*outputs(statistics), reduce="mean", denominator="off_diagonal")
        found = stability(network, perturbation, reduce="mean", denominator="off_diagonal", normalization=normalization)
        assert (found.diffeo, found.noise) == pytest.approx((expected.diffeo, expected.noise), rel=1e-9)


def test_layers_are_read_in_one_pass_and_end_with_the_output():
    network = build("vgg3-bn-gap", input_shape=(1, 20, 20), num_classes=5, generator=generator("net")).double()
    perturbation = make()
    names = rectified_layers(network)
    assert names == ["pool1", "pool2", "pool3"]
    options = CONVENTIONS | {"normalization": "reference"}
    found = layer_stability(network, perturbation, layers=names, **options)
    assert list(found) == [*names, "output"]
    assert found["output"] == stability(network, perturbation, **options)
    position = [name for name, _ in network.named_children()].index("pool1")
    first = nn.Sequential(*list(network.children())[: position + 1])
    assert found["pool1"].relative == pytest.approx(stability(first, perturbation, **options).relative, rel=1e-9)


def test_in_place_layers_do_not_overwrite_what_was_read():
    apart = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU()).double()
    in_place = nn.Sequential(apart[0], nn.ReLU(inplace=True))
    first, second = (layer_stability(net, make(), layers=["0"], **CONVENTIONS) for net in (apart, in_place))
    assert first["0"] == second["0"]


def test_channel_shuffle_permutes_inputs_of_convolutions_only():
    network = build("vgg6-bn-gap", input_shape=(3, 16, 16), num_classes=4, generator=generator("net"))
    shuffled = shuffle_channels(network, generator("shuffle"))
    moved = 0
    for (name, before), after in zip(network.named_parameters(), shuffled.parameters(), strict=True):
        if name.startswith("conv") and before.ndim == 4:
            assert torch.equal(before.sort(1).values, after.sort(1).values)
            moved += not torch.equal(before, after)
        else:
            assert torch.equal(before, after)
    assert moved >= 5
    again = shuffle_channels(network, generator("shuffle"))
    assert all(torch.equal(a, b) for a, b in zip(shuffled.parameters(), again.parameters(), strict=True))


def test_channel_shuffle_of_identical_channels_changes_nothing():
    network = nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(), nn.Conv2d(3, 2, 3)).double()
    network[0].weight.data[:] = network[0].weight.data[:1].clone()
    network[0].bias.data[:] = 0.3
    images = make().reference
    assert torch.allclose(shuffle_channels(network, generator(3))(images), network(images), atol=1e-12)


@pytest.mark.parametrize("size", [2, 3, 5, 7])
def test_filter_modes_diagonalise_the_grid_laplacian(size):
    values, modes = laplacian_modes(size, dim=2)
    path = np.diag(np.r_[1.0, 2 * np.ones(size - 2), 1.0][:size]) - np.eye(size, k=1) - np.eye(size, k=-1)
    grid = torch.from_numpy(np.kron(path, np.eye(size)) + np.kron(np.eye(size), path))
    flat = modes.flatten(1)
    assert torch.allclose(flat @ flat.T, torch.eye(size**2, dtype=torch.float64), atol=1e-12)
    assert torch.allclose(grid @ flat.T, flat.T * values, atol=1e-12)
    assert torch.allclose(torch.linalg.eigvalsh(grid), values, atol=1e-12)


@pytest.mark.parametrize("size", [2, 3, 5])
def test_filter_modes_on_a_path(size):
    values, modes = laplacian_modes(size, dim=1)
    path = (
        torch.diag(2.0 * torch.ones(size)) - torch.diag(torch.ones(size - 1), 1) - torch.diag(torch.ones(size - 1), -1)
    )
    path[0, 0] = path[-1, -1] = 1
    assert torch.allclose(path.double() @ modes.T, modes.T * values, atol=1e-12)
    assert torch.allclose(modes @ modes.T, torch.eye(size, dtype=torch.float64), atol=1e-12)
    power = filter_spectrum(torch.tensor([[[3.0, 4.0]]])).power  # (3 ± 4)²/2
    assert power.tolist() == pytest.approx([24.5, 0.5])
    with pytest.raises(ValueError, match="one or two dimensions"):
        laplacian_modes(size, dim=3)


def test_filter_spectrum_conserves_the_norm():
    weights = normal(8, 4, 5, 5, key="filters")
    spectrum = filter_spectrum(weights)
    assert spectrum.power.sum() == pytest.approx((weights**2).sum((2, 3)).mean().item())
    assert spectrum.power[0] == pytest.approx((weights.sum((2, 3)) ** 2).mean().item() / 25)


@pytest.mark.parametrize(("call", "message"), [
    (lambda: relative_stability(torch.ones(2, 1), torch.ones(2, 1), torch.ones(2, 1), reduce="max",
                                denominator="off_diagonal"), "reduce must be"),
    (lambda: relative_stability(torch.ones(2, 1), torch.ones(2, 1), torch.ones(2, 1), reduce="mean",
                                denominator="pairs"), "denominator must be"),
    (lambda: relative_stability(torch.ones(1, 1), torch.ones(1, 1), torch.ones(1, 1), reduce="mean",
                                denominator="off_diagonal"), "≥ 2 images"),
    (lambda: make(noise_matching="sphere"), "noise_matching must be"),
    (lambda: stability(nn.Flatten(), make(), **CONVENTIONS | {"normalization": "eval"}), "normalization must be"),
    (lambda: layer_stability(nn.Flatten(), make(), layers=["relu"], **CONVENTIONS), "not modules"),
])  # fmt: skip
def test_errors_name_expected_got_and_remedy(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_a_module_used_twice_in_a_pass_is_refused():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.relu = nn.ReLU()

        def forward(self, images):
            return self.relu(self.relu(images) - 0.5)

    with pytest.raises(ValueError, match="several times"):
        layer_stability(Twice(), make(), layers=["relu"], **CONVENTIONS)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_devices_agree():
    perturbation, network = make(), network_with_norm()
    there = Perturbation(*(getattr(perturbation, name).cuda() for name in ("reference", "warped", "noisy")))
    here = stability(network, perturbation, **CONVENTIONS)
    assert stability(network.cuda(), there, **CONVENTIONS).relative == pytest.approx(here.relative, rel=1e-9)
