"""Data sets that are not embedded: found in QUIRE_DATA or downloaded, verified, decoded.

``data/registry.yml`` says for each set which files hold it, where they come from, their sha256 and sizes, and, where
it could be computed, the sha256 of the decoded arrays. The formats read here are IDX, the CIFAR-10 *binary* version,
NumPy archives without pickles, and plain text.
"""

import gzip
import hashlib
import struct
import tarfile
from pathlib import Path

import numpy as np
import pooch
import yaml
from jaxtyping import UInt8

from quire.data.dataset import Dataset, MissingData
from quire.data.download import cached
from quire.files import project_root, user_cache
from quire.settings import setting

__all__ = ["at_hand", "entries", "fetch", "read_cifar", "read_idx"]

Arrays = dict[str, np.ndarray]


def entries() -> dict[str, dict]:
    """The entries of ``data/registry.yml`` by name."""
    return yaml.safe_load((project_root() / "data" / "registry.yml").read_text(encoding="utf-8"))


def at_hand() -> dict[str, str]:
    """Where the files of each entry are now, "" for one that is not there; nothing is read, verified or downloaded."""
    named = setting("QUIRE_DATA")
    folders = [project_root() / Path(named).expanduser()] if named else []
    places = {}
    for name, entry in entries().items():
        whole = [[entry["local"]]] if entry.get("local") else []
        candidates = [*whole, *([entry["files"]] if entry.get("files") else [])]
        found = [
            str(place)
            for place in [*folders, user_cache()]
            if any(all((place / spec["file"]).exists() for spec in specs) for specs in candidates)
        ]
        places[name] = found[0] if found else ""
    return places


def fetch(name: str) -> Dataset:
    """Find, verify and decode the data set ``name`` of the registry."""
    entry = entries()[name]
    whole = entry.get("local")
    if whole and (path := _local(whole)):
        arrays = _read_npz(path)
    elif entry.get("files"):
        arrays = _READERS[entry["format"]](*(_local(spec) or _download(spec) for spec in entry["files"]))
    else:
        raise MissingData(
            f"{name} has no public source: put {whole['file']} (sha256 {whole['sha256']}) into a folder and set "
            f"QUIRE_DATA to that folder; it is now {setting('QUIRE_DATA') or 'not set'}"
        )
    for key, expected in entry.get("content", {}).items():
        if (got := hashlib.sha256(arrays[key].tobytes()).hexdigest()) != expected:
            raise ValueError(f"{name}: {key} decodes to sha256 {got}, not {expected}: replace the file")
    inputs, classes = arrays["x_train"], tuple(entry.get("classes", ()))
    if entry["format"] == "text":
        codes, inputs = np.unique(inputs, return_inverse=True)
        classes, inputs = tuple(map(chr, codes)), inputs.astype(np.uint8)
    labels, test_labels = (arrays[key].astype(np.int64) if key in arrays else None for key in ("y_train", "y_test"))
    return Dataset(
        name=name,
        inputs=inputs,
        labels=labels,
        test_inputs=arrays.get("x_test"),
        test_labels=test_labels,
        classes=classes,
        peak=entry["peak"],
        licence=entry["licence"],
        source=entry["source"],
    )


def _local(spec: dict) -> Path | None:
    """A file in QUIRE_DATA, verified, or None if it is not there."""
    if not (named := setting("QUIRE_DATA")):
        return None
    folder = project_root() / Path(named).expanduser()
    if not folder.is_dir():
        raise MissingData(f"QUIRE_DATA names {folder}, which is not a folder: correct it or unset it")
    path = folder / spec["file"]
    if not path.exists():
        return None
    if (got := pooch.file_hash(str(path))) != spec["sha256"]:
        raise ValueError(f"{path} should have sha256 {spec['sha256']}, got {got}: replace or delete it")
    return path


def _download(spec: dict) -> Path:
    return cached(user_cache(), file=spec["file"], urls=spec["urls"], sha256=spec["sha256"], size=spec["bytes"])


def _read_npz(path: Path) -> Arrays:
    with np.load(path, allow_pickle=False) as archive:
        return {key: archive[key] for key in archive.files}


def read_idx(path: Path) -> UInt8[np.ndarray, "..."]:
    """Decode a gzipped IDX file of unsigned bytes: 0, 0, 8, rank; the sizes as big-endian 32-bit; the bytes.

    Raises:
        ValueError: the header or the length is not that of such a file.
    """
    with gzip.open(path) as stream:
        content = stream.read()
    rank = content[3] if content[:3] == b"\0\0\x08" and len(content) > 3 else 0
    if rank == 0 or len(content) < 4 + 4 * rank:
        raise ValueError(f"{path} must begin with 0, 0, 8, rank like an IDX file, got {content[:4]}: replace it")
    shape = struct.unpack(f">{rank}I", content[4 : 4 + 4 * rank])
    values = np.frombuffer(content, np.uint8, offset=4 + 4 * rank)
    if values.size != np.prod(shape, dtype=object):
        raise ValueError(f"{path} should hold {shape} bytes after its header, got {values.size}: replace it")
    return values.reshape(shape).copy()


def read_cifar(path: Path, *, batch: int = 10_000) -> Arrays:
    """Decode the binary version of CIFAR-10: records of one label and 3×32×32 bytes, in six members of a tar file.

    Raises:
        ValueError: a member is missing or does not hold ``batch`` records.
    """
    with tarfile.open(path, "r:gz") as archive:
        content = {Path(m.name).name: archive.extractfile(m).read() for m in archive if m.name.endswith(".bin")}
    arrays = {}
    for split, files in ("train", [f"data_batch_{i}.bin" for i in range(1, 6)]), ("test", ["test_batch.bin"]):
        for file in files:
            if (got := len(content.get(file, b""))) != batch * 3073 or max(content[file][::3073]) > 9:
                raise ValueError(f"{path}: {file} must hold {batch} records of 3073 bytes, got {got} bytes: replace it")
        records = np.frombuffer(b"".join(content[file] for file in files), np.uint8).reshape(-1, 3073)
        images = records[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
        arrays |= {f"x_{split}": np.ascontiguousarray(images), f"y_{split}": records[:, 0].copy()}
    return arrays


# The public files' readers: from paths, in the registry's order, to arrays.
_READERS = {
    "idx": lambda *paths: dict(zip(("x_train", "y_train", "x_test", "y_test"), map(read_idx, paths), strict=True)),
    "cifar-binary": lambda path: read_cifar(path),
    "text": lambda path: {"x_train": np.frombuffer(path.read_bytes(), np.uint8)},
}
