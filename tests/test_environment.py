"""The same versions everywhere: lock, pyproject, Makefile, environment.yml; and the files about licence and citation."""

import ast
import re
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "lib" / "pyproject.toml").read_text())["project"]
NOT_INSTALLED = {"pretrained", "clip", "browser"}  # networks that somebody else trained, a browser: by choice
IMPORTED_AS = {
    "pillow": "PIL",
    "scikit-learn": "sklearn",
    "pyyaml": "yaml",
    "ipython": "IPython",
    "jupyter-book": "jupyter_book",
}


def _name(requirement: str) -> str:
    return re.match(r"[A-Za-z0-9._-]+", requirement)[0].lower().replace("_", "-").replace(".", "-")


def _lock() -> dict[str, str]:
    lines = (ROOT / "lib" / "requirements.lock").read_text().splitlines()
    pins = [line.split("==") for line in lines if line.strip() and not line.startswith("#")]
    return {_name(name): version for name, version in pins}


def _torch() -> str:
    """The version that the Makefile installs."""
    return re.search(r"\btorch==(\S+)", (ROOT / "Makefile").read_text())[1]


def test_the_lock_pins_every_package_exactly_and_portably():
    lines = [line for line in (ROOT / "lib" / "requirements.lock").read_text().splitlines() if line.strip()]
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.]+", line) for line in lines if not line.startswith("#"))
    assert len(_lock()) == len([line for line in lines if not line.startswith("#")])  # none twice
    assert "+cpu" not in "".join(lines) and "torch" not in _lock()
    assert not [name for name in _lock() if name.startswith(("tensorflow", "nvidia", "triton"))]


def test_torch_has_one_version_and_no_build_is_written_down():
    environment = (ROOT / "environment.yml").read_text()
    versions = set(re.findall(r"\btorch==([^\s\"',]+)", environment + (ROOT / "Makefile").read_text()))
    assert versions == {_torch()} and re.fullmatch(r"[0-9.]+", _torch())


def test_environment_yml_has_the_pins_of_the_lock():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    python, pip, pinned = environment["dependencies"]
    assert python == "python=3.11" and pip == "pip" and pinned["pip"][-1] == "-e ./lib"
    got = dict(line.split("==") for line in pinned["pip"][:-1])
    expected = {"torch": _torch()} | {n: v for n, v in _lock().items() if n != "neural-tangents"}
    assert {_name(name): version for name, version in got.items()} == expected
    assert f"neural-tangents=={_lock()['neural-tangents']}" in (ROOT / "environment.yml").read_text()


def test_every_dependency_is_in_the_lock_at_a_version_that_it_allows():
    extras = {name: group for name, group in PROJECT["optional-dependencies"].items() if name not in NOT_INSTALLED}
    groups = [PROJECT["dependencies"], *extras.values()]
    known = _lock() | {"torch": _torch()}
    for requirement in (line for group in groups for line in group):
        assert _name(requirement) in known, f"{requirement}: pin it in lib/requirements.lock"
        lower = re.search(r">=([0-9.]+)", requirement)
        assert lower, f"{requirement}: give it a lower bound"
        numbers = [[int(part) for part in re.findall(r"\d+", v)] for v in (known[_name(requirement)], lower[1])]
        assert numbers[0] >= numbers[1], f"{requirement} is locked below its bound, at {known[_name(requirement)]}"


def test_every_runtime_dependency_carries_its_reason():
    text = (ROOT / "lib" / "pyproject.toml").read_text()
    block = text[text.index("dependencies = [") : text.index("[project.optional-dependencies]")]
    lines = [line.strip() for line in block.splitlines() if line.strip().startswith('"')]
    assert len(lines) == len(PROJECT["dependencies"]) > 0
    without = [line for line in lines if not re.search(r"#\s+\w", line)]
    assert not without, f"say in a comment what each of these is for: {without}"


def _modules(requirements: list[str]) -> set[str]:
    return {IMPORTED_AS.get(_name(line), _name(line)).replace("-", "_") for line in requirements}


def _imported(nodes) -> set[str]:
    """The top-level packages that these statements import, those of the standard library left out."""
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.level == 0}
    return {name.split(".")[0] for name in names} - sys.stdlib_module_names - {"quire"}


def test_what_quire_imports_is_declared():
    """An import that no dependency declares works here and not on the reader's machine."""
    package, extras = ROOT / "lib" / "quire", PROJECT["optional-dependencies"]
    runtime, optional = (
        _modules(PROJECT["dependencies"]),
        _modules([line for group in extras.values() for line in group]),
    )
    optional |= {"nbformat", "nbclient", "markdown_it", "myst_parser"}  # parts of jupytext, papermill and jupyter-book
    undeclared = {}
    for path in package.rglob("*.py"):
        tree = ast.parse(path.read_text())
        allowed = runtime | (optional if "tools" in path.relative_to(package).parts else set())
        wrong = (_imported(tree.body) - allowed) | (_imported(list(ast.walk(tree))) - runtime - optional)
        for name in wrong:
            undeclared.setdefault(name, []).append(str(path.relative_to(package)))
    assert not undeclared, f"declare in lib/pyproject.toml, with its reason, or do without: {undeclared}"


def test_the_licence_names_both_licences():
    text = (ROOT / "LICENSE").read_text()
    assert "CODE: MIT License" in text and "Permission is hereby granted, free of charge" in text
    assert "Creative Commons Attribution 4.0 International" in text and "licenses/by/4.0/legalcode" in text
    assert text.count("Copyright (c) 2026 The quire authors") == 2 and PROJECT["license"] == "MIT"


# ------------------------------------------------------------------------------------- citation

CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text())
TOP = {  # the keys that version 1.2.0 of the format has
    "abstract", "authors", "cff-version", "commit", "contact", "date-released", "doi", "identifiers", "keywords",
    "license", "license-url", "message", "preferred-citation", "references", "repository", "repository-artifact",
    "repository-code", "title", "type", "url", "version",
}  # fmt: skip
REFERENCE = {
    "type", "title", "authors", "year", "doi", "url", "identifiers", "journal", "volume", "issue", "start", "end",
    "collection-title", "conference", "institution", "thesis-type", "publisher", "pages", "month", "status",
}  # fmt: skip


def test_the_citation_file_is_version_1_2_0():
    assert CITATION["cff-version"] == "1.2.0" and set(CITATION) <= TOP
    assert {"message", "title", "authors"} <= set(CITATION) and CITATION["type"] == "software"
    assert CITATION["version"] == PROJECT["version"] and CITATION["license"] == ["MIT", "CC-BY-4.0"]
    assert CITATION["authors"] == [{"name": "The quire authors"}] == PROJECT["authors"]


@pytest.mark.parametrize("reference", CITATION["references"], ids=lambda reference: reference["title"][:30])
def test_each_reference_is_complete(reference):
    assert {"type", "title", "authors", "year"} <= set(reference) <= REFERENCE
    assert reference["type"] in {"thesis", "article", "conference-paper"} and 2015 <= reference["year"] <= 2030
    for author in reference["authors"]:
        assert set(author) == {"family-names", "given-names"} and all(author.values())
    for identifier in reference.get("identifiers", []):
        assert identifier["type"] in {"doi", "url", "swh", "other"} and identifier["value"]
    assert re.fullmatch(r"10\.\d{4,9}/\S+", reference.get("doi", "10.1234/none"))
    assert {"article": "journal", "thesis": "institution", "conference-paper": "collection-title"}[
        reference["type"]
    ] in reference


def test_the_citation_file_names_the_thesis_and_agrees_with_the_bibliography():
    [thesis] = [reference for reference in CITATION["references"] if reference["type"] == "thesis"]
    assert thesis["title"].startswith("The Physics of Data and Tasks") and thesis["doi"] == "10.5075/epfl-thesis-11462"
    assert thesis["authors"] == [{"family-names": "Favero", "given-names": "Alessandro"}]

    def plain(text):
        return re.sub(r"[^a-z0-9]+", " ", text.lower())

    bibliography = plain((ROOT / "book" / "references.bib").read_text())
    missing = [ref["title"] for ref in CITATION["references"] if plain(ref["title"]).strip() not in bibliography]
    assert not missing, f"in CITATION.cff and not in book/references.bib: {missing}"


def test_pre_commit_needs_no_network():
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    assert {repository["repo"] for repository in config["repos"]} == {"local"}
    hooks = {hook["id"]: hook for repository in config["repos"] for hook in repository["hooks"]}
    assert set(hooks) == {"ruff-format", "ruff-lint", "jupytext-check"}
    for hook in hooks.values():
        assert hook["language"] == "system" and hook["entry"].startswith(".venv/bin/")
    assert all("--config lib/pyproject.toml" in hooks[name]["entry"] for name in ("ruff-format", "ruff-lint"))
