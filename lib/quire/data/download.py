"""One file from the web, once: resumable, verified, renamed into place only when whole.

The bytes grow in ``<file>.part``; after a connection that dropped, or a run that was killed, an HTTP range request
continues from there. pooch checks the sha256 of the finished file and moves it to its name. Whatever a server sends, no
more bytes are taken than the file has, in a bounded number of requests and in a bounded time.
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

from quire.data.dataset import MissingData
from quire.files import CorruptFile, demand_file

__all__ = ["cached"]

_TRIES = 3  # in a row without a new byte
_REQUESTS = 12  # for one file from one source, all together
_PATIENCE = 120.0  # seconds for a file, whatever its size
_SLOWEST = 20_000  # bytes per second that a source must reach beyond that


def cached(folder: Path, *, file: str, urls: list[str], sha256: str, size: int) -> Path:
    """The path of a verified file in ``folder``; if it is not there, from the first of ``urls`` that works.

    Raises:
        MissingData: no url gave the file with that checksum.
        IsADirectoryError: something that is no file has the name of the file, its part or its lock.
        OSError: the disk is full or read-only; no file of that name is left behind.
    """
    folder.mkdir(parents=True, exist_ok=True)
    target, part, lock = folder / file, folder / f"{file}.part", folder / f"{file}.lock"
    for path in (target, part, lock):
        demand_file(path)
    failures = []
    pooch.get_logger().setLevel("WARNING")
    with filelock.FileLock(lock):
        if target.exists() and pooch.file_hash(str(target)) != sha256:
            warnings.warn(f"{target} is truncated or garbled: it is downloaded again", CorruptFile, stacklevel=4)
            target.unlink()
        resumed = part.exists()
        for url in [*urls, *(urls[:1] if resumed else [])]:  # a part that was wrong costs one more download
            get = partial(pooch.retrieve, known_hash=f"sha256:{sha256}", fname=file, path=folder)
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
    if _size(part) > size:
        part.unlink()
    deadline = time.monotonic() + _PATIENCE + size / _SLOWEST
    requested, fruitless = 0, 0
    while _size(part) != size:
        have = _size(part)
        try:
            requested += 1
            _append(url, part, have, size, deadline)
            error = requests.ConnectionError(f"the connection closed after {_size(part):,} of {size:,} bytes")
        except (requests.HTTPError, requests.exceptions.InvalidHeader):
            part.unlink(missing_ok=True)
            raise
        except requests.RequestException as caught:
            error = caught
        fruitless = 0 if _size(part) > have else fruitless + 1
        if _size(part) != size and (fruitless == _TRIES or requested == _REQUESTS or time.monotonic() > deadline):
            raise error
        time.sleep(0.5 * fruitless)
    os.replace(part, output_file)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _append(url: str, part: Path, have: int, size: int, deadline: float) -> None:
    """Add what one request brings.

    Raises:
        requests.HTTPError: the status is an error.
        requests.exceptions.InvalidHeader: the server has another file, as its length says, or sends more than it has.
        requests.Timeout: the deadline has passed.
    """
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    with requests.get(url, headers=headers, stream=True, timeout=(10, 60)) as reply:
        reply.raise_for_status()
        resumed = reply.headers.get("Content-Range", "").startswith(f"bytes {have}-")
        start = have if resumed else 0
        promised = reply.headers.get("Content-Length", "")
        if promised.isdecimal() and start + int(promised) > size:
            raise requests.exceptions.InvalidHeader(
                f"the server offers {start + int(promised):,} bytes, the file has {size:,}: it is another file"
            )
        bar = tqdm(total=size, initial=start, unit="B", unit_scale=True, desc=part.stem, disable=None)
        with bar, open(part, "ab" if resumed else "wb") as sink:  # disable=None: a bar on a terminal only
            _copy(reply, sink, bar, size - start, deadline)


def _copy(reply, sink, bar, wanted: int, deadline: float) -> None:
    for block in reply.iter_content(1 << 14):
        if len(block) > wanted:
            raise requests.exceptions.InvalidHeader("the server sends more bytes than the file has: it is another file")
        sink.write(block)
        bar.update(len(block))
        wanted -= len(block)
        if time.monotonic() > deadline:
            raise requests.Timeout("the server is too slow: the time for this file is over")
