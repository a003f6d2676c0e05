"""Text that somebody else wrote, on a terminal."""

__all__ = ["printable"]

LONGEST = 200


def printable(text: object, *, longest: int = LONGEST) -> str:
    """One line without characters that a terminal obeys, cut where it is too long to read.

    >>> printable("red: \\x1b[31m, a bell: \\a")
    'red: [31m, a bell: '
    """
    kept = "".join(character for character in " ".join(str(text).splitlines()) if character.isprintable())
    return kept if len(kept) <= longest else kept[:longest] + "…"
