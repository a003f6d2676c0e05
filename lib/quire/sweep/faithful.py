"""Rows belong to the code that computed them: what is loaded must be what the files say, before and after."""

from quire.fingerprint import fingerprint, loaded_differences
from quire.sweep.errors import StaleCode

__all__ = ["check_loaded", "is_faithful"]


def is_faithful(function) -> bool:
    """Whether what is loaded in this process, and reachable from the function, is what its files say."""
    return not loaded_differences(function)


def check_loaded(function, code: str) -> None:
    """Refuse to compute or to store for a key that is not that of the loaded code.

    Raises:
        StaleCode: this process loaded other code than was asked for.
    """
    if fingerprint(function) != code or not is_faithful(function):
        changed = ", ".join(loaded_differences(function)[:5]) or "the files"
        raise StaleCode(
            f"the code of {function.__module__}.{function.__qualname__} that is loaded here is not that of its files any "
            f"more ({changed}): nothing is stored; restart the kernel, or the workers, and run again"
        )
