"""What is loaded is compared with its source: edits after an import, and everything that can be replaced by hand."""

import functools
import importlib
import sys
import types

import pytest
from test_fingerprint import PARTS, Toy

from quire.fingerprint import fingerprint, loaded_differences, loaded_differences_of

USE = """
from toy import parts
from toy.parts import Derived, LIMIT, chosen, decorated, made, short
import math

SETTINGS = {"size": 2, "names": ["a", "b"], "rate": 8 * LIMIT, "function": chosen, "short": lambda x: x}
HALF = math.pi / 2
ALIAS = chosen

def helper(x, y=2, *, z="three", w=LIMIT):
    return x

class Kernel(Derived):
    \"\"\"A kernel.\"\"\"
    name = "kernel"
    shape = (2, 3)
    __hidden = 1

    def __call__(self, x=5):
        return x

    @property
    def rate(self):
        return 1

    @staticmethod
    def fixed():
        return 2

    @classmethod
    def of(cls):
        return cls()

    @functools.cached_property
    def kept(self):
        return 3

    def __private(self):
        return 4

@functools.lru_cache
def cached(x):
    return x

def counting(x):
    CACHE[x] = x
    return x

CACHE = {}

def run():
    uses = parts.TABLE, parts.NAMES, parts.Made, parts.Attached, parts.plus
    return uses, Kernel, SETTINGS, HALF, ALIAS, helper, cached, counting, Derived, LIMIT, chosen, decorated, made, short

def apart():
    return 0
"""
USE = USE.replace("import math\n", "import functools\nimport math\n")


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """A package with a module of every kind of definition, and one that uses it."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    made = Toy(tmp_path)
    made.write(parts=PARTS, use=USE)
    yield made
    made.forget()


def test_what_was_imported_and_used_is_faithful(toy):
    use = toy.load("use")
    assert loaded_differences(use.run) == []
    use.counting(3), use.cached(2), use.Kernel().kept, use.run()
    assert use.CACHE == {3: 3} and loaded_differences(use.run) == []
    assert loaded_differences_of("toy.use", "run") == []


def other(*arguments, **keywords):
    """Something else than what stands in a module."""
    return 99


WRAPPED = functools.wraps(other)(lambda: 0)


def set_default(use):
    use.helper.__defaults__ = (3,)


def set_keyword_default(use):
    use.helper.__kwdefaults__ = {"z": "four", "w": 3}


def set_code(use):
    use.helper.__code__ = other.__code__


def wrap(use):
    use.helper = functools.wraps(use.helper)(lambda *arguments: 2 * arguments[0])


def wrap_decorated(use):
    inner = use.parts.decorated
    use.parts.decorated = use.decorated = functools.wraps(inner)(lambda *arguments: 2)


def set_base(use):
    use.Kernel.__bases__ = (use.parts.Base,)


@pytest.mark.parametrize(
    ("replace", "named"),
    [
        (lambda use: setattr(use, "helper", other), "toy.use.helper"),
        (lambda use: setattr(use, "helper", functools.partial(use.helper, y=3)), "toy.use.helper"),
        (lambda use: setattr(use, "helper", functools.cache(use.helper)), "toy.use.helper"),
        (lambda use: setattr(use, "helper", use.counting), "toy.use.helper"),
        (lambda use: setattr(use, "helper", 3), "toy.use.helper"),
        (lambda use: delattr(use, "helper"), "toy.use.helper"),
        (lambda use: setattr(use, "cached", other), "toy.use.cached"),
        (lambda use: setattr(use, "cached", functools.partial(use.cached, 1)), "toy.use.cached"),
        (set_default, "toy.use.helper"),
        (set_keyword_default, "toy.use.helper"),
        (set_code, "toy.use.helper"),
        (wrap, "toy.use.helper"),
        (wrap_decorated, "toy.parts.decorated"),
        (lambda use: setattr(use.parts, "plus", other), "toy.parts.plus"),
        (lambda use: setattr(use, "HALF", 1.5), "toy.use.HALF"),
        (lambda use: setattr(use, "HALF", int(use.HALF)), "toy.use.HALF"),
        (lambda use: setattr(use, "ALIAS", other), "toy.use.ALIAS"),
        (lambda use: setattr(use, "chosen", other), "toy.use.chosen"),
        (lambda use: setattr(use, "math", use.parts), "toy.use.math"),
        (lambda use: setattr(use, "parts", types.ModuleType("toy.parts")), "toy.use.parts"),
        (lambda use: setattr(use, "LIMIT", 4), "toy.use.LIMIT"),
        (lambda use: setattr(use.parts, "LIMIT", 3.0), "toy.parts.LIMIT"),
        (lambda use: setattr(use.parts, "chosen", other), "toy.parts.chosen"),
        (lambda use: setattr(use.parts, "made", functools.partial(other, scale=120)), "toy.parts.made"),
        (lambda use: setattr(use.parts, "made", functools.partial(use.decorated, scale=1)), "toy.parts.made"),
        (lambda use: setattr(use.parts, "short", lambda x: x + 131), "toy.parts.short"),
        (lambda use: use.parts.TABLE.update(a=7), "toy.parts.TABLE"),
        (lambda use: use.parts.TABLE.pop("a"), "toy.parts.TABLE"),
        (lambda use: use.parts.NAMES.insert(0, "z"), "toy.parts.NAMES"),
        (lambda use: use.SETTINGS.update(size=3), "toy.use.SETTINGS"),
        (lambda use: use.SETTINGS.update(more=3), "toy.use.SETTINGS"),
        (lambda use: use.SETTINGS["names"].append("c"), "toy.use.SETTINGS"),
        (lambda use: use.SETTINGS.update(rate=25), "toy.use.SETTINGS"),
        (lambda use: use.SETTINGS.update(function=other), "toy.use.SETTINGS"),
        (lambda use: use.SETTINGS.update(short=lambda x: x + 1), "toy.use.SETTINGS"),
        (lambda use: setattr(use, "Kernel", other), "toy.use.Kernel"),
        (set_base, "toy.use.Kernel"),
        (lambda use: setattr(use.Kernel, "__call__", other), "toy.use.Kernel.__call__"),
        (lambda use: setattr(use.Kernel, "rate", property(other)), "toy.use.Kernel.rate"),
        (lambda use: setattr(use.Kernel, "fixed", staticmethod(other)), "toy.use.Kernel.fixed"),
        (lambda use: setattr(use.Kernel, "of", classmethod(other)), "toy.use.Kernel.of"),
        (lambda use: setattr(use.Kernel, "kept", 3), "toy.use.Kernel.kept"),
        (lambda use: setattr(use.Kernel, "_Kernel__private", other), "toy.use.Kernel.__private"),
        (lambda use: setattr(use.Kernel, "_Kernel__hidden", 2), "toy.use.Kernel.__hidden"),
        (lambda use: setattr(use.Kernel, "name", "another"), "toy.use.Kernel.name"),
        (lambda use: setattr(use.Kernel, "shape", (2, 4)), "toy.use.Kernel.shape"),
        (lambda use: setattr(use.Kernel, "more", other), "toy.use.Kernel.more"),
        (lambda use: setattr(use.Kernel, "size", 61), "toy.use.Kernel.size"),
        (lambda use: setattr(use.Kernel, "__eq__", other), "toy.use.Kernel.__eq__"),
        (lambda use: delattr(use.Kernel, "fixed"), "toy.use.Kernel.fixed"),
        (lambda use: setattr(use.Derived, "size", 61), "toy.parts.Derived.size"),
        (lambda use: setattr(use.Derived, "more", other), "toy.parts.Derived.more"),
        (lambda use: setattr(use.parts.Base, "rate", 51), "toy.parts.Base.rate"),
        (lambda use: setattr(use.parts.Base, "get", other), "toy.parts.Base.get"),
        (lambda use: setattr(use.parts.Meta, "__call__", other), "toy.parts.Meta.__call__"),
    ],
)
def test_what_is_replaced_by_hand_is_named(toy, replace, named):
    use = toy.load("use")
    key = fingerprint(use.run)
    replace(use)
    assert named in loaded_differences(use.run)
    assert fingerprint(use.run) == key and loaded_differences(use.apart) == []


def test_a_function_that_is_not_the_one_of_its_module_is_refused(toy):
    use = toy.load("use")
    for function in (functools.wraps(use.run)(other), functools.partial(use.run)):
        with pytest.raises(TypeError):
            fingerprint(function)
    with pytest.raises(TypeError, match="another object than the one that toy.use holds as 'run'"):
        fingerprint(functools.wraps(use.run)(lambda: 0))
    old = use.run
    importlib.reload(use)
    assert use.run is not old and fingerprint(old) == fingerprint(use.run), "a reload that changed nothing"
    toy.edit("use", "uses = parts.TABLE,", "uses = parts.LIMIT,")
    importlib.reload(use)
    with pytest.raises(TypeError, match="or import it again"):
        loaded_differences(old)
    assert loaded_differences(use.run) == []


@pytest.mark.parametrize(
    ("file", "old", "new", "named"),
    [
        ("parts", "LIMIT = 3", "LIMIT = 4", ["toy.parts.LIMIT"]),
        ("parts", "return 20", "return 21", ["toy.parts.chosen"]),
        ("parts", "rate = 50", "rate = 51", ["toy.parts.Base"]),
        ("parts", "z + 80", "z + 81", ["toy.parts.Derived"]),
        ("parts", "scale=40", "scale=41", ["toy.parts.decorated"]),
        ("parts", "def unused", "def added():\n    pass\n\ndef unused", []),
        ("parts", "def unused", "# comment\ndef unused", []),
        ("use", '"""A kernel."""', '"""Another kernel."""', []),
        ("use", "def apart", "import toy.parts as module\nmodule.LIMIT = 9\n\ndef apart", ["toy.use.<effects>"]),
    ],
)
def test_a_file_that_was_edited_after_its_import_is_named_by_definition(toy, file, old, new, named):
    use = toy.load("use")
    key = fingerprint(use.run)
    toy.edit(file, old, new)
    assert loaded_differences(use.run) == named
    assert fingerprint(use.run) == key, "the fingerprint is that of the code that is loaded"
    anew = toy.load("use")
    assert loaded_differences(anew.run) == [] and (fingerprint(anew.run) != key) == bool(named)


def test_a_file_that_is_gone_is_named(toy):
    use = toy.load("use")
    (toy.folder / "parts.py").unlink()
    assert "toy.parts.LIMIT" in loaded_differences(use.run)


def test_what_was_imported_before_notes_were_taken_is_compared_by_its_code(toy):
    from quire.fingerprint.source import RECORDED

    use = toy.load("use")
    for name in ("toy", "toy.use", "toy.parts"):
        del RECORDED[name]
    assert loaded_differences(use.run) == []
    toy.edit("use", "return x", "return -x")
    assert set(loaded_differences(use.run)) >= {"toy.use.cached", "toy.use.counting", "toy.use.helper"}


def test_a_reload_takes_notes_anew(toy):
    use = toy.load("use")
    key = fingerprint(use.apart)
    toy.edit("use", "return 0", "return 1")
    assert loaded_differences(use.apart) == ["toy.use.apart"]
    importlib.reload(use)
    assert loaded_differences(use.apart) == [] and fingerprint(use.apart) != key


def test_a_module_that_fails_to_import_fails_as_ever(toy):
    toy.write(broken="def f(:\n", fails="1 / 0\n")
    with pytest.raises(SyntaxError):
        toy.load("broken")
    with pytest.raises(ZeroDivisionError):
        toy.load("fails")
    with pytest.raises(ModuleNotFoundError, match="No module named 'toy.absent'"):
        toy.load("absent")
