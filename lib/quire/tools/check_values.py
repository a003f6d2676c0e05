"""Whether a value is one that a parameter may have: type, length, range, no value twice. Nothing is computed with it before."""

import math
import re

__all__ = ["checked"]

MOST = 1000  # values of a list, all levels together
DECIMAL = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")


def checked(value, parameter, where: str):
    """The value in the type that was declared.

    Args:
        value: what a cell, a profile or the user gives.
        parameter: the declaration, see :class:`quire.tools.parameters.Parameter`.
        where: who asks, the beginning of each message.

    Raises:
        ValueError: another type, an empty or too long list, a value out of range, or twice on an axis.
    """
    if parameter.type is not list:
        return _scalar(value, parameter.type, parameter, where)
    _list(value, parameter.default, where)
    size = _size(value)
    if size > MOST:
        raise ValueError(f"{where} may have {MOST} values, got {size:,}")
    if parameter.nested:
        value = [_row(row, parameter, where) for row in value]
    elif parameter.axis:
        value = [_scalar(item, type(parameter.default[0]), parameter, f"{where}: each value") for item in value]
    else:
        value = _row(value, parameter, where)
    twice = [item for i, item in enumerate(value) if item in value[:i]] if parameter.axis else []
    if twice:
        raise ValueError(f"{where} has {_short(twice[0])} twice: each value of an axis occurs once")
    return value


def _list(value, like, where: str) -> None:
    if type(value) is not list:
        raise ValueError(f"{where} must be list, like {_short(like)}, got {_short(value)} ({type(value).__name__})")
    if not value:
        raise ValueError(f"{where} needs at least one value, got an empty list")


def _row(row, parameter, where: str) -> list:
    """A list that is one thing, such as the settings of a network: places of fixed types, or of any number."""
    like = parameter.default[0] if parameter.nested else parameter.default
    _list(row, like, f"{where}: each entry" if parameter.nested else where)
    kinds = [type(value) for value in like]
    places = len(parameter.places) or (len(like) if len(set(kinds)) > 1 else len(row))
    if len(row) != places:
        names = f" ({', '.join(parameter.places)})" if parameter.places else ""
        raise ValueError(f"{where} must have {places} values{names}, like {_short(like)}, got {_short(row)}")
    kinds = kinds if len(set(kinds)) > 1 else [kinds[0]] * len(row)
    return [_scalar(row[i], kinds[i], parameter, f"{where}: each value", i) for i in range(len(row))]


def _scalar(value, kind: type, parameter, where: str, place: int = 0):
    """A number in the range (of its place), a text of those named, or a switch."""
    value = _typed(value, kind, parameter.default, where)
    if kind in (int, float) and parameter.spans:
        low, high = parameter.span(place)
        if not low <= value <= high:
            raise ValueError(f"{where} must lie in [{low:.15g}, {high:.15g}], got {_short(value)}")
    if kind is str and parameter.names and value not in parameter.names:
        raise ValueError(f"{where} must be one of {', '.join(parameter.names)}, got {_short(value)}")
    return value


def _typed(value, kind: type, like, where: str):
    if kind is float and (type(value) is int or (type(value) is str and DECIMAL.fullmatch(value))):
        value = _real(value)  # YAML reads 1 as an integer and 1e-3 as text
    if type(value) is not kind:
        got = f"got {_short(value)} ({type(value).__name__})"
        raise ValueError(f"{where} must be {kind.__name__}, like {_short(like)}, {got}")
    if kind is float and not math.isfinite(value):
        raise ValueError(f"{where} must be a finite number, got {value}")
    return value


def _real(value: int | str) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _size(value) -> int:
    return sum(map(_size, value)) if isinstance(value, list) else 1


def _short(value) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}…"
