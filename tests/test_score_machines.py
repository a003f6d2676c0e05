"""Score machines against the formula, written out pixel by pixel in float64; their limits, symmetries and errors."""

import itertools
import math

import pytest
import torch

from quire.diffusion import BoundaryBroken, Equivariant, EquivariantLocal, Ideal, Local
from quire.rng import generator

BANK = (3, 1, 4, 5)  # images, channels, height, width
ABAR = 0.7


def images(*shape, name="bank", dtype=torch.float64):
    return torch.randn(shape, generator=generator("score machines", name), dtype=torch.float64).to(dtype)


def window(image, row, column, size, padding):
    """The window around a pixel, number by number."""
    _, height, width = image.shape
    reach, found = size // 2, []
    for channel in range(image.shape[0]):
        for i, j in itertools.product(range(row - reach, row + reach + 1), range(column - reach, column + reach + 1)):
            inside = 0 <= i < height and 0 <= j < width
            circular = image[channel, i % height, j % width].item()
            found.append(circular if padding == "circular" or inside else 0.0)
    return found


def signature(place, side, reach):
    return min(place, reach), min(side - 1 - place, reach)


def sees(machine, output, source, size, shape):
    """Whether a machine compares an output pixel with a training pixel."""
    height, width = shape
    if machine == "local":
        return output == source
    if machine == "valid":
        return all(size // 2 <= place < side - size // 2 for place, side in zip(source, shape, strict=True))
    if machine == "border":
        return all(
            signature(a, side, size // 2) == signature(b, side, size // 2)
            for a, b, side in zip(output, source, (height, width), strict=True)
        )
    return True


def weights_of(query, keys, abar):
    """Softmax of the negative squared distances, by hand."""
    logits = [
        -sum((x - math.sqrt(abar) * y) ** 2 for x, y in zip(query, key, strict=True)) / (2 * (1 - abar)) for key in keys
    ]
    top = max(logits)
    found = [math.exp(logit - top) for logit in logits]
    return [one / sum(found) for one in found]


def brute_force(machine, bank, noisy, abar, size, padding):
    """The local machines by their formula: mean, winner and entropy at each pixel."""
    shape = tuple(bank.shape[2:])
    mean, entropy = torch.zeros_like(noisy), torch.zeros(len(noisy), *shape, dtype=torch.float64)
    pixels = list(itertools.product(*map(range, shape)))
    for b, output in itertools.product(range(len(noisy)), pixels):
        seen = [
            (n, source)
            for n, source in itertools.product(range(len(bank)), pixels)
            if sees(machine, output, source, size, shape)
        ]
        weights = weights_of(
            window(noisy[b], *output, size, padding),
            [window(bank[n], *source, size, padding) for n, source in seen],
            abar,
        )
        for weight, (n, source) in zip(weights, seen, strict=True):
            mean[b, :, *output] += weight * bank[n, :, *source]
        entropy[b, *output] = -sum(w * math.log(w) for w in weights if w > 0)
    return mean, entropy


def whole_brute_force(bank, noisy, abar):
    """The machines that compare whole images."""
    found = []
    for image in noisy:
        weights = weights_of(image.flatten().tolist(), bank.flatten(1).tolist(), abar)
        found.append(sum(w * one for w, one in zip(weights, bank, strict=True)))
    return torch.stack(found)


def all_translates(bank):
    height, width = bank.shape[2:]
    return torch.cat([bank.roll((i, j), (2, 3)) for i, j in itertools.product(range(height), range(width))])


MACHINES = {
    "local": (Local, "zeros"),
    "border": (BoundaryBroken, "zeros"),
    "all": (lambda bank, **more: EquivariantLocal(bank, train_patches="circular", **more), "circular"),
    "valid": (lambda bank, **more: EquivariantLocal(bank, train_patches="valid", **more), "circular"),
}
WHOLE = {"ideal": Ideal, "equivariant": Equivariant}


# --- the formula


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("size", [1, 3])
@pytest.mark.parametrize("name", MACHINES)
def test_local_machines_are_their_formula(name, size, channels):
    make, padding = MACHINES[name]
    bank, noisy = images(3, channels, 4, 5), images(2, channels, 4, 5, name="noisy")
    expected, entropy = brute_force(name, bank, noisy, ABAR, size, padding)
    machine = make(bank)
    assert torch.allclose(machine.mean(noisy, ABAR, size), expected, atol=1e-12, rtol=0)
    score = (math.sqrt(ABAR) * expected - noisy) / (1 - ABAR)
    assert torch.allclose(machine.score(noisy, ABAR, size), score, atol=1e-11, rtol=0)
    assert torch.allclose(machine.noise(noisy, ABAR, size), -math.sqrt(1 - ABAR) * score, atol=1e-11, rtol=0)
    assert torch.allclose(machine.sources(noisy, ABAR, size).entropy, entropy, atol=1e-10, rtol=0)


@pytest.mark.parametrize("size", [5, 7])
@pytest.mark.parametrize("name", ["local", "border"])
def test_windows_beyond_the_frame(name, size):
    make, padding = MACHINES[name]
    bank, noisy = images(3, 1, 4, 5), images(2, 1, 4, 5, name="noisy")
    expected, _ = brute_force(name, bank, noisy, ABAR, size, padding)
    assert torch.allclose(make(bank).mean(noisy, ABAR, size), expected, atol=1e-12, rtol=0)


def test_machines_of_whole_images_are_their_formula():
    bank, noisy = images(*BANK), images(2, *BANK[1:], name="noisy")
    assert torch.allclose(Ideal(bank).mean(noisy, ABAR), whole_brute_force(bank, noisy, ABAR), atol=1e-12, rtol=0)
    expected = whole_brute_force(all_translates(bank), noisy, ABAR)
    assert torch.allclose(Equivariant(bank).mean(noisy, ABAR), expected, atol=1e-12, rtol=0)


@pytest.mark.parametrize("name", MACHINES)
def test_each_image_of_a_batch_has_its_own_noise(name):
    bank, noisy = images(4, 2, 6, 6), images(5, 2, 6, 6, name="noisy")
    machine, abar = MACHINES[name][0](bank), torch.tensor([0.0, 0.1, 0.5, 0.9, 0.999])
    together = machine.mean(noisy, abar, 3)
    for k in range(5):
        assert torch.allclose(together[k], machine.mean(noisy[k : k + 1], float(abar[k]), 3)[0], atol=1e-6)


# --- precision and memory


@pytest.mark.parametrize("name", MACHINES)
def test_single_precision_agrees_with_double(name):
    bank, noisy = images(20, 1, 8, 8), images(3, 1, 8, 8, name="noisy")
    machine = MACHINES[name][0](bank)
    for abar in (0.05, 0.5, 0.99, 1 - 1e-6):
        exact, single = machine.mean(noisy, abar, 5), machine.mean(noisy.float(), abar, 5)
        assert single.dtype == torch.float32
        assert (exact - single).abs().max() < 2e-4


@pytest.mark.parametrize("name", [*MACHINES, *WHOLE])
def test_memory_changes_nothing_but_memory(name):
    bank, noisy = images(9, 1, 6, 6), images(4, 1, 6, 6, name="noisy")
    bank[3], bank[5] = bank[0], 0.0
    make = MACHINES[name][0] if name in MACHINES else WHOLE[name]
    scale = (3,) if name in MACHINES else ()
    rich, poor = make(bank), make(bank, memory=10_000)
    assert torch.allclose(rich.mean(noisy, ABAR, *scale), poor.mean(noisy, ABAR, *scale), atol=1e-12)
    first, second = rich.sources(noisy, ABAR, *scale), poor.sources(noisy, ABAR, *scale)
    assert torch.equal(first.image, second.image) and torch.equal(first.row, second.row)
    assert torch.allclose(first.weight, second.weight, atol=1e-12) and torch.allclose(
        first.entropy, second.entropy, atol=1e-10
    )
    assert poor.bank._bytes() == 0 < rich.bank._bytes()


def test_windows_that_are_remembered_stay_within_the_memory():
    bank, noisy = images(30, 1, 8, 8), images(2, 1, 8, 8, name="noisy")
    machine = EquivariantLocal(bank, train_patches="circular", memory=4 * 30 * 64 * 59 * 8)
    for size in (1, 3, 5, 3, 1):
        machine.mean(noisy, ABAR, size)
    assert 0 < machine.bank._bytes() <= machine.bank.memory


# --- limits


def test_a_window_of_one_pixel_is_a_histogram():
    bank, noisy = images(5, 1, 4, 4), images(2, 1, 4, 4, name="noisy")
    values, expected = bank.flatten().tolist(), torch.empty_like(noisy)
    for index in itertools.product(range(2), range(1), range(4), range(4)):
        weights = weights_of([noisy[index].item()], [[value] for value in values], ABAR)
        expected[index] = sum(w * value for w, value in zip(weights, values, strict=True))
    for make in (BoundaryBroken, MACHINES["all"][0], MACHINES["valid"][0]):
        assert torch.allclose(make(bank).mean(noisy, ABAR, 1), expected, atol=1e-12)


@pytest.mark.parametrize("size", [9, 11])
def test_local_with_the_whole_image_in_every_window_is_ideal(size):
    bank, noisy = images(6, 2, 5, 5), images(3, 2, 5, 5, name="noisy")
    assert torch.allclose(Local(bank).mean(noisy, ABAR, size), Ideal(bank).mean(noisy, ABAR), atol=1e-12)


def test_circular_windows_of_the_whole_image_are_the_equivariant_machine():
    bank, noisy = images(4, 1, 5, 5), images(3, 1, 5, 5, name="noisy")
    circular = EquivariantLocal(bank, train_patches="circular")
    assert torch.allclose(circular.mean(noisy, ABAR, 5), Equivariant(bank).mean(noisy, ABAR), atol=1e-12)


@pytest.mark.parametrize("size", [5, 7, 9])
def test_a_window_as_large_as_the_image_shows_every_pixel_its_place(size):
    bank, noisy = images(6, 1, 5, 5), images(3, 1, 5, 5, name="noisy")
    assert torch.allclose(BoundaryBroken(bank).mean(noisy, ABAR, size), Local(bank).mean(noisy, ABAR, size), atol=1e-12)


def test_of_one_image_the_machines_that_know_the_place_give_it_back():
    bank, noisy = images(1, 2, 6, 6), images(3, 2, 6, 6, name="noisy")
    expected = bank.expand(3, -1, -1, -1)
    assert torch.allclose(Ideal(bank).mean(noisy, ABAR), expected, atol=1e-12)
    assert torch.allclose(Local(bank).mean(noisy, ABAR, 3), expected, atol=1e-12)
    found = EquivariantLocal(bank, train_patches="circular").mean(noisy, 1 - 1e-7, 1)
    assert torch.isin(found, bank).all()  # without noise: pixels of that image


# --- symmetries


@pytest.mark.parametrize("patches", ["circular", "valid"])
def test_circular_machines_are_exactly_equivariant(patches):
    bank, noisy = images(4, 2, 6, 7, dtype=torch.float32), images(3, 2, 6, 7, name="noisy", dtype=torch.float32)
    machine = EquivariantLocal(bank, train_patches=patches)
    for shift in ((1, 0), (0, 3), (5, -2)):
        rolled = machine.mean(noisy.roll(shift, (2, 3)), ABAR, 3)
        assert torch.allclose(rolled, machine.mean(noisy, ABAR, 3).roll(shift, (2, 3)), atol=1e-6, rtol=0)
    whole, exact = Equivariant(bank.double()), noisy.double()
    assert torch.allclose(whole.mean(exact.roll(2, 3), ABAR), whole.mean(exact, ABAR).roll(2, 3), atol=1e-10, rtol=0)


def test_borders_and_places_break_the_equivariance():
    bank, noisy = images(4, 1, 6, 6), images(3, 1, 6, 6, name="noisy")
    for machine in (Local(bank), BoundaryBroken(bank)):
        difference = machine.mean(noisy.roll(1, 3), ABAR, 3) - machine.mean(noisy, ABAR, 3).roll(1, 3)
        assert difference.abs().max() > 0.05


def test_far_from_the_border_the_boundary_broken_machine_is_equivariant():
    bank, noisy = images(4, 1, 9, 9), torch.zeros(1, 1, 9, 9, dtype=torch.float64)
    noisy[..., 3:6, 3:6] = images(3, 3, name="middle")
    machine = BoundaryBroken(bank)
    moved = machine.mean(noisy.roll(1, 3), ABAR, 3)
    assert torch.allclose(moved[..., 1:-1, 2:-1], machine.mean(noisy, ABAR, 3)[..., 1:-1, 1:-2], atol=1e-12)


def test_the_order_of_the_bank_does_not_matter_and_copies_count():
    bank, noisy = images(5, 1, 6, 6), images(2, 1, 6, 6, name="noisy")
    mixed = torch.cat([bank[[3, 1]], bank, bank[[1, 0]]])
    heavy = EquivariantLocal(mixed, train_patches="circular").mean(noisy, ABAR, 3)
    expected, _ = brute_force("all", mixed, noisy, ABAR, 3, "circular")
    assert torch.allclose(heavy, expected, atol=1e-12)
    assert torch.allclose(Ideal(bank.flip(0)).mean(noisy, ABAR), Ideal(bank).mean(noisy, ABAR), atol=1e-12)


# --- sources


@pytest.mark.parametrize("name", MACHINES)
def test_without_noise_a_training_image_comes_from_itself(name):
    bank = images(4, 2, 6, 6)
    found = MACHINES[name][0](bank).sources(bank, 0.9999, 3)
    rows, columns = torch.meshgrid(torch.arange(6), torch.arange(6), indexing="ij")
    inner = (slice(None), slice(1, 5), slice(1, 5))  # valid windows are within the frame
    assert torch.equal(found.image[inner], torch.arange(4)[:, None, None].expand(4, 6, 6)[inner])
    assert torch.equal(found.row[inner], rows.expand(4, 6, 6)[inner])
    assert torch.equal(found.column[inner], columns.expand(4, 6, 6)[inner])
    assert found.weight[inner].min() > 0.999 and found.entropy[inner].max() < 0.01


def test_the_sources_of_whole_images():
    bank = images(4, 1, 5, 6)
    found = Ideal(bank).sources(bank[[2]], 0.99)
    rows, columns = torch.meshgrid(torch.arange(5), torch.arange(6), indexing="ij")
    assert (found.image == 2).all() and torch.equal(found.row[0], rows) and torch.equal(found.column[0], columns)
    rolled = bank[[2]].roll((1, 2), (2, 3))
    found = Equivariant(bank).sources(rolled, 0.99)
    assert (found.image == 2).all()
    assert torch.equal(bank[2, 0][found.row[0], found.column[0]], rolled[0, 0])


def test_pure_noise_comes_from_everywhere():
    bank, noisy = images(4, 1, 5, 5), images(2, 1, 5, 5, name="noisy")
    found = EquivariantLocal(bank, train_patches="circular").sources(noisy, 0.0, 3)
    assert torch.allclose(found.entropy, torch.full_like(found.entropy, math.log(100)), atol=1e-10)
    assert torch.allclose(found.weight, torch.full_like(found.weight, 0.01), atol=1e-12)
    blank = EquivariantLocal(torch.zeros(4, 1, 5, 5), train_patches="circular").sources(noisy.float(), 0.5, 3)
    assert torch.allclose(blank.weight, torch.full_like(blank.weight, 0.01), atol=1e-6) and (blank.image == 0).all()
    assert torch.allclose(blank.entropy, torch.full_like(blank.entropy, math.log(100)), atol=1e-4)


# --- errors


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (dict(scale=2), "odd"),
        (dict(scale=0), "odd"),
        (dict(scale=-3), "odd"),
        (dict(scale=None), "compares windows"),
        (dict(scale=7), "circular window must fit"),
        (dict(abar=1.0), "lie in"),
        (dict(abar=-0.1), "lie in"),
        (dict(abar=math.nan), "lie in"),
        (dict(noisy=torch.zeros(2, 3, 6, 6)), "like those of the bank"),
        (dict(noisy=torch.zeros(2, 1, 6, 5)), "like those of the bank"),
        (dict(noisy=torch.zeros(0, 1, 6, 6)), "like those of the bank"),
        (dict(noisy=torch.full((2, 1, 6, 6), math.nan)), "finite"),
        (dict(noisy=torch.full((2, 1, 6, 6), math.inf)), "finite"),
    ],
)
def test_bad_questions_are_refused(asked, message):
    machine = EquivariantLocal(torch.zeros(2, 1, 6, 6), train_patches="circular")
    with pytest.raises(ValueError, match=message):
        machine.mean(**(dict(noisy=torch.zeros(2, 1, 6, 6), abar=0.5, scale=3) | asked))


def test_machines_of_whole_images_have_no_scale():
    with pytest.raises(ValueError, match="has no scale"):
        Ideal(torch.zeros(2, 1, 6, 6)).mean(torch.zeros(1, 1, 6, 6), 0.5, 3)


@pytest.mark.parametrize(
    ("bank", "message"),
    [
        (torch.zeros(0, 1, 4, 4), "at least one"),
        (torch.zeros(2, 1, 0, 4), "at least one"),
        (torch.full((1, 1, 4, 4), math.nan), "finite"),
    ],
)
def test_bad_banks_are_refused(bank, message):
    with pytest.raises(ValueError, match=message):
        Ideal(bank)


def test_bad_choices_are_refused():
    with pytest.raises(ValueError, match="memory"):
        Local(torch.zeros(2, 1, 4, 4), memory=0)
    with pytest.raises(ValueError, match="circular window must fit"):
        EquivariantLocal(torch.zeros(2, 1, 4, 6), train_patches="valid").mean(torch.zeros(1, 1, 4, 6), 0.5, 5)
