"""Every public routine knows the paper that it implements.

``@cites("bibkey", "eq. (5)")`` records the source on the object; :func:`sources` gives it back anywhere, :func:`citation` as
BibTeX where the book's bibliography is at hand, that is, with a checkout.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from quire.settings import setting

__all__ = ["citation", "cites", "sources"]

T = TypeVar("T")


def cites(key: str, where: str = "") -> Callable[[T], T]:
    """Record on a function or class that it implements ``where`` of the paper ``key``; stackable."""

    def record(target: T) -> T:
        target.__sources__ = [(key, where), *getattr(target, "__sources__", [])]
        return target

    return record


def sources(target) -> list[tuple[str, str]]:
    """The (bibliography key, place in the paper) pairs of an object, in the order of its decorators.

    >>> sources(cites("favero2021locality", "Lemma 1")(lambda: None))
    [('favero2021locality', 'Lemma 1')]
    """
    return list(getattr(target, "__sources__", []))


def citation(target, bibliography: Path | None = None) -> str:
    """BibTeX of the papers that an object implements.

    Args:
        target: a function or class.
        bibliography: a BibTeX file (default: the book's).

    Raises:
        LookupError: the object cites nothing, or a key is missing from the bibliography.
        FileNotFoundError: the bibliography is not there, because quire was installed without a checkout.
    """
    keys = dict.fromkeys(key for key, _ in sources(target))
    if not keys:
        raise LookupError(f"{getattr(target, '__name__', target)!r} records no source: see the functions it calls")
    bibliography = bibliography or _root() / "book" / "references.bib"
    if not bibliography.exists():
        raise FileNotFoundError(
            f"no bibliography at {bibliography}: set QUIRE_ROOT to a checkout of quire; without one, sources() gives "
            f"the keys: {', '.join(keys)}"
        )
    text = bibliography.read_text(encoding="utf-8")
    found = re.findall(r"^(@\w+\{([^,]+),.*?^\})", text, re.MULTILINE | re.DOTALL)
    entries = {key: entry for entry, key in found}
    missing = [key for key in keys if key not in entries]
    if missing:
        raise LookupError(f"{missing} not in {bibliography}: add the BibTeX entry")
    return "\n\n".join(entries[key] for key in keys)


def _root() -> Path:
    return Path(setting("QUIRE_ROOT") or Path(__file__).parents[2])
