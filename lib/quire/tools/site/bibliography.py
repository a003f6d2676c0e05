"""The bibliography of a site: citations by author and year that name one work each."""

import re
from collections import Counter
from string import ascii_lowercase

from pybtex.database import BibliographyData, Entry, parse_string

__all__ = ["bibtex_of", "labels", "unambiguous"]

YEAR = re.compile(r"^(\s*year\s*=\s*\{)(\d{4})(\})", re.M)


def labels(bibliography: str) -> dict[str, str]:
    """What a citation says of each key of a BibTeX text.

    >>> labels("@misc{a, author = {Doe, A. and Roe, B.}, year = {2020}}")
    {'a': 'Doe and Roe, 2020'}
    """
    entries = parse_string(unambiguous(bibliography), "bibtex").entries
    return {key: f"{_authors(entry)}, {entry.fields.get('year', 'n.d.')}" for key, entry in entries.items()}


def unambiguous(bibliography: str) -> str:
    """A BibTeX text in which years have a letter where authors and year name two works: 2025a, 2025b, in their order."""
    entries = parse_string(bibliography, "bibtex").entries
    named = {key: (_authors(entry), entry.fields.get("year", "")) for key, entry in entries.items()}
    counts, seen = Counter(named.values()), Counter()
    letters = {}
    for key, name in named.items():
        if counts[name] > 1:
            letters[key] = ascii_lowercase[seen[name]]
            seen[name] += 1
    parts = re.split(r"^(?=@)", bibliography, flags=re.M)
    return "".join(_lettered(part, letters) for part in parts)


def bibtex_of(bibliography: str, keys: list[str]) -> str:
    """The entries of some keys as BibTeX."""
    entries = parse_string(bibliography, "bibtex").entries
    return BibliographyData({key: entries[key] for key in keys if key in entries}).to_string("bibtex")


def _lettered(part: str, letters: dict[str, str]) -> str:
    key = re.match(r"@\w+\{([^,\s]+)", part)
    letter = letters.get(key[1], "") if key else ""
    return YEAR.sub(rf"\g<1>\g<2>{letter}\g<3>", part, count=1) if letter else part


def _authors(entry: Entry) -> str:
    names = [" ".join([*person.prelast_names, *person.last_names]) for person in entry.persons.get("author", [])]
    names = [re.sub(r"[{}]|\\.", "", name) for name in names] or ["anonymous"]
    return f"{names[0]} et al." if len(names) > 2 else " and ".join(names)
