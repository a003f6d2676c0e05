"""How an experiment is called: its name, its arguments as JSON, what the sweep fills in."""

import inspect

from quire import rng
from quire.store import as_json
from quire.sweep.errors import named

__all__ = ["arguments_of", "call", "name_of"]

GIVEN = ("device", "generator")  # parameters that the sweep fills in; not part of a key
WINGS = "quire.experiments."


def name_of(function) -> str:
    """The name of a function in keys, in the store and in tables: an experiment is ``chapter.function``.

    >>> name_of(as_json)
    'quire.store.keys.as_json'
    """
    module = function.__module__
    if module.startswith(WINGS):
        module = module.removeprefix(WINGS).partition(".")[0]
    return f"{module}.{function.__qualname__}"


def arguments_of(function, cell: dict) -> dict:
    """A cell's arguments with the defaults filled in; handles stay as they are.

    Raises:
        TypeError: an argument is unknown or missing.
    """
    signature = inspect.signature(function)
    open_names = [p for p in signature.parameters if p not in GIVEN]
    unknown = [p for p in cell if p not in open_names]
    if unknown:
        raise TypeError(f"{function.__name__} takes no {unknown} from a grid; its parameters are {open_names}")
    bound = signature.bind_partial(**cell)
    bound.apply_defaults()
    missing = [p for p in open_names if p not in bound.arguments]
    if missing:
        raise TypeError(f"{function.__name__} misses {missing}: add them to the grid")
    values = {p: bound.arguments[p] for p in open_names}
    for p, value in values.items():
        if signature.parameters[p].annotation in (float, "float") and type(value) is int:
            values[p] = float(value)
    return values


def call(function, name: str, plain: dict, arguments: dict, device: str):
    """Call a function with its arguments and what it asks of the sweep.

    Args:
        function: the experiment.
        name: its name.
        plain: its arguments as JSON; they name its random stream.
        arguments: the same with tensors in place of handles.
        device: name of the device.
    """
    given = {"device": lambda: device, "generator": lambda: rng.generator(name, plain)}
    filled = {p: given[p]() for p in inspect.signature(function).parameters if p in GIVEN}
    try:
        return function(**arguments, **filled)
    except Exception as error:
        again = named(error, f"{name}({as_json(name, plain)})")
        if again is error:
            raise
        raise again from error
