"""Warps against their direct formulas, borders included; the callable transform; derivatives."""

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from quire.diffeo import MaxEntropyDiffeo, RandomDiffeo, warp
from quire.rng import generator

WIDTH = 0.4715


def direct_bilinear(images, field):
    """Four neighbours per pixel, positions clamped to the frame: the formula, by gathering."""
    _, channels, size, _ = images.shape
    row, column = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    x, y = ((column - field[:, 0]).clamp(0, size - 1), (row - field[:, 1]).clamp(0, size - 1))
    result = torch.zeros_like(images)
    for up, left in itertools.product((0, 1), repeat=2):
        at_x, at_y = ((x.floor() + left).clamp(max=size - 1), (y.floor() + up).clamp(max=size - 1))
        weight = (1 - (x - x.floor() - left).abs()) * (1 - (y - y.floor() - up).abs())
        index = (at_y * size + at_x).long().flatten(1).unsqueeze(1).expand(-1, channels, -1)
        result += weight.unsqueeze(1) * images.flatten(2).gather(2, index).view_as(images)
    return result


def direct_gaussian(images, field):
    """Weights on all n² pixels, normalised."""
    size = images.shape[-1]
    row, column = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    x, y = ((column - field[:, 0]).clamp(0, size - 1), (row - field[:, 1]).clamp(0, size - 1))
    distance = (x[..., None, None] - column) ** 2 + (y[..., None, None] - row) ** 2
    weight = torch.exp(-distance / (2 * WIDTH**2))
    weight = weight / weight.sum((-1, -2), keepdim=True)
    return torch.einsum("byxpq,bcpq->bcyx", weight, images)


def direct_nearest(images, field):
    size = images.shape[-1]
    row, column = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    x = (column - field[:, 0]).clamp(0, size - 1).round().long()
    y = (row - field[:, 1]).clamp(0, size - 1).round().long()
    return torch.stack([image[:, b, a] for image, a, b in zip(images, x, y, strict=True)])


DIRECT = {"bilinear": direct_bilinear, "gaussian": direct_gaussian, "nearest": direct_nearest}


def example(size, *, dtype=torch.float64, batch=3, channels=2, displacement=1.5, cutoff=3):
    ensemble = MaxEntropyDiffeo(size, cutoff, rule="repo")
    images = torch.rand(batch, channels, size, size, generator=generator("images", size), dtype=dtype)
    draw = ensemble.sample(batch, generator("fields", size), dtype=dtype)
    return ensemble, images, draw, ensemble.temperature(displacement, law="asymptotic")


@pytest.mark.parametrize("interpolation", ["bilinear", "gaussian", "nearest"])
@pytest.mark.parametrize("size", [9, 16, 28])
@pytest.mark.parametrize("displacement", [0.3, 1.0, 5.0])
def test_equals_the_direct_formula_everywhere(interpolation, size, displacement):
    ensemble, images, draw, temperature = example(size, displacement=displacement)
    expected = DIRECT[interpolation](images, ensemble.displacement(draw, temperature))
    warped = ensemble.warp(images, draw, temperature, interpolation=interpolation)
    assert (warped - expected).abs().max() < 1e-12


@pytest.mark.parametrize("interpolation", ["bilinear", "gaussian", "nearest"])
def test_equals_the_direct_formula_where_the_field_leaves_the_frame(interpolation):
    """Fields that do not vanish on the frame: positions are clamped."""
    images = torch.rand(2, 1, 12, 12, generator=generator("clamp"), dtype=torch.float64)
    field = 9 * torch.randn(2, 2, 12, 12, generator=generator("overhang"), dtype=torch.float64)
    expected = DIRECT[interpolation](images, field)
    assert (warp(images, field, interpolation=interpolation) - expected).abs().max() < 1e-12


@pytest.mark.parametrize("size", [28, 64, 224])
def test_single_precision_error_grows_with_the_size_only(size):
    ensemble, images, draw, temperature = example(size, batch=1, channels=1)
    exact = ensemble.warp(images, draw, temperature, interpolation="bilinear")
    single = ensemble.warp(images.float(), draw.float(), temperature, interpolation="bilinear")
    assert (single - exact).abs().max() < 5e-7 * size


@pytest.mark.parametrize("interpolation", ["bilinear", "nearest"])
@pytest.mark.parametrize("size", [8, 20, 33])
def test_zero_temperature_is_the_identity(interpolation, size):
    ensemble, images, draw, _ = example(size)
    still = ensemble.warp(images, draw, 0.0, interpolation=interpolation)
    assert (still - images).abs().max() < 1e-12


def test_zero_temperature_smooths_with_gaussian_weights():
    ensemble, images, draw, _ = example(16)
    smooth = ensemble.warp(images, draw, 0.0, interpolation="gaussian")
    change = (smooth - images).norm() / (images - images.mean()).norm()
    assert 0.1 < change < 0.5
    assert torch.allclose(
        ensemble.warp(torch.ones_like(images), draw, 0.01, interpolation="gaussian"), torch.ones_like(images)
    )


@settings(max_examples=25, deadline=None)
@given(st.integers(4, 24), st.integers(-3, 3), st.integers(-3, 3), st.sampled_from(["bilinear", "nearest"]))
def test_integer_fields_are_shifts(size, right, down, interpolation):
    images = torch.rand(1, 1, size, size, generator=generator("shift", size), dtype=torch.float64)
    field = torch.tensor([right, down], dtype=torch.float64).view(1, 2, 1, 1).expand(1, 2, size, size)
    shifted = warp(images, field, interpolation=interpolation)
    rows = (torch.arange(size) - down).clamp(0, size - 1)
    columns = (torch.arange(size) - right).clamp(0, size - 1)
    assert torch.allclose(shifted[0, 0], images[0, 0][rows][:, columns], atol=1e-12)


@settings(max_examples=15, deadline=None)
@given(st.sampled_from(["bilinear", "gaussian"]), st.integers(5, 20))
def test_linear_in_the_image_and_within_its_range(interpolation, size):
    ensemble, images, draw, temperature = example(size)
    other = images.flip(0)
    combined = ensemble.warp(2 * images - other, draw, temperature, interpolation=interpolation)
    apart = [ensemble.warp(part, draw, temperature, interpolation=interpolation) for part in (images, other)]
    assert torch.allclose(combined, 2 * apart[0] - apart[1], atol=1e-12)
    assert apart[0].min() >= images.min() - 1e-12 and apart[0].max() <= images.max() + 1e-12


@pytest.mark.parametrize(
    ("size", "channels", "cutoff"), [(2, 1, 1), (9, 2, 3), (28, 1, 4), (33, 5, 7), (70, 4, 15), (96, 3, 3)]
)
def test_the_compiled_pass_is_the_tensor_code(size, channels, cutoff):
    """Fields as coefficients or at the pixels; few waves and many; single planes and triples; any number of threads."""
    ensemble = MaxEntropyDiffeo(size, cutoff, rule="repo")
    images = torch.rand(5, channels, size, size, generator=generator("pass", size), dtype=torch.float64)
    draw = ensemble.sample(5, generator("fields"), dtype=torch.float64)
    temperature = torch.rand(5, generator=generator("temperature"), dtype=torch.float64) / 50
    followed = ensemble.warp(images.clone().requires_grad_(), draw, temperature, interpolation="bilinear").detach()
    field, threads = ensemble.displacement(draw, temperature), torch.get_num_threads()
    try:
        for count in (1, 2, 3):
            torch.set_num_threads(count)
            ours = ensemble.warp(images, draw, temperature, interpolation="bilinear")
            assert torch.allclose(ours, followed, atol=1e-12)
            assert torch.allclose(warp(images, field, interpolation="bilinear"), ours, atol=1e-12)
    finally:
        torch.set_num_threads(threads)
    assert torch.allclose(ensemble.warp(images[:0], draw[:0], 0.0, interpolation="bilinear"), images[:0])


def test_strange_layouts_and_positions_that_are_no_numbers():
    """Strided views are read as what they show; positions without a value are the first pixel, never another's memory."""
    ensemble, images, draw, temperature = example(16, batch=4, channels=3)
    strided = images.permute(0, 1, 3, 2)[:, ::2]
    expected = ensemble.warp(strided.contiguous(), draw, temperature, interpolation="bilinear")
    assert torch.equal(ensemble.warp(strided, draw, temperature, interpolation="bilinear"), expected)
    field = torch.full((4, 2, 16, 16), float("nan"), dtype=torch.float64)
    field[1:] = torch.tensor([float("inf"), -float("inf"), 1e300]).view(3, 1, 1, 1)
    warped = warp(images, field, interpolation="bilinear")
    for found, member in zip(warped, images, strict=True):
        assert torch.isin(found, member).all()
    assert (warped[0] == images[0, :, :1, :1]).all() and (warped[2] == images[2, :, -1:, -1:]).all()


def test_batching_and_derivative_transforms_pass_through():
    ensemble, images, draw, temperature = example(9, batch=3)
    expected = ensemble.warp(images, draw, temperature, interpolation="bilinear")

    def one(image, coefficients):
        return ensemble.warp(image[None], coefficients[None], temperature, interpolation="bilinear")[0]

    assert torch.allclose(torch.func.vmap(one)(images, draw), expected, atol=1e-12)
    weight = torch.rand(images.shape, generator=generator("weight"), dtype=torch.float64)
    _, pull_back = torch.func.vjp(lambda x: ensemble.warp(x, draw, temperature, interpolation="bilinear"), images)
    [slope] = pull_back(weight)
    assert torch.allclose((slope * images).sum(), (weight * expected).sum())  # linear in the image: the adjoint


@pytest.mark.parametrize("interpolation", ["bilinear", "gaussian", "nearest"])
def test_chunks_change_nothing(interpolation, monkeypatch):
    ensemble, images, draw, temperature = example(20, batch=11)
    whole = ensemble.warp(images, draw, temperature, interpolation=interpolation)
    monkeypatch.setattr("quire.diffeo.resampling.CACHE_BYTES", 3 * 6 * 400 * 8)
    pieces = ensemble.warp(images, draw, temperature, interpolation=interpolation)
    assert torch.equal(pieces, whole)
    apart = warp(images, ensemble.displacement(draw, temperature), interpolation=interpolation)
    assert torch.allclose(apart, whole, atol=1e-13)


def test_one_field_for_all_images():
    ensemble, images, draw, temperature = example(20, batch=5)
    together = ensemble.warp(images, draw[:1], temperature, interpolation="bilinear")
    repeated = ensemble.warp(images, draw[:1].expand(5, -1, -1, -1), temperature, interpolation="bilinear")
    assert torch.allclose(together, repeated, atol=1e-13)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_images_come_back_as_they_came(dtype):
    ensemble, images, draw, temperature = example(16, dtype=torch.float32)
    warped = ensemble.warp(images.to(dtype), draw, temperature, interpolation="bilinear")
    assert warped.dtype == dtype
    full = ensemble.warp(images.to(dtype).float(), draw, temperature, interpolation="bilinear")
    assert torch.equal(warped, full.to(dtype))


@pytest.mark.parametrize("interpolation", ["bilinear", "gaussian"])
def test_differentiable_in_the_image_and_the_coefficients(interpolation, monkeypatch):
    # several chunks, so that their gradients meet
    monkeypatch.setattr("quire.diffeo.resampling.CACHE_BYTES", 1)
    ensemble, images, draw, temperature = example(5, batch=2, channels=1, displacement=0.4, cutoff=2)
    images.requires_grad_(), draw.requires_grad_()
    assert torch.autograd.gradcheck(
        lambda pixels, field: ensemble.warp(pixels, field, temperature, interpolation=interpolation), (images, draw)
    )


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("interpolation", ["bilinear", "gaussian", "nearest"])
def test_devices_agree(interpolation):
    ensemble, images, draw, temperature = example(32, batch=9)
    there = ensemble.warp(images.cuda(), draw.cuda(), temperature, interpolation=interpolation)
    assert torch.allclose(
        there.cpu(), ensemble.warp(images, draw, temperature, interpolation=interpolation), atol=1e-11
    )


def test_transform_conventions():
    options = {"rule": "repo", "law": "asymptotic", "interpolation": "bilinear"}
    images = torch.rand(6, 3, 32, 32, generator=generator("batch"))
    transform = RandomDiffeo(1.0, 3, **options)
    warped = transform(images, generator("t"))
    assert torch.equal(warped, transform(images, generator("t")))
    assert not torch.equal(warped, transform(images, generator("u")))
    assert transform(images[0], generator("t")).shape == images[0].shape
    moved, field = RandomDiffeo(1.0, 3, **options, return_field=True)(images, generator("t"))
    assert torch.equal(moved, warped) and field.shape == (6, 2, 32, 32)
    assert torch.allclose(warp(images, field, interpolation="bilinear"), moved, atol=1e-6)
    assert torch.pdist(field.flatten(1)).min() > 0


def test_transform_same_on_batch_and_probability():
    options = {"rule": "repo", "law": "exact", "interpolation": "gaussian", "return_field": True}
    images = torch.rand(40, 1, 28, 28, generator=generator("batch"))
    _, shared = RandomDiffeo(1.0, 3, **options, same_on_batch=True)(images, generator("s"))
    assert shared.shape == (40, 2, 28, 28) and (shared == shared[:1]).all()
    moved, field = RandomDiffeo(1.0, 3, **options, p=0.5)(images, generator("p"))
    still = (field == 0).flatten(1).all(1)
    assert 8 <= int(still.sum()) <= 32
    assert torch.equal(moved[still], images[still]) and (moved[~still] != images[~still]).any()
    assert torch.equal(RandomDiffeo(1.0, 3, **options, p=0)(images, generator("p"))[0], images)


def test_transform_typical_displacement_by_z_score():
    transform = RandomDiffeo(1.0, 3, rule="repo", law="exact", interpolation="nearest", return_field=True)
    _, field = transform(torch.zeros(3000, 1, 33, 33), generator("typical"))
    square = field[:, :, 16, 16].square().sum(1)
    assert abs(square.mean() - 1) < 4 * square.std() / 3000**0.5
    _, field = RandomDiffeo((0.0, 2.0), 3, rule="repo", law="exact", interpolation="nearest", return_field=True)(
        torch.zeros(3000, 1, 33, 33), generator("uniform")
    )
    square = field[:, :, 16, 16].square().sum(1)
    assert abs(square.mean() - 4 / 3) < 4 * square.std() / 3000**0.5  # ⟨δ²⟩ of a uniform draw in [0, 2]


@pytest.mark.parametrize(("call", "message"), [
    (lambda: warp(torch.zeros(2, 1, 4, 4), torch.zeros(2, 2, 4, 4), interpolation="cubic"), "interpolation must be"),
    (lambda: warp(torch.zeros(3, 1, 4, 4), torch.zeros(2, 2, 4, 4), interpolation="bilinear"), "one field per image"),
    (lambda: warp(torch.zeros(2, 1, 4, 5), torch.zeros(2, 2, 4, 5), interpolation="bilinear"), "square images"),
    (lambda: warp(torch.zeros(2, 1, 1, 1), torch.zeros(2, 2, 1, 1), interpolation="bilinear"), "at least 2 × 2"),
    (lambda: warp(torch.zeros(2, 1, 4, 4), torch.zeros(2, 2, 5, 5), interpolation="nearest"), "fields of their size"),
    (lambda: MaxEntropyDiffeo(8, 2, rule="repo").warp(
        torch.zeros(1, 1, 9, 9), torch.zeros(1, 2, 2, 2), 0.0, interpolation="bilinear"), "8 × 8"),
    (lambda: RandomDiffeo(2.0, 3, rule="repo", law="asymptotic", interpolation="bilinear")(
        torch.zeros(1, 8, 8), generator(0)), "upsample"),
    (lambda: RandomDiffeo((2.0, 1.0), 3, rule="repo", law="exact", interpolation="bilinear"), "low ≤ high"),
    (lambda: RandomDiffeo(1.0, 3, rule="repo", law="exact", interpolation="bilinear", p=1.5), "probability"),
])  # fmt: skip
def test_errors_name_expected_got_and_remedy(call, message):
    with pytest.raises(ValueError, match=message):
        call()


class Pictures(torch.utils.data.Dataset):
    """The same picture sixteen times, each time warped."""

    def __init__(self):
        self.picture = torch.rand(1, 16, 16, generator=torch.Generator().manual_seed(0))
        self.transform = RandomDiffeo(1.0, 3, rule="repo", law="exact", interpolation="bilinear")

    def __len__(self):
        return 16

    def __getitem__(self, index):
        return self.transform(self.picture)


def test_workers_of_a_data_loader_draw_fields_of_their_own():
    """Sixteen pictures by two workers, in two epochs: no two are alike, and torch's seed repeats them."""

    def drawn():
        torch.manual_seed(3)
        loader = torch.utils.data.DataLoader(Pictures(), batch_size=4, num_workers=2)
        return torch.cat([batch for _ in range(2) for batch in loader])

    first = drawn()
    assert len(torch.unique(first.flatten(1), dim=0)) == 32
    assert torch.equal(first, drawn())


def test_integers_are_rounded():
    """Grey levels keep their mean: truncation would lower it by half a level."""
    levels = torch.randint(0, 256, (64, 1, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    transform = RandomDiffeo(1.0, 3, rule="repo", law="exact", interpolation="bilinear")
    moved, real = (transform(images, torch.Generator().manual_seed(1)) for images in (levels, levels.float()))
    assert moved.dtype == torch.uint8 and float((moved.float() - real).mean()) == pytest.approx(0, abs=0.02)
    assert float((moved.float() - real).abs().max()) <= 0.5 + 1e-4
