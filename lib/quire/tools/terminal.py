"""Text that somebody else wrote, on a terminal, and what is said of an error."""

import errno
import traceback

__all__ = ["printable", "said"]

LONGEST = 200


def printable(text: object, *, longest: int = LONGEST) -> str:
    """One line without characters that a terminal obeys, cut where it is too long to read.

    >>> printable("red: \\x1b[31m, a bell: \\a")
    'red: [31m, a bell: '
    """
    kept = "".join(character for character in " ".join(str(text).splitlines()) if character.isprintable())
    return kept if len(kept) <= longest else kept[:longest] + "…"


def said(error: Exception) -> str:
    """What to tell a person: the message, and for an error that has none the type and the place."""
    if isinstance(error, OSError) and error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"{error}: set QUIRE_BUILD to a folder that can be written to"
    if isinstance(error, ValueError | OSError | RuntimeError | LookupError) and not isinstance(
        error, KeyError | IndexError
    ):
        return str(error) or type(error).__name__
    place = traceback.extract_tb(error.__traceback__)[-1]
    what = f"{type(error).__name__}: {error}"
    return f"{what} (at {place.filename}:{place.lineno}: a fault of quire, or of a file that it read; please report it)"
