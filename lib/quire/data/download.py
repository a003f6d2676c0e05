"""One file from the web, once: resumable, verified, renamed into place only when whole.

The bytes grow in ``<file>.part``; after a connection that dropped, or a run that was killed, an HTTP range request
continues from there. pooch checks the sha256 of the finished file and moves it to its name.
"""

import os
import time
import warnings
from functools import partial
from pathlib import Path

import filelock
import pooch
import requests
from tqdm import tqdm

from quire.data.dataset import CorruptFile, MissingData

__all__ = ["cached"]

_TRIES = 3  # in a row without a new byte


def cached(folder: Path, *, file: str, urls: list[str], sha256: str, size: int) -> Path:
    """The path of a verified file in ``folder``; if it is not there, from the first of ``urls`` that works.

    Raises:
        MissingData: no url gave the file with that checksum.
        OSError: the disk is full or read-only; no file of that name is left behind.
    """
    folder.mkdir(parents=True, exist_ok=True)
    target, part, failures = folder / file, folder / f"{file}.part", []
    pooch.get_logger().setLevel("WARNING")
    with filelock.FileLock(folder / f"{file}.lock"):
        if target.exists() and pooch.file_hash(str(target)) != sha256:
            warnings.warn(f"{target} is truncated or garbled: it is downloaded again", CorruptFile, stacklevel=4)
            target.unlink()
        get = partial(pooch.retrieve, known_hash=f"sha256:{sha256}", fname=file, path=folder)
        for url in urls:
            try:
                return Path(get(url, downloader=partial(_resume, part=part, size=size)))
            except (requests.RequestException, ValueError) as error:
                failures.append(f"\n  {url}: {error}")
    raise MissingData(
        f"could not download {file} ({size:,} bytes, sha256 {sha256}): put it into the folder that QUIRE_DATA "
        f"names, or into {folder}. Tried:{''.join(failures)}"
    )


def _resume(url: str, output_file: str, _pooch=None, *, part: Path, size: int) -> None:
    """Complete ``part`` to ``size`` bytes and rename it to ``output_file``."""
    tries = 0
    while (have := _size(part)) != size:
        if have > size:
            part.unlink()
            continue
        try:
            _append(url, part, have, size)
            error = requests.ConnectionError(f"the connection closed after {_size(part):,} of {size:,} bytes")
        except requests.HTTPError:
            part.unlink(missing_ok=True)
            raise
        except requests.RequestException as caught:
            error = caught
        tries = 0 if _size(part) > have else tries + 1
        if tries == _TRIES:
            raise error
        time.sleep(0.5 * tries)
    os.replace(part, output_file)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _append(url: str, part: Path, have: int, size: int) -> None:
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    with requests.get(url, headers=headers, stream=True, timeout=(10, 60)) as reply:
        reply.raise_for_status()
        resumed = reply.headers.get("Content-Range", "").startswith(f"bytes {have}-")
        bar = tqdm(total=size, initial=have * resumed, unit="B", unit_scale=True, desc=part.stem, disable=None)
        with bar, open(part, "ab" if resumed else "wb") as sink:  # disable=None: a bar on a terminal only
            for block in reply.iter_content(1 << 14):
                sink.write(block)
                bar.update(len(block))
