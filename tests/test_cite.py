"""Sources of the public routines."""

import importlib
import inspect
import pkgutil
import re
from pathlib import Path

import pytest

import quire
from quire.cite import citation, cites, sources

ROOT = Path(__file__).parents[1]
BIBLIOGRAPHY = set(re.findall(r"^@\w+\{([^,\s]+),", (ROOT / "book" / "references.bib").read_text(), re.MULTILINE))


def test_decorators_stack_and_leave_the_object_alone():
    @cites("favero2021locality", "Lemma 1")
    @cites("jacot2018ntk")
    def kernel(x):
        """Doc."""
        return x

    assert kernel(3) == 3 and kernel.__name__ == "kernel"
    assert sources(kernel) == [("favero2021locality", "Lemma 1"), ("jacot2018ntk", "")]
    text = citation(kernel)
    assert text.startswith("@") and text.index("favero2021locality") < text.index("jacot2018ntk")


def test_an_object_without_a_source_and_a_key_without_an_entry_are_errors():
    with pytest.raises(LookupError, match="records no source"):
        citation(len)
    with pytest.raises(LookupError, match="nobody1900.*add the BibTeX"):
        citation(cites("nobody1900")(lambda: None))


def test_classes_can_cite():
    @cites("cagnetta2024rhm")
    class Grammar:
        pass

    assert sources(Grammar) == [("cagnetta2024rhm", "")]


def test_every_cited_key_is_in_the_bibliography():
    cited = {}
    for info in pkgutil.walk_packages(quire.__path__, "quire."):
        if info.name == "quire.__main__":
            continue
        module = importlib.import_module(info.name)
        for name, value in vars(module).items():
            if inspect.isroutine(value) or inspect.isclass(value):
                members = [value, *vars(value).values()] if inspect.isclass(value) else [value]
                cited |= {key: f"{info.name}.{name}" for member in members for key, _ in sources(member)}
    assert cited and {key: where for key, where in cited.items() if key not in BIBLIOGRAPHY} == {}
