"""Tensors as arguments: ``made(train_network, seed=0)`` is made once, stored, and handed to every cell that names it."""

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from safetensors.torch import load, save

from quire import device as devices
from quire.fingerprint import fingerprint
from quire.record import current
from quire.store import Store, as_json, key_of
from quire.sweep.calls import arguments_of, call, name_of
from quire.sweep.faithful import check_loaded, is_faithful

__all__ = ["Handle", "all_handles", "columns", "handles_in", "keyed", "made", "make", "plain", "resolved", "seconds_of"]


@dataclass(frozen=True, eq=False)
class Handle:
    """A mapping of tensors that a function makes from arguments; some of these may be handles themselves."""

    function: object
    arguments: dict

    @property
    def name(self) -> str:
        """The name of the function, as that of an experiment."""
        return name_of(self.function)

    @property
    def key(self) -> str:
        """The key of the tensors: function, arguments and code, those of the handles among the arguments included."""
        return key_of(self.name, keyed(self.arguments), fingerprint(self.function))

    def tensors(self, *, device: str = "auto", store: Store | None = None) -> Mapping[str, torch.Tensor]:
        """The tensors, loaded or made now; the run records that it used them."""
        content = make(self, str(devices.resolve(device)), store or Store())
        current().add_tensors(
            self.key, {"function": self.name, "arguments": plain(self.arguments), "bytes": len(content)}
        )
        return _in_order(content)


def made(function, **arguments) -> Handle:
    """Say which tensors an experiment needs, without making them.

    Args:
        function: top-level function of an importable module, from JSON arguments (and handles) to a mapping from names to
            tensors; ``device`` and ``generator`` are filled in as for a cell.
        arguments: its arguments.

    Raises:
        TypeError: an argument is unknown, missing or not JSON.
    """
    handle = Handle(function, arguments_of(function, arguments))
    plain(handle.arguments)
    return handle


def make(handle: Handle, device: str, store: Store) -> bytes:
    """The tensors of a handle as safetensors: loaded, or made while no other process makes the same ones.

    Raises:
        ValueError: the function did not return a mapping from names to tensors.
        StaleCode: the code in this process is not the code of its files.
    """
    code = fingerprint(handle.function)
    if not is_faithful(handle.function):
        return _make(handle, device, store)
    check_loaded(handle.function, code)
    key = handle.key
    content = store.load_tensors(handle.name, key)
    if content is not None:
        return content
    with store.alone(handle.name, key):
        content = store.load_tensors(handle.name, key)
        if content is None:
            content = _make(handle, device, store)
            check_loaded(handle.function, code)
            store.save_tensors(handle.name, key, content)
    return content


def _make(handle: Handle, device: str, store: Store) -> bytes:
    given = resolved(handle.arguments, device, store)
    start = time.perf_counter()
    found = call(handle.function, handle.name, plain(handle.arguments), given, device)
    took = {"seconds": f"{time.perf_counter() - start:.3f}"}
    if not isinstance(found, Mapping) or not all(isinstance(tensor, torch.Tensor) for tensor in found.values()):
        raise ValueError(f"{handle.name} must return a mapping from names to tensors, got {type(found).__name__}")
    kept = {k: v.detach().cpu().clone(memory_format=torch.contiguous_format) for k, v in found.items()}
    return save(kept, metadata=took)


def _in_order(content: bytes) -> dict[str, torch.Tensor]:
    """The tensors of a file by name, in the order of names: the file's own order differs from process to process."""
    found = load(content)
    return {name: found[name] for name in sorted(found)}


def seconds_of(handle: Handle, store: Store) -> float:
    """What it took to make the tensors of a handle, without those that it depends on: it stands in their file."""
    content = store.load_tensors(handle.name, handle.key)
    if content is None:  # dropped since
        return 0.0
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    return float(header.get("__metadata__", {}).get("seconds", 0.0))


def handles_in(arguments: dict) -> Iterator[Handle]:
    """The handles among arguments, alone or in lists."""
    waiting = list(arguments.values())
    while waiting:
        value = waiting.pop(0)
        if isinstance(value, Handle):
            yield value
        elif isinstance(value, list | tuple):
            waiting = [*value, *waiting]


def all_handles(arguments: dict) -> Iterator[Handle]:
    """The handles among arguments, and those that these depend on."""
    for handle in handles_in(arguments):
        yield handle
        yield from all_handles(handle.arguments)


def plain(arguments: dict) -> dict:
    """Arguments as JSON, a handle as ``{"made": function, "arguments": …}``: equal for equal work, whatever the code."""
    return as_json("made", _replaced(arguments, lambda h: {"made": h.name, "arguments": plain(h.arguments)}))


def keyed(arguments: dict) -> dict:
    """Arguments as JSON for a key: a handle counts with its own key, and so with its code."""
    return _replaced(arguments, lambda h: {"made": h.name, "key": h.key})


def resolved(arguments: dict, device: str, store: Store) -> dict:
    """Arguments for a call: the tensors in place of each handle."""
    return _replaced(arguments, lambda h: _in_order(make(h, device, store)))


def columns(arguments: dict) -> dict:
    """The columns of a cell's arguments (as :func:`plain` gives them): a handle contributes those of its own arguments.

    Raises:
        TypeError: two of them have one name and different values.
    """
    found: dict = {}
    for name, value in arguments.items():
        new = (
            columns(value["arguments"])
            if isinstance(value, dict) and set(value) == {"made", "arguments"}
            else {name: value}
        )
        clash = [c for c in new if c in found and found[c] != new[c]]
        if clash:
            raise TypeError(
                f"the arguments {clash} occur twice, in a cell and in a handle, with different values: rename one"
            )
        found |= new
    return found


def _replaced(arguments: dict, of) -> dict:
    def replace(value):
        if isinstance(value, Handle):
            return of(value)
        return [replace(item) for item in value] if isinstance(value, list | tuple) else value

    return {name: replace(value) for name, value in arguments.items()}
