"""The cores of this machine: threads that take whole pieces of work, and loops compiled for the processor.

A chain of twenty cheap operations on a tensor moves its memory twenty times. Where that is what a routine costs, it has a
second form for tensors of this machine, one loop that numba compiles at its first call (a second; later processes read
it from a folder beside the module, or in the user's cache). The first form, tensor code, stays: for accelerators, for gradients,
and as the oracle of the second.
"""

import contextlib
import functools
import hashlib
import inspect
import pickle
import shutil
import tempfile
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numba
import numpy as np
import torch
from numba.core.caching import FunctionCache
from numba.core.compiler import CompileResult
from numba.core.serialize import dumps
from numba.misc.appdirs import AppDirs

from quire.fingerprint import fingerprint_of, loaded_differences_of, unfollowable_of
from quire.settings import setting
from quire.types import Tensor

__all__ = ["arrays", "compiled", "compiled_pass", "each"]

OPTIONS = {"nogil": True, "error_model": "numpy", "fastmath": {"contract", "nsz"}}  # of every compiled loop
CHECKSUM = 32  # bytes of a SHA-256 at the head of what is kept


def each(function: Callable, pieces: Iterable, *, device: torch.device) -> None:
    """Call a function on every piece: on a CPU, on as many threads as torch has; elsewhere one after another.

    Each thread computes alone: threads inside an operation would only wait for one another.

    >>> found = []
    >>> each(found.append, range(3), device=torch.device("cpu"))
    >>> sorted(found)
    [0, 1, 2]
    """
    pieces, threads = list(pieces), torch.get_num_threads() if device.type == "cpu" else 1
    if min(threads, len(pieces)) < 2:
        for piece in pieces:
            function(piece)
        return
    try:
        with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            list(pool.map(function, pieces))
    finally:
        torch.set_num_threads(threads)


def arrays(*tensors: Tensor) -> list[np.ndarray] | None:
    """Views of the tensors' memory, for a compiled loop; None where tensor code must do it.

    That is, on an accelerator, and where a derivative or a batching transform follows what happens to a tensor.

    >>> [view.shape for view in arrays(torch.zeros(2, 3))], arrays(torch.zeros(2, requires_grad=True))
    ([(2, 3)], None)
    """
    try:
        return [tensor.contiguous().numpy() for tensor in tensors]
    except (RuntimeError, TypeError):  # torch's own refusals: it knows what is being followed, and what is elsewhere
        return None


def compiled(function: Callable) -> Callable:
    """Compile a loop over arrays, for each combination of their types at its first call.

    It lets other threads run, and may fuse a product and a sum (to one rounding), but reorders nothing. What is compiled
    is kept under the fingerprint of all that the loop reaches, constants of other files included, so that an edit of any
    of it compiles anew. A cache that cannot be read or written (corrupt, disk full, read-only) costs the time to compile,
    and nothing else.
    """
    function = inspect.unwrap(function)  # a type checker may stand around it
    loop = None

    @functools.wraps(function)
    def call(*arguments):
        nonlocal loop
        try:
            loop = loop or _with_cache(function)
            return loop(*arguments)
        except Exception:  # pickle, numba and the disk fail in many ways; a fault of the loop itself is raised again
            loop = numba.njit(function, **OPTIONS)
            return loop(*arguments)

    return call


def compiled_pass(function: Callable) -> Callable:
    """Compile a part of a loop: for other compiled loops to call, and compiled with them."""
    return numba.njit(inspect.unwrap(function), **OPTIONS)


def _with_cache(function: Callable) -> Callable:
    loop, folder = numba.njit(function, **OPTIONS), _folder(function)
    if folder is not None:
        loop._cache = _Kept(function, folder)
    return loop


def _folder(function: Callable) -> Path | None:
    """The folder for what a loop compiles to, made if need be, others of the same loop dropped; None: nothing is kept.

    Nothing is kept of a loop that is no module's, that was replaced or edited since its import, or that depends on more
    than can be read off its source.
    """
    module, name = function.__module__, function.__qualname__
    try:
        if loaded_differences_of(module, name) or unfollowable_of(module, name):
            return None
        key = fingerprint_of(module, name)
    except LookupError:
        return None
    for place in _places(function):
        folder = place / f"{module}.{name}-{key}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=folder).close()
        except OSError:
            continue
        for other in place.glob(f"{module}.{name}-*"):
            if other != folder:
                shutil.rmtree(other, ignore_errors=True)
        return folder
    return None


def _places(function: Callable) -> list[Path]:
    """Where compiled loops may be kept, best first: where a setting says, beside the module, the user's cache."""
    source = Path(inspect.getfile(function)).resolve()
    apart = f"{source.parent.name}-{hashlib.sha256(str(source).encode()).hexdigest()[:12]}"  # a checkout has its own
    named = [Path(name).expanduser() for name in (setting("QUIRE_CACHE"), numba.config.CACHE_DIR) if name]
    user = Path(AppDirs(appname="quire", appauthor=False).user_cache_dir)
    return [*(place / "loops" / apart for place in named), source.parent / "__pycache__", user / "loops" / apart]


class _Kept(FunctionCache):
    """What a loop compiles to: one file for each combination of types and kind of processor, checked when it is read."""

    def __init__(self, function: Callable, folder: Path):
        self._py_func, self._cache_path, self.folder = function, str(folder), folder
        self.enable()

    def _file(self, signature, codegen) -> Path:
        key = repr((numba.__version__, self._index_key(signature, codegen)))
        return self.folder / f"{hashlib.sha256(key.encode()).hexdigest()[:16]}.loop"

    def load_overload(self, signature, target_context):
        """Read what was kept; None if nothing was, or if it is not what was written."""
        target_context.refresh()
        try:
            content = self._file(signature, target_context.codegen()).read_bytes()
        except OSError:
            return None
        checksum, content = content[:CHECKSUM], content[CHECKSUM:]
        if hashlib.sha256(content).digest() != checksum:
            return None
        # Safe as the module's own .pyc is: the folder lies beside it, in the user's cache, or where the user's setting says;
        # only save_overload writes it, no download or published file comes there, and who could put one there could edit
        # the code as well (numba's own cache unpickles in the same way; the checksum is against damage, not against people).
        return CompileResult._rebuild(target_context, *pickle.loads(content))

    def save_overload(self, signature, data) -> None:
        """Keep what was compiled, if there is room."""
        if data.library.has_dynamic_globals or any(not part.can_cache for part in data.lifted):
            return
        content = dumps(data._reduce())
        with contextlib.suppress(OSError), tempfile.TemporaryDirectory(dir=self.folder) as apart:
            written = Path(apart) / "loop"
            written.write_bytes(hashlib.sha256(content).digest() + content)
            written.replace(self._file(signature, data.codegen))

    def flush(self) -> None:
        """Forget what was kept."""
        shutil.rmtree(self.folder, ignore_errors=True)
