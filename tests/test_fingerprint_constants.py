"""What an expression of constants is worth, beside Python's own answer."""

import ast
import math
import types

import pytest
from beartype.roar import BeartypeCallHintViolation
from hypothesis import given
from hypothesis import strategies as st

from quire.fingerprint.constants import MISSING, evaluated

NAMES = {"n": 3, "half": 0.5, "text": "ab", "table": {"a": 1}, "math": math, "module": types.ModuleType("module")}


def of(text, names=NAMES):
    """The value of an expression in source text."""
    return evaluated(ast.parse(text, mode="eval").body, names)


def asked_of_python(text):
    """Python's own answer, without its built-in functions; MISSING where it has none."""
    try:
        return eval(text, {"__builtins__": {}}, dict(NAMES))
    except Exception:
        return MISSING


leaves = st.sampled_from(
    ["0", "1", "2.5", "'x'", "b'y'", "True", "None", "1j", "n", "half", "text", "table", "math.pi"]
)
signs = st.sampled_from(["+", "-", "~", "not "])
operators = st.sampled_from(["+", "-", "*", "/", "//", "%", "<<", ">>", "|", "^", "&", "@"])


def larger(parts):
    """Expressions made of smaller ones."""
    one_sided = st.builds("({}{})".format, signs, parts)
    two_sided = st.builds("({} {} {})".format, parts, operators, parts)
    tables = st.builds("{{{}: {}, **{}}}".format, parts, parts, st.sampled_from(["table", "{}"]))
    several = st.lists(parts, min_size=2, max_size=3).map(", ".join)
    sequences = st.sampled_from(["[{}]", "({})", "{{{}}}"])
    return one_sided | two_sided | tables | st.builds(str.format, sequences, several)


@given(st.recursive(leaves, larger, max_leaves=6))
def test_a_constant_is_worth_what_python_says(text):
    found, expected = of(text), asked_of_python(text)
    assert type(found) is type(expected) and (found == expected or repr(found) == repr(expected))


@pytest.mark.parametrize("text", ["2**10", "-n**2", "n**-1", "{**table, 'b': [half]}", "math.pi / 2"])
def test_powers_tables_and_attributes(text):
    assert of(text) == eval(text, dict(NAMES))


@pytest.mark.parametrize(
    "text",
    [
        "unknown", "math.nothing", "module", "text.upper", "f(1)", "[*text]", "n if n else 1", "[x for x in text]", "n < 2",
        "1 / 0", "text['a']", "f'{n}'", "{[]: 1}", "{[]}", "{**text}", "n or 1", "lambda: 1", "(n := 1)",
    ],
)  # fmt: skip
def test_of_everything_else_nothing_is_known(text):
    assert of(text) is MISSING


def test_nothing_is_called():
    class Loud:
        def __add__(self, other):
            raise AssertionError("an operator of an object ran")

        @property
        def value(self):
            raise AssertionError("a property ran")

    assert of("loud + 1", {"loud": Loud()}) is MISSING and of("loud.value", {"loud": Loud()}) is MISSING


def test_the_types_of_this_package_are_checked_while_the_tests_run():
    with pytest.raises(BeartypeCallHintViolation):
        evaluated("no syntax tree", {})
