"""quire.data: every set by name, verified; the web replaced by a server on this machine that drops connections."""

import contextlib
import errno
import gzip
import hashlib
import http.server
import io
import os
import re
import struct
import subprocess
import sys
import tarfile
import threading
from pathlib import Path

import numpy as np
import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

import quire.data
from quire.data import CorruptFile, MissingData, download, glyph_classes, load, registry
from quire.data.download import cached
from quire.data.fonts import FONTS, SCRIPTS, signed_distances
from quire.data.glyphs import _uniform
from quire.data.registry import entries, read_cifar, read_idx
from quire.files import folder

SHARED = os.environ.get("QUIRE_DATA")  # before the fixture below hides it
needs_shared = pytest.mark.skipif(not SHARED, reason="QUIRE_DATA names no folder with the measured data sets")


@pytest.fixture(autouse=True)
def _bare_machine(monkeypatch, tmp_path):
    """No folder of data, an empty cache, no waiting and no web (a test that needs one serves it itself)."""
    monkeypatch.delenv("QUIRE_DATA", raising=False)
    monkeypatch.setenv("QUIRE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    real = requests.Session.send

    def send(session, request, **options):
        if not request.url.startswith("http://127.0.0.1"):
            raise requests.ConnectionError("no route to host")
        return real(session, request, **options)

    monkeypatch.setattr(requests.Session, "send", send)


# ---------------------------------------------------------------------------------------------- embedded


def test_digits_are_those_of_scikit_learn():
    from sklearn.datasets import load_digits

    data, reference = load("digits"), load_digits()
    np.testing.assert_array_equal(data.inputs.reshape(1797, 64), reference.data)
    np.testing.assert_array_equal(data.labels, reference.target)
    assert data.inputs.dtype == np.uint8 and data.labels.dtype == np.int64
    assert data.test_inputs is None and data.inputs.max() == data.peak == 16


def test_photos_are_two_colour_pictures_in_a_fixed_order():
    data = load("photos")
    assert data.inputs.shape == (2, 427, 640, 3) and data.inputs.dtype == np.uint8
    assert data.classes == ("china", "flower") and data.labels.tolist() == [0, 1]
    china, flower = data.inputs.astype(float).mean((1, 2))
    assert china[2] > flower[2]  # the sky is blue
    assert "CC BY" in data.licence


def test_every_set_says_where_it_comes_from():
    for data in (load("digits"), load("photos"), load("glyphs", num_samples=1)):
        assert data.licence and data.source and data.name in quire.data.names()


def test_importing_and_loading_need_no_torch():
    code = "import sys, quire.data; quire.data.load('digits'); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_unknown_names_and_options_are_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="digits, photos, glyphs, glyph-tasks, mnist.*got 'imagenet'"):
        load("imagenet")
    with pytest.raises(TypeError, match="takes num_samples, .*got colour"):
        load("glyphs", colour=True)
    with pytest.raises(TypeError, match="'mnist'.*takes no options, got num_samples"):
        load("mnist", num_samples=3)


# ---------------------------------------------------------------------------------------------- glyphs


def test_glyphs_have_the_documented_shapes():
    data = load("glyphs", num_samples=30, num_test=7, num_classes=12, size=19)
    assert data.inputs.shape == (30, 19, 19) and data.test_inputs.shape == (7, 19, 19)
    assert data.inputs.dtype == np.uint8 and data.labels.dtype == np.int64 and data.peak == 255
    assert len(data.classes) == 12 and set(data.labels) | set(data.test_labels) <= set(range(12))


def test_many_scripts_many_classes_and_no_twins():
    by_script = {script: glyph_classes(scripts=(script,)) for script in SCRIPTS}
    assert min(map(len, by_script.values())) >= 10
    everything = glyph_classes()
    assert len(everything) > 700 and len(set(everything)) == len(everything)
    assert "A" in everything and not {"Α", "А"} & set(everything)  # the Greek and the Cyrillic one
    assert "O" in everything and "o" not in everything


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**40), start=st.integers(0, 10**12), size=st.integers(4, 40), cut=st.integers(1, 5))
def test_a_glyph_depends_on_seed_and_index_alone(seed, start, size, cut):
    options = {"num_classes": 5, "size": size, "seed": seed, "cache": False, "fonts": FONTS[:2]}
    whole = load("glyphs", num_samples=6, start=start, **options)
    tail = load("glyphs", num_samples=6 - cut, start=start + cut, num_test=3, **options)
    np.testing.assert_array_equal(whole.inputs[cut:], tail.inputs)
    np.testing.assert_array_equal(whole.labels[cut:], tail.labels)


def test_glyphs_do_not_depend_on_the_block_that_they_are_drawn_in():
    whole = load("glyphs", num_samples=20, size=300, num_classes=3, cache=False)  # blocks of 11
    single = load("glyphs", num_samples=1, start=15, size=300, num_classes=3, cache=False)
    np.testing.assert_array_equal(whole.inputs[15], single.inputs[0])


def test_the_test_split_and_other_seeds_are_other_samples():
    data = load("glyphs", num_samples=50, num_test=50, seed=1)
    other = load("glyphs", num_samples=50, seed=2)
    assert not np.array_equal(data.inputs, data.test_inputs) and not np.array_equal(data.inputs, other.inputs)


def test_labels_are_uniform_and_uncorrelated():
    number, classes = 20_000, 8
    labels = load("glyphs", num_samples=number, num_classes=classes, size=4, cache=False).labels
    expected = number / classes
    chi_square = np.sum((np.bincount(labels, minlength=classes) - expected) ** 2 / expected)
    assert chi_square < 29.9  # 0.9999 quantile of chi-square with 7 degrees of freedom
    neighbours = np.corrcoef(labels[1:], labels[:-1])[0, 1]
    assert abs(neighbours) < 4 / np.sqrt(number)


def test_the_counter_based_numbers_are_uniform_and_independent_by_column():
    numbers = _uniform("train/0", np.arange(40_000, dtype=np.uint64), 7)
    assert numbers.min() >= 0 and numbers.max() < 1
    error = 1 / np.sqrt(12 * len(numbers))
    assert np.abs(numbers.mean(0) - 0.5).max() < 5 * error
    off_diagonal = np.corrcoef(numbers.T) - np.eye(7)
    assert np.abs(off_diagonal).max() < 5 / np.sqrt(len(numbers))


def test_the_counter_based_numbers_are_splitmix64():
    """The first output of SplitMix64 from a zero state is a published constant."""
    key = int.from_bytes(hashlib.sha256(b"stream").digest()[:8], "little")

    def splitmix(state):
        z = state = state % 2**64
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB % 2**64
        return z ^ (z >> 31)

    assert splitmix(0x9E3779B97F4A7C15) == 0xE220A8397B1DCDAF
    got = _uniform("stream", np.array([0, 5, 2**50], np.uint64), 3)
    expected = [
        [(splitmix(key + (index * 3 + 1 + column) * 0x9E3779B97F4A7C15) >> 11) / 2**53 for column in range(3)]
        for index in (0, 5, 2**50)
    ]
    np.testing.assert_array_equal(got, expected)


def test_without_jitter_a_glyph_is_its_outline_at_every_size():
    still = {"max_rotation": 0.0, "max_shear": 0.0, "scale_range": (0.75, 0.75), "max_shift": 0.0, "cache": False}
    small, large = (
        load("glyphs", num_samples=40, size=size, fonts=FONTS[:1], **still).inputs / 255 for size in (32, 128)
    )
    blocks = large.reshape(40, 32, 4, 32, 4).mean((2, 4))  # what a camera with larger pixels would see
    assert np.abs(small - blocks).mean() < 0.01 and np.abs(small - blocks).max() < 0.35
    assert np.all(large.reshape(40, -1).max(1) == 1)


def test_the_map_is_the_documented_one():
    """A quarter of a turn, drawn by the formula, is the picture turned."""
    still = {"max_shear": 0.0, "scale_range": (0.7, 0.7), "max_shift": 0.0, "cache": False, "fonts": FONTS[:1]}
    from quire.data.glyphs import _Drawer

    drawer = _Drawer(("F",), FONTS[:1], 65, 0, (90.0, 0.3, 0.7, 0.7, 0.1))
    half = np.full((1, 5, 1, 1), 0.5)
    upright = drawer._draw(np.zeros((1, 1, 1), int), half)[0]
    turned = half.copy()
    turned[0, 0] = 1.0  # the largest angle: +90 degrees, clockwise on the page
    np.testing.assert_allclose(drawer._draw(np.zeros((1, 1, 1), int), turned)[0], np.rot90(upright, -1), atol=1)
    moved = half.copy()
    moved[0, 3] = 1.0  # 0.1 of 65 pixels to the right
    got = drawer._draw(np.zeros((1, 1, 1), int), moved)[0]
    np.testing.assert_allclose(ndimage.center_of_mass(got)[1] - ndimage.center_of_mass(upright)[1], 6.5, atol=0.02)
    sheared = half.copy()
    sheared[0, 1] = 1.0
    area = drawer._draw(np.zeros((1, 1, 1), int), sheared)[0].sum()
    assert abs(area / upright.sum() - 1) < 0.02  # a shear keeps the area
    assert load("glyphs", num_samples=2, max_rotation=0.0, **still).inputs.shape == (2, 28, 28)


def test_signed_distances_are_euclidean_away_from_the_smoothing():
    distances, count, side = signed_distances(("I",), FONTS[:1])
    assert count.tolist() == [1]
    row = distances[0, distances.shape[1] // 2]
    inside = np.flatnonzero(row < 0)
    left = inside[0]
    np.testing.assert_allclose(np.diff(row[left - 40 : left - 5]), -1, atol=1e-3)
    assert side == 160 and row[inside].min() < -5


def test_glyphs_stay_in_their_picture_and_off_its_border():
    images = load("glyphs", num_samples=2000, num_classes=60, size=28, cache=False).inputs.astype(float)
    border = np.concatenate([images[:, [0, -1]].ravel(), images[:, :, [0, -1]].ravel()]).mean()
    assert border < 0.02 * images.mean()
    ink = images.mean((1, 2)) / 255
    assert ink.min() > 0.005 and ink.max() < 0.6
    centre = np.array([ndimage.center_of_mass(image) for image in images[:300]]).mean(0)
    np.testing.assert_allclose(centre, 13.5, atol=1.0)


def test_classes_can_be_told_apart_by_their_mean_pictures():
    data = load("glyphs", num_samples=2000, num_test=300, num_classes=10, size=16, cache=False)
    flat, test = (x.reshape(len(x), -1).astype(float) for x in (data.inputs, data.test_inputs))
    means = np.stack([flat[data.labels == label].mean(0) for label in range(10)])
    guess = ((test[:, None] - means) ** 2).sum(-1).argmin(1)
    assert np.mean(guess == data.test_labels) > 0.4  # chance is 0.1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_samples": 0}, "num_samples must be ≥ 1, got 0"),
        ({"num_test": -1}, "num_test must be ≥ 0"),
        ({"num_classes": 0}, "num_classes must be ≥ 1"),
        ({"size": 3}, "size must be ≥ 4"),
        ({"seed": -1}, "seed must be ≥ 0"),
        ({"start": -2}, "start must be ≥ 0"),
        ({"fonts": ()}, "number of fonts must be ≥ 1"),
        ({"fonts": ("Comic",)}, "got 'Comic': name some of .*DejaVuSans"),
        ({"scripts": ("klingon",)}, "scripts must be some of latin.*klingon"),
        ({"scripts": ()}, r"scripts must be some of latin.*got \[\]"),
        ({"scripts": ("digits",), "num_classes": 99}, "num_classes must be ≤ 10 with these scripts, got 99: add"),
        ({"scale_range": (0.0, 0.5)}, "scale_range must be 0 < smallest"),
        ({"scale_range": (0.8, 0.5)}, "smallest ≤ largest"),
    ],
)
def test_glyph_options_out_of_range(options, message):
    with pytest.raises(ValueError, match=message):
        load("glyphs", **options)


def _cache_file() -> Path:
    [path] = (folder("store") / "glyphs").iterdir()
    return path


def test_glyphs_are_cached_and_the_cache_is_used(monkeypatch):
    first = load("glyphs", num_samples=5, num_test=2)
    monkeypatch.setattr("quire.data.glyphs._Drawer", None)  # drawing again would fail
    again = load("glyphs", num_samples=5, num_test=2)
    np.testing.assert_array_equal(first.inputs, again.inputs)
    np.testing.assert_array_equal(first.test_labels, again.test_labels)
    assert not list((folder("store") / "glyphs").glob(".*"))


@pytest.mark.parametrize("damage", ["truncate", "flip", "empty"])
def test_a_corrupt_cache_is_reported_and_drawn_again(damage):
    first = load("glyphs", num_samples=5)
    path = _cache_file()
    whole = path.read_bytes()
    flipped = whole[:200] + bytes([whole[200] ^ 1]) + whole[201:]
    path.write_bytes({"truncate": whole[: len(whole) // 2], "flip": flipped, "empty": b""}[damage])
    with pytest.warns(CorruptFile, match="truncated or garbled"):
        again = load("glyphs", num_samples=5)
    np.testing.assert_array_equal(first.inputs, again.inputs)
    assert path.read_bytes() == whole  # written again, to the byte


def test_a_full_disk_costs_the_cache_and_not_the_data(monkeypatch):
    def full(handle):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.warns(UserWarning, match="could not be kept.*No space left"):
        data = load("glyphs", num_samples=5)
    assert data.inputs.shape == (5, 28, 28) and list((folder("store") / "glyphs").iterdir()) == []
    monkeypatch.undo()


# ---------------------------------------------------------------------------------------------- formats


def _idx(array: np.ndarray) -> bytes:
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


@settings(max_examples=30, deadline=None)
@given(shape=st.lists(st.integers(0, 5), min_size=1, max_size=3), seed=st.integers(0, 99))
def test_idx_round_trip(tmp_path_factory, shape, seed):
    array = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    path = tmp_path_factory.mktemp("idx") / "file.gz"
    path.write_bytes(gzip.compress(_idx(array)))
    np.testing.assert_array_equal(read_idx(path), array)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "must begin with 0, 0, 8, rank"),
        (b"\0\0\x0d\1\0\0\0\1\0", "must begin with 0, 0, 8, rank"),
        (b"\0\0\x08\0", "must begin with 0, 0, 8, rank"),
        (b"\0\0\x08\3\0\0\0\1", "must begin with 0, 0, 8, rank"),
        (b"\0\0\x08\1\0\0\0\5abcd", r"should hold \(5,\) bytes after its header, got 4"),
        (b"\0\0\x08\1\0\0\0\3abcd", r"should hold \(3,\) bytes after its header, got 4"),
        (b"\0\0\x08\2\xff\xff\xff\xff\xff\xff\xff\xffabcd", "should hold .* got 4"),
    ],
)
def test_idx_bad_input(tmp_path, content, message):
    path = tmp_path / "file.gz"
    path.write_bytes(gzip.compress(content))
    with pytest.raises(ValueError, match=message):
        read_idx(path)


def _cifar(path: Path, batches: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in batches.items():
            member = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def _batches(batch: int) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(0)
    names = [f"data_batch_{i}.bin" for i in (3, 1, 2, 5, 4)] + ["test_batch.bin"]
    records = {name: generator.integers(0, 256, (batch, 3073), dtype=np.uint8) for name in names}
    for value in records.values():
        value[:, 0] %= 10
    return records


def test_cifar_binary_is_decoded_in_the_official_order(tmp_path):
    records = _batches(4)
    content = {name: value.tobytes() for name, value in records.items()} | {"readme.html": b"text"}
    arrays = read_cifar(_cifar(tmp_path / "c.tar.gz", content), batch=4)
    assert arrays["x_train"].shape == (20, 32, 32, 3) and arrays["x_test"].shape == (4, 32, 32, 3)
    third = records["data_batch_1.bin"][2]
    assert arrays["y_train"][2] == third[0]
    for channel, row, column in [(0, 0, 0), (2, 5, 31), (1, 31, 0)]:  # planes of red, green and blue, by rows
        assert arrays["x_train"][2, row, column, channel] == third[1 + channel * 1024 + row * 32 + column]
    np.testing.assert_array_equal(arrays["y_test"], records["test_batch.bin"][:, 0])


@pytest.mark.parametrize("fault", ["missing", "short", "label"])
def test_cifar_bad_input(tmp_path, fault):
    content = {name: value.tobytes() for name, value in _batches(2).items()}
    if fault == "missing":
        del content["data_batch_4.bin"]
    elif fault == "short":
        content["data_batch_4.bin"] = content["data_batch_4.bin"][:-1]
    else:
        content["data_batch_4.bin"] = b"\x0a" + content["data_batch_4.bin"][1:]
    with pytest.raises(ValueError, match="data_batch_4.bin must hold 2 records of 3073 bytes"):
        read_cifar(_cifar(tmp_path / "c.tar.gz", content), batch=2)


# ---------------------------------------------------------------------------------------------- registry


def test_the_registry_is_complete_and_sound():
    known = entries()
    assert set(known) == {"mnist", "cifar10", "cifar10-subset", "shakespeare"}
    for name, entry in known.items():
        assert {"title", "licence", "source", "format", "peak"} <= set(entry), name
        specs = [*entry.get("files", []), *([entry["local"]] if "local" in entry else [])]
        assert specs, name
        for spec in specs:
            assert re.fullmatch("[0-9a-f]{64}", spec["sha256"]) and spec["bytes"] > 0, (name, spec)
            assert Path(spec["file"]).name == spec["file"]
        for spec in entry.get("files", []):
            assert spec["urls"] and all(url.startswith("https://") for url in spec["urls"])
        assert all(re.fullmatch("[0-9a-f]{64}", digest) for digest in entry.get("content", {}).values())
    assert "subset" in known["cifar10-subset"]["title"] and "not bit-equal" in known["cifar10-subset"]["source"]


def test_no_pickle_can_be_loaded():
    sources = "\n".join(path.read_text() for path in Path(quire.data.__file__).parent.glob("*.py"))
    assert "import pickle" not in sources and "allow_pickle=True" not in sources
    assert (
        len(re.findall(r"np\.load\(", sources)) == len(re.findall(r"np\.load\([^\n]*allow_pickle=False", sources)) > 0
    )


@needs_shared
def test_mnist_from_the_folder(monkeypatch):
    monkeypatch.setenv("QUIRE_DATA", SHARED)
    data = load("mnist")
    assert data.inputs.shape == (60000, 28, 28) and data.test_inputs.shape == (10000, 28, 28)
    assert np.bincount(data.labels).tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    official = "6bbc9ace898e44ae57da46a324031adb"  # MD5 of the uncompressed train-images-idx3-ubyte
    assert hashlib.md5(_idx(data.inputs)).hexdigest() == official


@needs_shared
def test_mnist_from_idx_files_is_the_same(monkeypatch, tmp_path):
    monkeypatch.setenv("QUIRE_DATA", SHARED)
    reference, known = load("mnist"), entries()
    parts = [reference.inputs, reference.labels, reference.test_inputs, reference.test_labels]
    for spec, array in zip(known["mnist"]["files"], parts, strict=True):
        content = gzip.compress(_idx(array.astype(np.uint8)), 1)
        (tmp_path / spec["file"]).write_bytes(content)
        spec["sha256"] = hashlib.sha256(content).hexdigest()
    monkeypatch.setattr(registry, "entries", lambda: known)
    monkeypatch.setenv("QUIRE_DATA", str(tmp_path))
    data = registry.fetch("mnist")
    np.testing.assert_array_equal(data.inputs, reference.inputs)
    np.testing.assert_array_equal(data.test_labels, reference.test_labels)


@needs_shared
def test_cifar10_subset_from_the_folder(monkeypatch):
    monkeypatch.setenv("QUIRE_DATA", SHARED)
    data = load("cifar10-subset")
    assert data.name == "cifar10-subset" and "not bit-equal" in data.source
    assert data.inputs.shape == (10000, 32, 32, 3) and np.bincount(data.test_labels).tolist() == [200] * 10


@needs_shared
def test_shakespeare_from_the_folder(monkeypatch):
    monkeypatch.setenv("QUIRE_DATA", SHARED)
    data = load("shakespeare")
    assert data.inputs.shape == (1115394,) and len(data.classes) == 65 and data.inputs.max() == data.peak == 64
    assert "".join(data.classes[token] for token in data.inputs[:14]) == "First Citizen:"
    assert data.labels is None and data.test_inputs is None


def _text_entry(content: bytes, url: str = "https://example.org/input.txt") -> dict:
    spec = {"file": "text.txt", "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest(), "urls": [url]}
    return {"format": "text", "peak": 64, "licence": "none", "source": "here", "files": [spec]}


def test_text_is_tokens_and_their_characters(monkeypatch, tmp_path):
    monkeypatch.setattr(registry, "entries", lambda: {"toy": _text_entry(b"abracadabra")})
    monkeypatch.setenv("QUIRE_DATA", str(tmp_path))
    (tmp_path / "text.txt").write_bytes(b"abracadabra")
    data = registry.fetch("toy")
    assert data.classes == ("a", "b", "c", "d", "r")
    assert data.inputs.dtype == np.uint8 and data.inputs.tolist() == [0, 1, 4, 0, 2, 0, 3, 0, 1, 4, 0]


def test_a_file_with_the_wrong_checksum_is_refused(monkeypatch, tmp_path):
    monkeypatch.setenv("QUIRE_DATA", str(tmp_path))
    (tmp_path / "mnist.npz").write_bytes(b"not the data")
    with pytest.raises(ValueError, match="mnist.npz should have sha256 06af5dfe.*replace or delete it"):
        load("mnist")


def test_decoded_arrays_are_checked_too(monkeypatch, tmp_path):
    entry = _text_entry(b"abc") | {"content": {"x_train": "0" * 64}}
    monkeypatch.setattr(registry, "entries", lambda: {"toy": entry})
    monkeypatch.setenv("QUIRE_DATA", str(tmp_path))
    (tmp_path / "text.txt").write_bytes(b"abc")
    with pytest.raises(ValueError, match="x_train decodes to sha256"):
        registry.fetch("toy")


def test_a_folder_that_does_not_exist_is_an_error(monkeypatch, tmp_path):
    monkeypatch.setenv("QUIRE_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(MissingData, match="QUIRE_DATA names .*nowhere, which is not a folder"):
        load("mnist")


def test_offline_says_which_file_to_put_where(tmp_path):
    with pytest.raises(MissingData, match="could not download train-images-idx3-ubyte.gz") as caught:
        load("mnist")
    message = str(caught.value)
    assert "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609" in message
    assert "QUIRE_DATA" in message and str(tmp_path / "cache") in message and "no route to host" in message


def test_a_set_without_public_source_says_which_file_to_put_where(monkeypatch):
    with pytest.raises(MissingData, match="put cifar10_subset.npz .*set QUIRE_DATA to that folder; it is now not set"):
        load("cifar10-subset")


# ---------------------------------------------------------------------------------------------- download

CONTENT = np.random.default_rng(0).integers(0, 256, 300_000, dtype=np.uint8).tobytes()


class _Server(http.server.ThreadingHTTPServer):
    """Serves CONTENT; ``drops`` connections are cut half-way; notes the Range of each request."""

    drops, ranges_honoured, status, body = 0, True, 200, CONTENT

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[str | None] = []
        self.url = f"http://127.0.0.1:{self.server_port}/file.bin"


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        server, wanted = self.server, self.headers.get("Range")
        server.asked.append(wanted)
        if server.status != 200:
            return self.send_error(server.status)
        begin = int(wanted[6:-1]) if wanted and server.ranges_honoured else 0
        rest = server.body[begin:]
        self.send_response(206 if begin else 200)
        self.send_header("Content-Length", str(len(rest)))
        if begin:
            self.send_header("Content-Range", f"bytes {begin}-{len(server.body) - 1}/{len(server.body)}")
        self.end_headers()
        if server.drops:
            server.drops -= 1
            rest = rest[: len(rest) // 2]
        self.wfile.write(rest)

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture
def server():
    server = _Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def _get(server, path: Path, **changes) -> Path:
    known = {
        "file": "file.bin",
        "urls": [server.url],
        "sha256": hashlib.sha256(CONTENT).hexdigest(),
        "size": len(CONTENT),
    }
    return cached(path, **known | changes)


def _left(path: Path) -> set[str]:
    return {entry.name for entry in path.iterdir()} - {"file.bin.lock"}


def test_a_download_is_made_once(server, tmp_path):
    assert _get(server, tmp_path).read_bytes() == CONTENT
    assert _get(server, tmp_path).read_bytes() == CONTENT
    assert server.asked == [None] and _left(tmp_path) == {"file.bin"}


def test_a_dropped_connection_resumes_where_it_stopped(server, tmp_path):
    server.drops = 2
    assert _get(server, tmp_path).read_bytes() == CONTENT
    first, *resumed = server.asked
    begins = [int(asked[6:-1]) for asked in resumed]
    assert first is None and 130_000 < begins[0] <= 150_000 and 200_000 < begins[1] <= 225_000  # no byte asked twice
    assert len(begins) == 2 and _left(tmp_path) == {"file.bin"}


def test_a_killed_run_resumes_where_it_stopped(server, tmp_path):
    (tmp_path / "file.bin.part").write_bytes(CONTENT[:123_456])
    assert _get(server, tmp_path).read_bytes() == CONTENT
    assert server.asked == ["bytes=123456-"]


def test_a_part_that_is_whole_needs_no_connection(server, tmp_path):
    (tmp_path / "file.bin.part").write_bytes(CONTENT)
    assert _get(server, tmp_path).read_bytes() == CONTENT and server.asked == []


def test_a_part_that_is_too_long_is_started_anew(server, tmp_path):
    (tmp_path / "file.bin.part").write_bytes(CONTENT + b"x")
    assert _get(server, tmp_path).read_bytes() == CONTENT and server.asked == [None]


def test_a_server_without_ranges_is_read_from_the_start(server, tmp_path):
    server.ranges_honoured, server.drops = False, 1
    assert _get(server, tmp_path).read_bytes() == CONTENT
    assert server.asked[0] is None and server.asked[1].startswith("bytes=1")


def test_a_connection_that_always_drops_gives_up_and_keeps_the_part(server, tmp_path):
    server.ranges_honoured, server.drops = False, 10**6  # never more than half
    with pytest.raises(MissingData, match="could not download file.bin"):
        _get(server, tmp_path)
    assert len(server.asked) == 4 and _left(tmp_path) == {"file.bin.part"}


def test_a_wrong_file_is_refused_and_nothing_is_left(server, tmp_path):
    server.body = CONTENT[:-1] + b"x"
    with pytest.raises(MissingData, match="does not match the known hash"):
        _get(server, tmp_path)
    assert _left(tmp_path) == set()


def test_a_wrong_part_costs_one_download(server, tmp_path):
    (tmp_path / "file.bin.part").write_bytes(b"another file")
    assert _get(server, tmp_path).read_bytes() == CONTENT
    assert server.asked == ["bytes=12-", None]


@pytest.mark.parametrize("more", [1, 5_000_000])
def test_a_body_that_is_too_long_is_another_file(server, tmp_path, more):
    server.body = CONTENT + b"x" * more
    with pytest.raises(MissingData, match="it is another file"):
        _get(server, tmp_path)
    assert len(server.asked) == 1 and _left(tmp_path) == set()


def test_a_body_without_an_end_is_cut_at_the_length_of_the_file(server, tmp_path, monkeypatch):
    sent = []

    def endless(handler):
        handler.server.asked.append(None)
        handler.send_response(200)
        handler.end_headers()
        with contextlib.suppress(OSError):
            while len(sent) < 10_000:
                handler.wfile.write(b"x" * 10_000)
                sent.append(10_000)

    monkeypatch.setattr(_Handler, "do_GET", endless)
    with pytest.raises(MissingData, match="more bytes than the file has"):
        _get(server, tmp_path)
    assert sum(sent) < 50_000_000 and len(server.asked) == 1 and _left(tmp_path) == set()


@pytest.mark.parametrize("page", [b"<html>log in</html>", b"<html>" + b" " * 299_994])
def test_a_page_in_place_of_the_file_ends_after_a_few_requests(server, tmp_path, page):
    server.body, server.ranges_honoured = page, False
    with pytest.raises(MissingData):
        _get(server, tmp_path)
    assert len(server.asked) <= 5


def test_ranges_that_lie_end_after_a_few_requests(server, tmp_path, monkeypatch):
    def lies(handler):
        handler.server.asked.append(None)
        begin = int((handler.headers.get("Range") or "bytes=0-")[6:-1])
        handler.send_response(206)
        handler.send_header("Content-Range", f"bytes {begin}-{len(CONTENT) - 1}/{len(CONTENT)}")
        handler.send_header("Content-Length", "1")
        handler.end_headers()
        handler.wfile.write(b"x")

    monkeypatch.setattr(_Handler, "do_GET", lies)
    with pytest.raises(MissingData):
        _get(server, tmp_path)
    assert len(server.asked) == 12


def test_a_server_that_drips_ends_in_bounded_time(server, tmp_path, monkeypatch):
    monkeypatch.setattr(download, "_PATIENCE", 0.3)
    monkeypatch.setattr(download, "_SLOWEST", 10**9)

    def drips(handler):
        handler.server.asked.append(None)
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(CONTENT)))
        handler.end_headers()
        with contextlib.suppress(OSError):
            for i in range(0, 100_000, 20_000):
                handler.wfile.write(CONTENT[i : i + 20_000])
                threading.Event().wait(0.2)

    monkeypatch.setattr(_Handler, "do_GET", drips)
    with pytest.raises(MissingData, match="too slow"):
        _get(server, tmp_path)
    assert len(server.asked) == 1


@pytest.mark.parametrize("name", ["file.bin", "file.bin.part", "file.bin.lock"])
def test_a_folder_in_the_way_is_named(server, tmp_path, name):
    (tmp_path / name).mkdir()
    with pytest.raises(IsADirectoryError, match=f"{name} must be a file: remove what is there"):
        _get(server, tmp_path)


def test_a_second_source_is_tried(server, tmp_path):
    assert _get(server, tmp_path, urls=["http://127.0.0.1:9/nothing", server.url]).read_bytes() == CONTENT


def test_a_status_that_is_an_error_is_not_tried_again(server, tmp_path):
    server.status = 404
    with pytest.raises(MissingData, match="404"):
        _get(server, tmp_path)
    assert server.asked == [None] and _left(tmp_path) == set()


def test_a_corrupt_cached_file_is_reported_and_downloaded_again(server, tmp_path):
    _get(server, tmp_path).write_bytes(CONTENT[:1000])
    with pytest.warns(CorruptFile, match="truncated or garbled: it is downloaded again"):
        assert _get(server, tmp_path).read_bytes() == CONTENT
    assert len(server.asked) == 2


def test_a_full_disk_leaves_no_file_and_a_part_that_resumes(server, tmp_path, monkeypatch):
    class Full(io.FileIO):
        def write(self, block):
            if self.tell() > 100_000:
                raise OSError(errno.ENOSPC, "No space left on device", self.name)
            return super().write(block)

    monkeypatch.setattr("quire.data.download.open", lambda path, mode: Full(path, mode), raising=False)
    with pytest.raises(OSError, match="No space left on device"):
        _get(server, tmp_path)
    assert _left(tmp_path) == {"file.bin.part"}
    monkeypatch.delattr("quire.data.download.open")
    assert _get(server, tmp_path).read_bytes() == CONTENT
    assert server.asked[1].startswith("bytes=1")


def test_two_runs_at_once_download_once(server, tmp_path):
    results = []
    threads = [threading.Thread(target=lambda: results.append(_get(server, tmp_path).read_bytes())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [CONTENT] * 4 and server.asked == [None]


def test_there_is_a_bar_on_a_terminal(server, tmp_path, monkeypatch):
    terminal = io.StringIO()
    terminal.isatty = lambda: True
    monkeypatch.setattr(sys, "stderr", terminal)
    _get(server, tmp_path)
    assert "file.bin: 100%" in terminal.getvalue()


def test_there_is_no_bar_without_a_terminal(server, tmp_path, capfd):
    _get(server, tmp_path)
    assert capfd.readouterr() == ("", "")


def test_a_download_through_load_is_verified_and_decoded(server, monkeypatch, tmp_path):
    server.body = b"to be or not to be"
    monkeypatch.setattr(registry, "entries", lambda: {"toy": _text_entry(server.body, server.url)})
    data = registry.fetch("toy")
    assert "".join(data.classes[token] for token in data.inputs) == "to be or not to be"
    assert (tmp_path / "cache" / "text.txt").read_bytes() == server.body
