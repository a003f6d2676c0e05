"""Every module can be read in one sitting, and each of the machinery says why it exists."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from test_layers import LAYERS

ROOT = Path(__file__).parents[1]
LIB = ROOT / "lib" / "quire"
MODULE_LINES, FUNCTION_LINES, REASON_LENGTH = 200, 40, 120
REASONS = ROOT / "lib" / "rooms.yml"
FILES = sorted(LIB.rglob("*.py")) + sorted((ROOT / "book" / "_ext").rglob("*.py"))


def functions(tree: ast.AST):
    """All functions and methods, nested ones too."""
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines from ``def`` to the end, the docstring apart."""
    lines = function.end_lineno - function.lineno + 1
    if ast.get_docstring(function) is None:
        return lines
    docstring = function.body[0]
    return lines - (docstring.end_lineno - docstring.lineno + 1)


def offences(text: str) -> list[str]:
    """What is too long in a module, by name."""
    lines = len(text.splitlines())
    found = [f"the module has {lines} lines, at most {MODULE_LINES}"] if lines > MODULE_LINES else []
    for function in functions(ast.parse(text)):
        if length(function) > FUNCTION_LINES:
            found.append(f"{function.name} has {length(function)} lines, at most {FUNCTION_LINES}")
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_and_its_functions_can_be_read_in_one_sitting(path):
    found = offences(path.read_text(encoding="utf-8"))
    assert not found, f"{'; '.join(found)}: split along its ideas"


def test_what_is_too_long_is_found():
    body = "    x = 1\n"
    assert not offences("def f():\n" + body * (FUNCTION_LINES - 1))
    assert offences("def f():\n" + body * FUNCTION_LINES) == ["f has 41 lines, at most 40"]
    assert not offences('def f():\n    """Doc\n\n    more."""\n' + body * (FUNCTION_LINES - 1))
    assert offences("class A:\n    async def g(self):\n" + f"    {body}" * 50) == ["g has 51 lines, at most 40"]
    assert not offences("\n" * MODULE_LINES)
    assert offences("\n" * (MODULE_LINES + 1)) == ["the module has 201 lines, at most 200"]


def complexity(path: Path) -> list[str]:
    """Functions with too many branches, as ruff says with the project's own configuration."""
    command = [sys.executable, "-m", "ruff", "check", "--config", ROOT / "lib" / "pyproject.toml", "--no-cache"]
    command += ["--select", "C901", "--output-format", "concise", path]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr
    return [line for line in done.stdout.splitlines() if "C901" in line]


def test_no_function_has_more_than_eight_branches(tmp_path):
    assert not complexity(LIB)
    assert not complexity(ROOT / "book" / "_ext")
    path = tmp_path / "branches.py"
    path.write_text("def f(x):\n" + "    if x:\n        x += 1\n" * 7)
    assert not complexity(path)
    path.write_text("def f(x):\n" + "    if x:\n        x += 1\n" * 8)
    assert len(complexity(path)) == 1 and "`f` is too complex (9 > 8)" in complexity(path)[0]


def machinery() -> dict[str, Path]:
    """Modules that are not science, by name; a package stands for its ``__init__`` if that defines something."""
    found = {}
    for path in sorted(LIB.rglob("*.py")):
        place = path.relative_to(LIB).with_suffix("")
        if LAYERS.get(place.parts[0], "L1") in ("L1", "L1b", "top"):
            continue
        if path.name != "__init__.py":
            found[".".join(place.parts)] = path
        elif any(functions(ast.parse(path.read_text(encoding="utf-8")))):
            found[".".join(place.parent.parts)] = path
    return found


def test_every_module_of_the_machinery_has_its_line_of_reason():
    reasons = yaml.safe_load(REASONS.read_text(encoding="utf-8"))
    modules = machinery()
    missing = [
        f"add `{name}: why it exists` ({path.relative_to(ROOT)})"
        for name, path in modules.items()
        if name not in reasons
    ]
    gone = [f"remove `{name}`" for name in reasons if name not in modules]
    assert not missing + gone, f"{REASONS.relative_to(ROOT)}: " + "; ".join(missing + gone)


def test_a_reason_is_a_line():
    for name, reason in yaml.safe_load(REASONS.read_text(encoding="utf-8")).items():
        assert isinstance(reason, str) and 10 < len(reason) <= REASON_LENGTH, f"{name}: {reason!r}"
    lines = [line for line in REASONS.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    names = [line.partition(":")[0] for line in lines]
    assert len(names) == len(set(names)), "a module is listed twice"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_says_what_it_is_in_its_first_line(path):
    documentation = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    assert documentation and documentation.splitlines()[0].strip(), f"{path} has no first line"
