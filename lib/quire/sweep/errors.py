"""What goes wrong in a cell, said with the cell's name and with its own type."""

__all__ = ["StaleCode", "named"]


class StaleCode(RuntimeError):
    """The code that is loaded is not the code that was asked for: restart the kernel, or the workers."""


def named(error: Exception, what: str) -> Exception:
    """An error of the same type whose message names the cell; a note where its type cannot be made from a text."""
    text = f"{what} failed: {type(error).__name__}: {error}"
    try:
        again = type(error)(text)
    except Exception:
        again = None
    if again is None or text not in str(again):
        error.add_note(text)
        return error
    return again
