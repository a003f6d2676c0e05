"""Random small packages whose numbers depend on one another in every way that python offers, and random edits of them.

A *node* is one definition with a number of its own and, mostly, other nodes that it uses. The graph of what uses what is
known by construction, so that a test can say which entries an edit must change, and which it must not.
"""

import importlib
import random
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["GeneratedPackage", "Node"]

NAME = "generated_toy"
KINDS = [
    "constant",
    "function",
    "default",
    "keyword_default",
    "nested",
    "method",
    "inherited",
    "registry",
    "loop_registry",
    "updated_registry",
    "decorated",
    "dataclass",
    "augmented",
    "conditional",
    "attached",
    "partial",
    "lambda",
    "data",
    "pattern_data",
    "compiled",
    "local_import",
    "alias",
    "computed_name",
    "tuple",
    "comprehension",
    "metaclass",
    "closure",
    "class_statement",
    "chained",
    "static",
]
LAYERS = ("low", "middle", "high")


@dataclass
class Node:
    """One definition: its place, its number, what it uses, and how it refers to each."""

    index: int
    kind: str
    module: tuple[int, int]  # layer, number in it
    number: int
    uses: list[int] = field(default_factory=list)
    styles: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        return f"n{self.index}"


class GeneratedPackage:
    """A package in a folder; ``entries`` are functions that use nodes directly.

    Args:
        folder: where the package is written.
        seed: names the package.
        nodes: number of definitions.
        entries: number of entry functions.
    """

    def __init__(self, folder: Path, seed: int, nodes: int = 34, entries: int = 10):
        self.folder, self.random = folder, random.Random(seed)
        self.nodes: list[Node] = []
        places = sorted((self.random.randrange(3), self.random.randrange(3)) for _ in range(nodes))
        for index, place in enumerate(places):
            kind = self.random.choice(KINDS)
            node = Node(index, kind, place, self.random.randrange(10, 10**6))
            most = 1 if kind in ("alias", "computed_name", "inherited", "decorated", "partial") else 3
            found = self.random.sample(range(index), min(index, self.random.randrange(most + 1)))
            node.uses = found if kind not in ("alias", "computed_name") or found else self.nothing(node)
            node.styles = [self.style(node, self.nodes[used]) for used in node.uses]
            self.nodes.append(node)
        self.entries = [self.random.sample(range(nodes), 2) for _ in range(entries)]
        self.entry_styles = [
            [self.random.choice(["direct", "package", "module", "alias"]) for _ in range(2)] for _ in self.entries
        ]
        self.harmless = 0

    @staticmethod
    def nothing(node: Node) -> list[int]:
        """A node that would have to use another and has none is a constant."""
        node.kind = "constant"
        return []

    def style(self, node: Node, used: Node) -> str:
        """How a node refers to another: the styles that its place allows."""
        if node.module == used.module:
            return "own"
        styles = ["direct", "renamed", "module", "relative"]
        if node.module[0] > used.module[0]:
            styles += ["package", "package_attribute", "fallback", "submodule"]
        return self.random.choice(styles)

    # ---------------------------------------------------------------- text

    def path(self, module: tuple[int, int]) -> Path:
        """The file of a module."""
        return self.folder / NAME / LAYERS[module[0]] / f"m{module[1]}.py"

    def dotted(self, module: tuple[int, int]) -> str:
        return f"{NAME}.{LAYERS[module[0]]}.m{module[1]}"

    def reference(self, node: Node, position: int) -> tuple[str, str]:
        """The import statement and the expression by which a node refers to the one that it uses."""
        used, style = self.nodes[node.uses[position]], node.styles[position]
        return self.refer(used, style, f"_{node.index}_{position}", node.module)

    def refer(self, used: Node, style: str, tag: str, module: tuple[int, int] | None) -> tuple[str, str]:
        dotted, layer, name = self.dotted(used.module), LAYERS[used.module[0]], used.name
        if style == "relative":
            dots = "." if module and module[0] == used.module[0] else f"..{layer}."
            return f"from {dots}m{used.module[1]} import {name} as r{tag}", f"r{tag}"
        return {
            "own": ("", name),
            "direct": (f"from {dotted} import {name}", name),
            "renamed": (f"from {dotted} import {name} as r{tag}", f"r{tag}"),
            "module": (f"import {dotted} as m{tag}", f"m{tag}.{name}"),
            "submodule": (f"import {dotted}", f"{dotted}.{name}"),
            "package": (f"from {NAME}.{layer} import {name} as p{tag}", f"p{tag}"),
            "package_attribute": (f"from {NAME} import {layer} as l{tag}", f"l{tag}.{name}"),
            "alias": (f"import {NAME}.{layer} as a{tag}", f"a{tag}.{name}"),
            "fallback": (
                f"try:\n    from {NAME}.{layer} import {name} as f{tag}\nexcept ImportError:\n    f{tag} = None",
                f"f{tag}",
            ),
        }[style]

    def shape(self, node: Node) -> str:
        """How the number of a node is had: "value", "call" or "object"."""
        if node.kind in ("alias", "computed_name"):
            return self.shape(self.nodes[node.uses[0]]) if node.kind == "alias" else "call"
        if node.kind in ("constant", "augmented", "tuple", "comprehension", "class_statement", "chained"):
            return "value"
        if node.kind in ("method", "inherited", "dataclass", "attached", "metaclass", "static"):
            return "object"
        return "call"

    def had(self, node: Node, expression: str) -> str:
        """The expression of a node's number, given the expression of the node."""
        return expression + {"value": "", "call": "()", "object": "().get()"}[self.shape(node)]

    def sum(self, node: Node) -> str:
        """An expression of all that a node uses."""
        terms = [self.had(self.nodes[used], self.reference(node, i)[1]) for i, used in enumerate(node.uses)]
        return " + ".join(f"{factor} * {term}" for factor, term in zip((3, 5, 7), terms, strict=False)) or "0"

    def text(self, node: Node) -> str:
        """The source of a node."""
        imports = [statement for statement, _ in (self.reference(node, i) for i in range(len(node.uses))) if statement]
        body = getattr(self, f"text_{node.kind}")(node, node.name, node.number, self.sum(node))
        if node.kind == "local_import":
            inner = "".join(f"    {line}\n" for statement in imports for line in statement.splitlines())
            return body.replace("    #imports\n", inner)
        return "\n".join([*imports, body])

    def text_constant(self, node, name, k, total):
        return f"{name} = {k} + {total}\n"

    def text_function(self, node, name, k, total):
        return f'def {name}() -> int:\n    """Number of {name}."""\n    return {k} + {total}\n'

    def text_default(self, node, name, k, total):
        return f"def {name}(x={k}, y={total}):\n    return x + y\n"

    def text_keyword_default(self, node, name, k, total):
        return f"def {name}(*, x=[{k}]):\n    return x[0] + {total}\n"

    def text_nested(self, node, name, k, total):
        return f"def {name}():\n    def inner(x):\n        return x + {k}\n\n    return inner({total})\n"

    def text_closure(self, node, name, k, total):
        return f"def _make_{name}(k):\n    def inner():\n        return k + {total}\n\n    return inner\n\n\n{name} = _make_{name}({k})\n"

    def text_method(self, node, name, k, total):
        return f"class {name}:\n    own: int = {k}\n\n    def get(self):\n        return self.own + {total}\n"

    def text_static(self, node, name, k, total):
        return (
            f"class {name}:\n    @staticmethod\n    def one():\n        return {k}\n\n    @classmethod\n    def two(cls):\n"
            f"        return cls.one()\n\n    @property\n    def three(self):\n        return self.two()\n\n"
            f"    def get(self):\n        return self.three + {total}\n"
        )

    def text_inherited(self, node, name, k, total):
        used = self.nodes[node.uses[0]] if node.uses else None
        base = f"({self.reference(node, 0)[1]})" if used and self.shape(used) == "object" else ""
        inherited = "super().get()" if base else total
        return f"class {name}{base}:\n    def get(self):\n        return {k} + {inherited}\n"

    def text_metaclass(self, node, name, k, total):
        return (
            f"class _Meta_{name}(type):\n    def number(cls):\n        return {k}\n\n\nclass {name}(metaclass=_Meta_{name}):\n"
            f"    def get(self):\n        return type(self).number() + {total}\n"
        )

    def text_registry(self, node, name, k, total):
        return f'_t_{name} = {{}}\n\n\ndef {name}():\n    return _t_{name}["a"] + {total}\n\n\n_t_{name}["a"] = {k}\n'

    def text_loop_registry(self, node, name, k, total):
        return (
            f"_t_{name} = {{}}\n\n\ndef {name}():\n    return sum(_t_{name}.values())\n\n\n"
            f"for _k_{name} in ({k}, {total}):\n    _t_{name}[len(_t_{name})] = _k_{name}\n"
        )

    def text_updated_registry(self, node, name, k, total):
        return f"_t_{name} = []\n_t_{name}.extend([{k}, {total}])\n\n\ndef {name}():\n    return sum(_t_{name})\n"

    def text_decorated(self, node, name, k, total):
        return (
            f"def _d_{name}(function):\n    @functools.wraps(function)\n    def inner():\n        return function() + {k}\n\n"
            f"    return inner\n\n\n@_d_{name}\n@functools.cache\ndef {name}():\n    return {total}\n"
        )

    def text_dataclass(self, node, name, k, total):
        return (
            f"@dataclass(frozen=True)\nclass {name}:\n    own: int = {k}\n    names: list = field(default_factory=list)\n\n"
            f"    def get(self):\n        return self.own + {total}\n"
        )

    def text_augmented(self, node, name, k, total):
        return f"{name} = {total}\n{name} += {k}\n"

    def text_chained(self, node, name, k, total):
        return f"_a_{name} = _b_{name} = {k}\n{name} = _a_{name} + _b_{name} + {total}\n"

    def text_tuple(self, node, name, k, total):
        return f"_x_{name}, {name} = {total}, {k} + {total}\n"

    def text_comprehension(self, node, name, k, total):
        return f"{name} = sum([i * {k} for i in range(3) if i != {total}])\n"

    def text_conditional(self, node, name, k, total):
        return f"if {k} % 2:\n\n    def {name}():\n        return {k}\n\nelse:\n\n    def {name}():\n        return {total}\n"

    def text_class_statement(self, node, name, k, total):
        return f"class _c_{name}:\n    values = []\n    for i in range(3):\n        values.append(i * {k})\n\n\n{name} = sum(_c_{name}.values) + {total}\n"

    def text_attached(self, node, name, k, total):
        return (
            f"class {name}:\n    pass\n\n\ndef _g_{name}(self):\n    return {k} + {total}\n\n\n{name}.get = _g_{name}\n"
        )

    def text_partial(self, node, name, k, total):
        return (
            f"def _p_{name}(x, y):\n    return x + 2 * y\n\n\n{name} = functools.partial(_p_{name}, {k}, y={total})\n"
        )

    def text_lambda(self, node, name, k, total):
        return f"{name} = lambda: {k} + {total}\n"

    def text_data(self, node, name, k, total):
        return f'def {name}():\n    return int(Path(__file__).with_name("{name}.txt").read_text()) + {total}\n'

    def text_pattern_data(self, node, name, k, total):
        return (
            f'_HERE_{name} = Path(__file__).parent\n\n\ndef {name}(which="{name}"):\n'
            f'    return int((_HERE_{name} / f"{{which}}.dat").read_text()) + {total}\n'
        )

    def text_compiled(self, node, name, k, total):
        return (
            f"_SIZE_{name} = {k}\n\n\n@compiled\ndef _loop_{name}(values):\n    for i in range(len(values)):\n"
            f"        values[i] += _SIZE_{name}\n\n\ndef {name}():\n    values = [{total}]\n    _loop_{name}(values)\n    return values[0]\n"
        )

    def text_local_import(self, node, name, k, total):
        return f"def {name}():\n    #imports\n    return {k} + {total}\n"

    def text_alias(self, node, name, k, total):
        return f"{name} = {self.reference(node, 0)[1]}\n"

    def text_computed_name(self, node, name, k, total):
        used = self.nodes[node.uses[0]]
        module = self.dotted(used.module)
        got = self.had(used, f'getattr(_w_{name}, "n" + str({used.index}))')
        return f"import {module} as _w_{name}\n\n\ndef {name}():\n    return {k} + {got}\n"

    # ---------------------------------------------------------------- files

    HEAD = (
        '"""A generated module."""\n\nimport functools\nfrom dataclasses import dataclass, field\nfrom pathlib import Path\n\n'
        f"from {NAME}.kernels import compiled\n\n"
    )
    KERNELS = (
        "import functools\n\n\ndef compiled(function):\n    loop = None\n\n    @functools.wraps(function)\n    def call(*arguments):\n"
        "        nonlocal loop\n        loop = loop or function\n        return loop(*arguments)\n\n    return call\n"
    )

    def write(self) -> None:
        """Write all files."""
        for layer in LAYERS:
            (self.folder / NAME / layer).mkdir(parents=True, exist_ok=True)
        self.put(self.folder / NAME / "__init__.py", '"""A generated package."""\n')
        self.put(self.folder / NAME / "kernels.py", self.KERNELS)
        modules: dict[tuple[int, int], list[str]] = {(i, j): [] for i in range(3) for j in range(3)}
        exported: list[list[str]] = [[], [], []]
        for node in self.nodes:
            modules[node.module].append(self.text(node))
            exported[node.module[0]].append(f"from {self.dotted(node.module)} import {node.name}\n")
            if node.kind in ("data", "pattern_data"):
                ending = "txt" if node.kind == "data" else "dat"
                self.put(self.path(node.module).with_name(f"{node.name}.{ending}"), str(node.number))
        for module, texts in modules.items():
            self.put(self.path(module), self.HEAD + "\n\n".join(texts) + self.extra(module))
        for layer, lines in zip(LAYERS, exported, strict=True):
            self.put(self.folder / NAME / layer / "__init__.py", "".join(lines))
        self.put(self.folder / NAME / "entries.py", "\n\n".join(self.entry(i) for i in range(len(self.entries))))

    def extra(self, module: tuple[int, int]) -> str:
        """Code that nothing uses; a different one after each harmless edit."""
        return f"\n\ndef _unused_{module[1]}(x={self.harmless}):\n    return x\n\n\n# comment {self.harmless}\n"

    def entry(self, index: int) -> str:
        lines, terms = [], []
        for position, (used, style) in enumerate(zip(self.entries[index], self.entry_styles[index], strict=True)):
            statement, expression = self.refer(self.nodes[used], style, f"_e{index}_{position}", None)
            lines.append(statement)
            terms.append(self.had(self.nodes[used], expression))
        return "\n".join([*lines, f"\n\ndef entry{index}():\n    return 2 * {terms[0]} + {terms[1]}\n"])

    @staticmethod
    def put(path: Path, text: str) -> None:
        if not path.exists() or path.read_text() != text:
            path.write_text(text)

    # ---------------------------------------------------------------- what is known by construction

    def reach(self, entry: int) -> set[int]:
        """The nodes that an entry reaches; a computed name reaches all of its module, and of modules that it imports."""
        found: set[int] = set()
        waiting = list(self.entries[entry])
        while waiting:
            node = self.nodes[waiting.pop()]
            if node.index not in found:
                found.add(node.index)
                waiting += node.uses
                if node.kind == "computed_name":
                    whole = self.whole(self.nodes[node.uses[0]].module)
                    waiting += [other.index for other in self.nodes if other.module in whole]
        return found

    def whole(self, module: tuple[int, int]) -> set[tuple[int, int]]:
        """The modules that can be had from a module, beginning with itself."""
        found, waiting = set(), [module]
        while waiting:
            at = waiting.pop()
            if at in found:
                continue
            found.add(at)
            for node in self.nodes:
                if node.module == at and node.kind != "local_import":
                    waiting += [place for i in range(len(node.uses)) for place in self.bound_modules(node, i)]
        return found

    def bound_modules(self, node: Node, position: int) -> list[tuple[int, int]]:
        """The modules that one import of a node makes names of its own module."""
        used, style = self.nodes[node.uses[position]], node.styles[position]
        everything = [(i, j) for i in range(3) for j in range(3)]
        if node.kind == "computed_name":
            return [used.module]
        return {
            "module": [used.module],
            "package_attribute": [place for place in everything if place[0] == used.module[0]],
            "submodule": everything,
        }.get(style, [])

    def reaching(self, node: int) -> set[int]:
        """The entries that reach a node."""
        return {entry for entry in range(len(self.entries)) if node in self.reach(entry)}

    def edit(self) -> tuple[str, set[int]]:
        """Change something at random; return what, and the entries that must have another fingerprint."""
        chance = self.random.random()
        if chance < 0.15:
            self.harmless += 1
            computed = [node.index for node in self.nodes if node.kind == "computed_name"]
            return "harmless", {entry for node in computed for entry in self.reaching(node)}
        if chance < 0.3 and (switched := self.switch()) is not None:
            return switched
        node = self.random.choice([node for node in self.nodes if node.kind != "alias"])
        node.number += self.random.randrange(1, 1000)
        return f"{node.kind} {node.name}", self.reaching(node.index)

    def switch(self) -> tuple[str, set[int]] | None:
        """Let a node use another one of the same shape."""
        node = self.random.choice([node for node in self.nodes if node.uses])
        position = self.random.randrange(len(node.uses))
        shape = self.shape(self.nodes[node.uses[position]])
        others = [n.index for n in self.nodes[: node.index] if n.index not in node.uses and self.shape(n) == shape]
        if not others or node.kind == "inherited":
            return None
        before = self.reaching(node.index)
        node.uses[position] = self.random.choice(others)
        node.styles[position] = self.style(node, self.nodes[node.uses[position]])
        return f"use of {node.name} ({node.kind})", before | self.reaching(node.index)

    # ---------------------------------------------------------------- running it

    def forget(self) -> None:
        """Take the package out of this process."""
        for name in [name for name in sys.modules if name.partition(".")[0] == NAME]:
            del sys.modules[name]
        importlib.invalidate_caches()

    def load(self) -> list[Callable]:
        """Import the package anew; return its entries."""
        self.forget()
        module = importlib.import_module(f"{NAME}.entries")
        return [getattr(module, f"entry{index}") for index in range(len(self.entries))]
