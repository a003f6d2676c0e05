"""What computes: versions of the libraries that can move a number, the machine, the commit."""

import functools
import importlib.metadata
import os
import platform
import resource
import subprocess
import sys

from quire.files import project_root

__all__ = ["commit", "cores", "origin", "peak_memory_mb", "versions"]

PACKAGES = ("torch", "numpy", "scipy", "numba", "scikit-learn")


@functools.cache
def versions() -> dict[str, str]:
    """Versions of Python and of the libraries that can move a number, as installed."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = "absent"
    return found


def cores() -> int:
    """Cores that this process may use: those that it is bound to, at most the share of its container."""
    from joblib import cpu_count  # slow to import

    return cpu_count()


def origin(device: str) -> dict:
    """Who computes here and now: versions, device, threads and kind of machine; kept with each cell."""
    threads = os.environ.get("OMP_NUM_THREADS", "")
    return {
        "versions": dict(versions()),
        "device": device,
        "threads": int(threads) if threads.isdecimal() else cores(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
    }


def peak_memory_mb(children: bool = False) -> float:
    """Largest memory that this process, or one of its ended children, has held."""
    who = resource.RUSAGE_CHILDREN if children else resource.RUSAGE_SELF
    unit = 2**20 if sys.platform == "darwin" else 2**10  # macOS counts bytes, Linux kilobytes
    return float(round(resource.getrusage(who).ru_maxrss / unit))


def commit() -> dict:
    """The commit of the checkout, and whether lib or chapters differ from it.

    Returns:
        ``{"commit": …, "dirty": …}``; "unknown" and None where git is absent, refuses the tree (another owner) or the
        checkout is a downloaded archive.
    """
    run = functools.partial(subprocess.run, cwd=project_root(), capture_output=True, text=True, encoding="utf-8")
    try:
        head = run(["git", "rev-parse", "HEAD"])
        status = run(["git", "status", "-s", "lib", "chapters", "data"])
    except OSError:
        return {"commit": "unknown", "dirty": None}
    if head.returncode or status.returncode:
        return {"commit": "unknown", "dirty": None}
    return {"commit": head.stdout.strip(), "dirty": bool(status.stdout.strip())}
