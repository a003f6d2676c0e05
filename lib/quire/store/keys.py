"""The key of a piece of work: a hash of the function's name, its arguments as JSON, and its code."""

import hashlib
import json

__all__ = ["as_json", "key_of"]


def as_json(name: str, arguments: dict) -> dict:
    """The arguments of a function as JSON gives them back: tuples are lists.

    Raises:
        TypeError: an argument is not JSON (numbers, strings, booleans, lists, mappings).
    """
    try:
        return json.loads(json.dumps(arguments, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise TypeError(f"the arguments of {name} must be JSON values, got {arguments!r:.500}: {error}") from None


def key_of(name: str, arguments: dict, code: str) -> str:
    """The key of a cell or of tensors.

    >>> key_of("f", {"a": 1, "b": 2}, "code") == key_of("f", {"b": 2, "a": 1}, "code")
    True
    """
    text = json.dumps([name, as_json(name, arguments), code], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:24]
