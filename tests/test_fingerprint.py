"""Fingerprints: an edit of a definition changes the keys of what reaches it, and of nothing else."""

import importlib
import sys
import textwrap

import pytest

from quire import data
from quire.fingerprint import fingerprint, fingerprint_file, fingerprint_of, reached, unfollowable

PACKAGE = {
    "__init__": "",
    "base": '"""Doc."""\n\n\ndef one():\n    """Doc."""\n    return 1  # comment\n\n\ndef apart():\n    return 0\n',
    "other": "def two():\n    return 2\n",
    "lonely": "def nobody():\n    return 0\n",
    "sub/__init__": "from toy.sub.first import first\nfrom .second import second as renamed\n\nCONSTANT = 3\n",
    "sub/first": "from toy.base import one\n\n\ndef first():\n    return one()\n",
    "sub/second": "from .. import other\n\n\ndef second():\n    from ..base import one\n    return other.two() + one()\n",
    "a": "from toy.sub import first\n\n\ndef run():\n    return first()\n",
    "b": "from toy.sub import renamed\n\n\ndef run():\n    return renamed()\n",
    "c": "import toy.sub as package\n\n\ndef run():\n    return package.CONSTANT\n",
    "d": "from toy.other import *\n\n\nclass K:\n    def run(self):\n        return two()\n\n\ndef run():\n    return K().run()\n",
    "e": "from toy.sub import CONSTANT\n\n\ndef run():\n    return CONSTANT\n",
}
USERS = "abcde"


class Toy:
    """A package ``toy`` in a folder, imported anew each time that it is asked for."""

    def __init__(self, folder):
        self.folder = folder / "toy"

    def write(self, **files):
        """Write modules; ``__`` in a name stands for a folder."""
        for name, text in files.items():
            path = self.folder / f"{name}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text))
        (self.folder / "__init__.py").touch()

    def edit(self, name, old, new):
        """Replace text that is there."""
        path = self.folder / f"{name}.py"
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    def load(self, name):
        """Import a module of the package anew."""
        self.forget()
        return importlib.import_module(f"toy.{name}")

    @staticmethod
    def forget():
        for name in [name for name in sys.modules if name.partition(".")[0] == "toy"]:
            del sys.modules[name]
        importlib.invalidate_caches()

    def key(self, name="entry", function="run"):
        """The fingerprint of a function of a freshly imported module."""
        return fingerprint(getattr(self.load(name), function))

    def changes(self, name, old, new, *entries):
        """Whether an edit changes the fingerprint of ``entry.run`` (or of each of several modules)."""
        entries = entries or ("entry",)
        before = [self.key(entry) for entry in entries]
        self.edit(name, old, new)
        after = [self.key(entry) for entry in entries]
        changed = [one != two for one, two in zip(before, after, strict=True)]
        return changed[0] if len(changed) == 1 else changed


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """An empty package that can be imported."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    made = Toy(tmp_path)
    yield made
    made.forget()


@pytest.mark.parametrize(
    ("file", "old", "new", "changed"),
    [
        ("base", "return 1", "return 7", "ab"),
        ("base", "return 0", "return 7", ""),
        ("other", "return 2", "return 7", "bd"),
        ("lonely", "return 0", "return 7", ""),
        ("sub/first", "return one()", "return -one()", "a"),
        ("sub/second", "return other", "return -other", "b"),
        ("sub/__init__", "CONSTANT = 3", "CONSTANT = 4", "ce"),
        ("sub/__init__", "from toy.sub.first import first", "from toy.base import one as first", "a"),
        ("sub/__init__", "CONSTANT = 3", "CONSTANT = 3\nfrom toy.base import one as another", ""),
        ("a", "return first()", "return -first()", "a"),
        ("d", "return two()", "return -two()", "d"),
        ("other", "def two", "def more():\n    return 3\n\n\ndef two", "d"),  # a star import takes all
        ("base", '"""Doc."""', '"""Another text."""', ""),
        ("base", "# comment", "# another comment", ""),
        ("base", "return 1", "return (\n        1\n    )", ""),
        ("base", "def one()", "def one() -> int", ""),
        ("base", "return 1", "x: int = 1\n    return x", "ab"),
        ("base", "def apart", '__all__ = ["one"]\n\n\ndef apart', ""),
        ("d", "class K:\n", 'class K:\n    """Documented."""\n\n', ""),
    ],
)
def test_an_edit_changes_exactly_what_depends_on_it(toy, file, old, new, changed):
    toy.write(**PACKAGE)
    found = toy.changes(file, old, new, *USERS)
    assert {user for user, moved in zip(USERS, found, strict=True) if moved} == set(changed)


def test_fingerprints_are_sixteen_digits_that_differ_and_stay(toy):
    toy.write(**PACKAGE)
    first, second = [[toy.key(user) for user in USERS] for _ in range(2)]
    assert first == second and len(set(first)) == len(USERS)
    assert all(len(key) == 16 and int(key, 16) >= 0 for key in first)
    module = importlib.import_module("toy.a")
    assert fingerprint_of("toy.a", "run") == fingerprint(module.run) == fingerprint(module.run)


def test_the_place_of_the_package_does_not_count(toy, tmp_path, monkeypatch):
    toy.write(**PACKAGE)
    here = toy.key("b")
    other = Toy(tmp_path / "elsewhere")
    other.write(**PACKAGE)
    monkeypatch.syspath_prepend(str(tmp_path / "elsewhere"))
    assert other.key("b") == here and str(tmp_path / "elsewhere") in importlib.import_module("toy.b").__file__


PARTS = """
import functools
import math
from dataclasses import dataclass

LIMIT = 3
TABLE = {"a": 1}
TABLE["b"] = 2
TABLE.update(c=3)
for _key in ("d", "e"):
    TABLE[_key] = 4
NAMES: list[str] = ["x"]
NAMES += ["y"]
FLAG = True

if FLAG:
    def chosen():
        return 10
else:
    def chosen():
        return 20

def plus(function):
    @functools.wraps(function)
    def inner(*arguments):
        return function(*arguments) + 30
    return inner

@plus
def decorated(x, *, scale=40):
    return x * scale

class Base:
    rate = 50
    def get(self):
        return self.rate

@dataclass(frozen=True)
class Derived(Base):
    size: int = 60
    def more(self, y=70):
        def nested(z):
            return z + 80
        return nested(self.size + y)

class Meta(type):
    def __call__(cls):
        return 90

class Made(metaclass=Meta):
    pass

class Attached:
    pass

def _method(self):
    return 100

Attached.get = _method
setattr(Attached, "other", lambda self: 110)
made = functools.partial(decorated, scale=120)
short = lambda x: x + 130

def unused():
    return 0
"""
USES = {
    "table": "parts.TABLE",
    "names": "parts.NAMES",
    "chosen": "parts.chosen()",
    "decorated": "parts.decorated(1)",
    "derived": "parts.Derived().more()",
    "made": "parts.Made()",
    "attached": "parts.Attached().get()",
    "partial": "parts.made(1)",
    "short": "parts.short(1)",
    "limit": "[parts.LIMIT for _ in range(2)]",
}


@pytest.mark.parametrize(
    ("old", "new", "changed"),
    [
        ("LIMIT = 3", "LIMIT = 4", "limit"),
        ('TABLE = {"a": 1}', 'TABLE = {"a": 2}', "table"),
        ('TABLE["b"] = 2', 'TABLE["b"] = 3', "table"),
        ("TABLE.update(c=3)", "TABLE.update(c=4)", "table"),
        ("TABLE[_key] = 4", "TABLE[_key] = 5", "table"),
        ('("d", "e")', '("d", "f")', "table"),
        ('+= ["y"]', '+= ["z"]', "names"),
        ("list[str]", "list[int]", "names"),  # an annotation of a module's name stays
        ("FLAG = True", "FLAG = False", "chosen"),
        ("return 20", "return 21", "chosen"),
        ("arguments) + 30", "arguments) + 31", "decorated partial"),
        ("scale=40", "scale=41", "decorated partial"),
        ("rate = 50", "rate = 51", "derived"),
        ("return self.rate", "return -self.rate", "derived"),
        ("size: int = 60", "size: int = 61", "derived"),
        ("size: int", "size: float", "derived"),  # an annotation of a field stays
        ("frozen=True", "frozen=False", "derived"),
        ("y=70", "y=71", "derived"),
        ("z + 80", "z + 81", "derived"),
        ("class Derived(Base)", "class Derived", "derived"),
        ("return 90", "return 91", "made"),
        ("return 100", "return 101", "attached"),
        ("Attached.get = _method", "Attached.get = lambda self: 0", "attached"),
        ("self: 110", "self: 111", "attached"),
        ("scale=120", "scale=121", "partial"),
        ("x + 130", "x + 131", "short"),
        ("def unused():\n    return 0", "def unused():\n    return 1", ""),
        ("def unused", "def added():\n    return 0\n\ndef unused", ""),
        ("import math\n", "", ""),
    ],
)
def test_every_kind_of_definition_counts_for_what_uses_it(toy, old, new, changed):
    toy.write(
        parts=PARTS,
        **{name: f"from toy import parts\n\n\ndef run():\n    return {use}\n" for name, use in USES.items()},
    )
    found = toy.changes("parts", old, new, *USES)
    assert [name for name, moved in zip(USES, found, strict=True) if moved] == [n for n in USES if n in changed.split()]


@pytest.mark.parametrize(
    "entry",
    [
        "import toy.far\n\n\ndef run():\n    return toy.far.f()",
        "import toy.far as far\n\n\ndef run():\n    return far.f()",
        "from toy import far as m\n\n\ndef run():\n    return m.f()",
        "from . import far\n\n\ndef run():\n    return far.f()",
        "from .far import f as g\n\n\ndef run():\n    return g()",
        "from toy.far import *\n\n\ndef run():\n    return f()",
        "def run():\n    from toy.far import f\n    return f()",
        "def run():\n    import toy.far as far\n    return far.f()",
        "import toy.far\n\n\ndef run(g=toy.far.f):\n    return g()",
        "import toy.far\n\n\ndef run():\n    return getattr(toy.far, 'f' + '')()",
        "import toy.far\n\n\ndef run():\n    return vars(toy.far)['f']()",
        "import toy.far\n\n\ndef run():\n    def ask(m):\n        return m.f()\n    return ask(toy.far)",
        "import toy.far as far\nmodules = [far]\n\n\ndef run():\n    return modules[0].f()",
        "import importlib\n\n\ndef run():\n    return importlib.import_module('toy.far').f()",
        "import sys\nimport toy.far\n\n\ndef run():\n    return sys.modules['toy.far'].f()",
        "from toy.far import f\n\n\ndef run():\n    return globals()['f']()",
        "from toy.far import f\n\n\ndef run():\n    return eval('f')()",
        "try:\n    from toy.far import f\nexcept ImportError:\n    f = None\n\n\ndef run():\n    return f()",
        "from toy.ends import f\nfrom toy.far import f\n\n\ndef run():\n    return f()",
        "from toy.door import f\n\n\ndef run():\n    return f()",
        "from toy.door import far\n\n\ndef run():\n    return far.f()",
        "import toy.door as door\n\n\ndef run():\n    return door.f()",
        "from toy.lazy import f\n\n\ndef run():\n    return f()",
        "from toy.far import f\n\n\ndef run():\n    return [f() for f in [f]][0]",
        "from toy.far import f\n\n\ndef run():\n    return (lambda x=f: x())()",
        "from toy.far import f\n\n\nclass K:\n    f = f\n\n\ndef run():\n    return K.f()",
        "from toy.far import f\n\n\ndef run():\n    def g():\n        global f\n        return f()\n    return g()",
        "import toy.far\nf = toy.far.f\n\n\ndef run():\n    return f()",
        "import toy\nimport toy.far\n\n\ndef run():\n    return toy.far.f()",
    ],
)
def test_a_definition_is_followed_however_it_is_reached(toy, entry):
    toy.write(
        far="def f():\n    return 1\n",
        ends="def f():\n    return 0\n",
        door="from toy import far\nfrom toy.far import f\n",
        lazy="import toy.far\n\n\ndef __getattr__(name):\n    return getattr(toy.far, name)\n",
        entry=entry + "\n",
    )
    assert toy.load("entry").run() == 1
    assert toy.changes("far", "return 1", "return 2")
    assert toy.load("entry").run() == 2


def test_the_order_of_two_imports_of_a_name_counts(toy):
    first, second = "from toy.one import f\n", "from toy.two import f\n"
    toy.write(
        one="def f():\n    return 1\n",
        two="def f():\n    return 2\n",
        entry=f"{first}{second}\n\ndef run():\n    return f()\n",
    )
    assert toy.changes("entry", first + second, second + first)


def test_names_of_a_function_hide_those_of_its_module(toy):
    toy.write(
        entry="""
        def hidden():
            return 1

        def run(hidden=2):
            return hidden

        def bound():
            hidden = 3
            return [hidden for hidden in range(hidden)]
        """
    )
    before = toy.key(), toy.key(function="bound")
    toy.edit("entry", "return 1", "return 4")
    assert (toy.key(), toy.key(function="bound")) == before


EFFECTS = [
    "import math\nmath.set_something = 1",
    "import sys\nsys.setrecursionlimit(9000 + 1)",
    "import warnings\nwarnings.simplefilter('default', append=1)",
    "import toy.state\ntoy.state.VALUE = 1",
    "import toy.state as state\nstate.TABLE['x'] = 1",
    "from toy.state import TABLE\nTABLE['x'] = 1",
    "from toy.state import TABLE\nTABLE.update(x=1)",
    "from toy.state import REGISTRY\nREGISTRY.add('x', 1)",
    "from toy.state import register\nregister('x', 1)",
    "from toy.state import register\ndone = register('x', 1)",
    "from toy.state import registered\n@registered('x')\ndef one():\n    return 1",
    "from toy.state import registered\n@registered('x')\nclass One:\n    value = 1",
    "from toy.state import Root\nclass One(Root):\n    value = 1",
    "from toy.state import TABLE\nmine = TABLE\nmine['x'] = 1",
    "import toy.state\nsetattr(toy.state, 'VALUE', 1)",
    "import toy.state\ndef _set():\n    toy.state.TABLE['x'] = 1\n_set()",
    "import toy.state\ndef _set():\n    toy.state.TABLE['x'] = 1\ndone = _set()",
    "import toy.state\nif True:\n    toy.state.VALUE = 1",
    "exec('import toy.state; toy.state.VALUE = 1')",
]
STATE = """
VALUE = 0
TABLE = {}

class Registry:
    def __init__(self):
        self.entries = {}

    def add(self, name, value):
        self.entries[name] = value

REGISTRY = Registry()

def register(name, value):
    TABLE[name] = value

def registered(name):
    def record(target):
        TABLE[name] = target
        return target
    return record

class Root:
    def __init_subclass__(cls):
        TABLE[cls.__name__] = cls
"""


@pytest.mark.parametrize("effect", EFFECTS)
def test_an_effect_of_a_module_counts_for_all_that_import_it(toy, effect):
    """Which module it is imported through: an ancestor's ``__init__``, an import of an import, one inside of a function."""
    toy.write(
        **{
            "state": STATE,
            "loud/__init__": effect + "\n",
            "loud/plain": "def f():\n    return 0\n",
            "between": "import toy.loud\n\n\ndef g():\n    return 0\n",
            "entry": "from toy.loud.plain import f\n\n\ndef run():\n    return f()\n",
            "further": "from toy.between import g\n\n\ndef run():\n    return g()\n",
            "inside": "def run():\n    import toy.between\n",
            "apart": "def run():\n    return 0\n",
        }
    )
    entries = ("entry", "further", "inside", "apart")
    found = toy.changes("loud/__init__", "1", "2", *entries)
    assert found == [True, True, True, False]


@pytest.mark.parametrize(
    "statement",
    [
        "import math\nROOT = math.sqrt(1)",
        "import re\nPATTERN = re.compile('1')",
        "TABLE = {}\nTABLE['x'] = 1",
        "TABLE = {}\nTABLE.update(x=1)",
        "import functools\n@functools.cache\ndef f():\n    return 1",
        "from toy.wrap import wrap\n@wrap\ndef f():\n    return 1",
        "from dataclasses import dataclass\n@dataclass\nclass One:\n    value: int = 1",
        "class One:\n    table = {}\n    table['x'] = 1",
        "class One:\n    pass\nOne.value = 1",
        "from functools import singledispatch\n@singledispatch\ndef f(x):\n    return 0\n@f.register\ndef _(x: int):\n    return 1",
        "try:\n    import json\nexcept ImportError:\n    json = 1",
        "from toy.wrap import Base\nclass One(Base):\n    value = 1",
        "if __name__ == '__main__':\n    print(1)",
        "'1'",
        "def f():\n    import sys\n    sys.setrecursionlimit(1)",
    ],
)
def test_a_statement_that_changes_only_names_of_its_own_module_is_no_effect(toy, statement):
    toy.write(
        wrap="""
        import functools

        def wrap(function):
            @functools.wraps(function)
            def inner():
                return function()
            return inner

        class Base:
            pass
        """,
        quiet=statement + "\n\n\ndef f0():\n    return 0\n",
        entry="from toy.quiet import f0\n\n\ndef run():\n    return f0()\n",
    )
    assert not toy.changes("quiet", "1", "2")


def test_files_beside_a_module_count_for_what_names_them(toy):
    toy.write(
        entry="""
        from pathlib import Path
        HERE = Path(__file__).parent

        def run():
            return (HERE / "numbers.txt").read_text()

        def pattern(k=1):
            return (HERE / f"table_{k}.csv").read_text()

        def deep(name="x"):
            return [(HERE / "tables" / name).read_text(), __file__]

        def joined():
            return (Path(__file__).parent / "tables" / "one.txt").read_text()

        def other():
            return 0
        """
    )
    (toy.folder / "tables").mkdir()
    for name in ("numbers.txt", "table_1.csv", "table_2.csv", "tables/one.txt", "tables/two.txt", "else.txt"):
        (toy.folder / name).write_text("1")
    functions = ("run", "pattern", "deep", "joined", "other")
    uses = {
        "numbers.txt": "run",
        "table_2.csv": "pattern",
        "tables/one.txt": "deep joined",
        "tables/two.txt": "deep joined",
        "else.txt": "",
    }
    for name, changed in uses.items():
        before = [toy.key(function=function) for function in functions]
        (toy.folder / name).write_text("2")
        after = [fingerprint_of("toy.entry", function) for function in functions]  # in the same process
        assert [f for f, old, new in zip(functions, before, after, strict=True) if old != new] == changed.split(), name


def test_what_cannot_be_followed_is_said(toy):
    toy.write(
        entry="""
        import importlib
        import os
        from os import environ as settings

        def run():
            return os.environ["HOME"]

        def imports(name):
            return importlib.import_module(name)

        def default(x=os.getenv("X")):
            return x

        def renamed():
            return "X" in settings

        def ours():
            return os.environ.get("QUIRE_JOBS"), importlib.import_module("toy.entry")

        def none():
            return os.path.join("a", "b")
        """
    )
    module = toy.load("entry")
    assert unfollowable(module.run) == unfollowable(module.renamed) == ["toy.entry reads the environment"]
    assert unfollowable(module.default) == ["toy.entry reads the environment"]
    assert unfollowable(module.imports) == ["toy.entry imports what it computes (importlib)"]
    assert not unfollowable(module.none)
    assert "toy.entry reads the environment" in unfollowable(module.ours), "the whole module was asked for"


SAID = {
    "import subprocess\n\n\ndef run():\n    subprocess.run(['ls'])": "runs another program (subprocess)",
    "import urllib.request\n\n\ndef run():\n    urllib.request.urlopen('x')": "asks the network (urllib)",
    "def run():\n    return open('absent.txt').read()": "reads a file that it does not name",
    "from pathlib import Path\n\n\ndef run(path):\n    return Path(path).read_text()": "reads a file that it does not name",
    "import numpy as np\n\n\ndef run(path):\n    return np.load(path)": "reads a file that it does not name",
    "def run():\n    return eval('1')": "runs a text as code (eval)",
    "import sys\n\n\ndef run(name):\n    return sys.modules[name]": "looks into sys.modules",
    "class K:\n    pass\n\n\ndef run():\n    return K.__subclasses__()": "asks a class for its subclasses",
    "def run(f):\n    return f.__globals__['x']": "looks into the names of a module (__globals__)",
    "import inspect\n\n\ndef run():\n    return inspect.currentframe()": "looks at its callers",
}


@pytest.mark.parametrize("text", SAID)
def test_each_way_out_of_what_is_followed_is_said(toy, text):
    toy.write(entry=text + "\n")
    assert unfollowable(toy.load("entry").run) == [f"toy.entry {SAID[text]}"]


def test_a_file_that_is_named_and_there_needs_no_word(toy):
    toy.write(
        entry="from pathlib import Path\n\n\ndef run():\n    return Path(__file__).with_name('there.txt').read_text()\n"
    )
    (toy.folder / "there.txt").write_text("1")
    assert unfollowable(toy.load("entry").run) == []


def test_the_seeding_of_a_generator_counts_for_what_is_given_one(toy):
    toy.write(entry="def run(*, generator):\n    return 0\n\n\ndef without():\n    return 0\n")
    module = toy.load("entry")
    assert {"quire.rng.generator", "quire.rng.seed_from"} <= set(reached(module.run))
    assert reached(module.without) == ["toy.entry.without"]


def test_what_loads_a_data_set_of_quire_depends_on_the_registry_and_needs_no_word(toy):
    toy.write(entry="from quire.data import load\n\n\ndef run(name):\n    return load(name)\n")
    module = toy.load("entry")
    assert unfollowable(module.run) == [] and "data/registry.yml" in reached(module.run)


def test_the_registry_of_data_sets_counts_without_its_addresses(tmp_path, monkeypatch):
    from quire.fingerprint.files import registry

    text = "# comment\nset:\n  title: A\n  peak: 1\n  files:\n    - file: a\n      sha256: 0a\n      urls:\n        - https://a\n"
    (tmp_path / "data").mkdir()
    monkeypatch.setenv("QUIRE_ROOT", str(tmp_path))
    assert registry() == ""
    (tmp_path / "data" / "registry.yml").write_text(text)
    before = registry()
    for old, new, changes in [
        ("https://a", "https://b", False),
        ("title: A", "title: B", False),
        ("comment", "remark", False),
        ("sha256: 0a", "sha256: 0b", True),
        ("peak: 1", "peak: 2", True),
    ]:
        (tmp_path / "data" / "registry.yml").write_text(text.replace(old, new))
        assert (registry() != before) == changes, old


def test_what_is_reached_can_be_listed(toy):
    toy.write(**PACKAGE)
    assert reached(toy.load("b").run) == ["toy.b.run", "toy.base.one", "toy.other.two", "toy.sub.second.second"]


def test_how_bytes_arrive_is_no_part_of_what_depends_on_them():
    """They are held against their sha256 wherever they come from; the registry that holds it counts."""
    found = reached(data.fetch)
    assert "data/registry.yml" in found and "quire.data.registry._download" in found
    assert not [name for name in found if name.startswith("quire.data.download.")]


def test_a_cited_function_is_the_same_without_the_citation(toy):
    toy.write(entry="from quire.cite import cites as by\n\n\n@by('key')\ndef run():\n    return 1\n")
    assert not toy.changes("entry", "@by('key')", "@by('another', 'eq. (1)')")
    assert not toy.changes("entry", "@by('another', 'eq. (1)')\n", "")


def test_a_decorator_that_is_called_like_a_citation_counts(toy):
    toy.write(
        mine="def cites(key):\n    return lambda function: lambda: key\n",
        entry="from toy.mine import cites\n\n\n@cites(1)\ndef run():\n    return 1\n",
    )
    before = fingerprint_of(toy.load("entry").__name__, "run")
    toy.edit("entry", "@cites(1)", "@cites(2)")
    toy.load("entry")
    assert fingerprint_of("toy.entry", "run") != before


def test_annotations_that_a_decorator_reads_count(toy):
    toy.write(
        entry="""
        from functools import singledispatch

        @singledispatch
        def area(x):
            return 0

        @area.register
        def _(x: int):
            return 1

        def run():
            return area(1)
        """
    )
    assert toy.changes("entry", "x: int", "x: str")


def test_a_chapters_file_counts_whole_with_what_it_reaches(toy, tmp_path):
    toy.write(**PACKAGE)
    chapter = tmp_path / "chapter.py"
    text = '"""Doc."""\n# %% [markdown]\n# Prose.\n# %%\nfrom toy.sub import first\nimport helper\n\nsize = 3\nprint(first(), helper.f())\n'
    chapter.write_text(text)
    (tmp_path / "helper.py").write_text("def f():\n    return 1\n\n\ndef unused():\n    return 0\n")
    before = fingerprint_file(chapter, "chapter")
    assert fingerprint_file(chapter, "another") != before
    for old, new, changes in [("Prose", "Text", False), ('"""Doc."""', "", False), ("size = 3", "size = 4", True)]:
        chapter.write_text(text.replace(old, new))
        assert (fingerprint_file(chapter, "chapter") != before) == changes, old
    chapter.write_text(text)
    toy.edit("base", "return 1", "return 2")
    edited = fingerprint_file(chapter, "chapter")
    assert edited != before
    (tmp_path / "helper.py").write_text("def f():\n    return 1\n\n\ndef unused():\n    return 5\n")
    assert fingerprint_file(chapter, "chapter") == edited
    (tmp_path / "helper.py").write_text("def f():\n    return 2\n")
    assert fingerprint_file(chapter, "chapter") != edited


def test_only_a_top_level_function_of_a_module_has_a_fingerprint():
    class Inner:
        def method(self):
            pass

    def main():
        pass

    main.__module__ = "__main__"
    for function in (Inner.method, lambda: 0, main, 3):
        with pytest.raises(TypeError, match="top-level function of an importable module"):
            fingerprint(function)
    with pytest.raises(LookupError, match="no definition 'nothing' in 'toy_experiments'"):
        fingerprint_of("toy_experiments", "nothing")
    with pytest.raises(LookupError, match="no definition 'f' in 'no_module_of_this_name'"):
        fingerprint_of("no_module_of_this_name", "f")


@pytest.mark.parametrize("recorded", [True, False])
def test_packages_that_an_installer_put_elsewhere_are_not_followed(tmp_path, monkeypatch, recorded):
    """As ``pip install --target`` and clusters' modules do: what they read is theirs; a user's folder is a user's."""
    name = f"put_elsewhere_{recorded}".lower()
    target, user = tmp_path / "target", tmp_path / "user"
    (target / name).mkdir(parents=True)
    (target / name / "__init__.py").write_text("import os\n\n\ndef size():\n    return os.environ['SIZE']\n")
    if recorded:
        (target / f"{name}-1.0.dist-info").mkdir()
        (target / f"{name}-1.0.dist-info" / "RECORD").write_text(f"{name}/__init__.py,sha256=0,0\n")
    user.mkdir()
    (user / f"{name}_user.py").write_text(f"import {name}\n\n\ndef run():\n    return {name}.size()\n")
    (target / f"{name}_beside.py").write_text("import os\n\n\ndef size():\n    return os.environ['SIZE']\n")
    for path in (target, user):
        monkeypatch.syspath_prepend(str(path))
    run = importlib.import_module(f"{name}_user").run
    notes = unfollowable(run)
    assert notes == [] if recorded else any("reads the environment" in note for note in notes)
    beside = unfollowable(importlib.import_module(f"{name}_beside").size)
    assert any("reads the environment" in note for note in beside)  # a user's file in the same folder
