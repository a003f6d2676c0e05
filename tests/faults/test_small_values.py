"""Inside the ranges that it declares, a chapter always runs to its end: small values of every parameter, drawn at random.

Values lie between the lower end of the range and the value of the smoke run, so that each run costs no more than that one; lists
are short. Texts keep their default, since another one may ask for data that are not at hand.
"""

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from quire.tools.parameters import Parameter, declared

pytestmark = [pytest.mark.faults, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
CHAPTERS = sorted(path.stem for path in (ROOT / "chapters").glob("*.py"))
DRAWS = int(os.environ.get("SMALL_DRAWS", "2"))


def leaves(value) -> list:
    """The values of a list, all levels together."""
    return [leaf for item in value for leaf in leaves(item)] if isinstance(value, list) else [value]


def number(entry: Parameter, largest, draw: random.Random):
    """A number of the range that is at most the largest; the lowest of them often."""
    low, _ = entry.span()
    if draw.random() < 0.4:
        return type(largest)(low)
    return draw.randint(round(low), largest) if isinstance(largest, int) else draw.uniform(low, largest)


def small(entry: Parameter, draw: random.Random):
    """A small value of a parameter."""
    like = entry.default
    if not isinstance(like, list):
        return number(entry, like, draw) if type(like) in (int, float) else like
    if isinstance(leaves(like)[0], str) or not entry.axis:
        return draw.sample(like, draw.randint(1, len(like))) if entry.axis else like
    if entry.nested:
        return [draw.choice(like)]
    largest, count = max(like), draw.randint(1, len(like))
    return sorted({number(entry, largest, draw) for _ in range(count)})


@pytest.mark.parametrize("seed", [0, *range(1, DRAWS)])
@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_chapter_runs_to_its_end_with_small_values(chapter, seed, tmp_path):
    draw = random.Random(f"{chapter} {seed}")
    scales = [entry for entry in declared(chapter) if entry.kind == "scale"]
    if seed == 0:  # everything at its lowest, one value on each axis
        draw.random, draw.randint = lambda: 0.0, lambda low, high: low
    chosen = {entry.name: small(entry, draw) for entry in scales}
    arguments = [part for name, value in chosen.items() for part in ("-p", f"{name}={json.dumps(value)}")]
    env = os.environ | {"QUIRE_BUILD": str(tmp_path), "QUIRE_STORE": str(tmp_path / "store"), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "quire", "run", chapter, *arguments]
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    assert done.returncode == 0, f"{chosen}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"


def test_what_is_drawn_lies_in_the_range():
    for chapter in CHAPTERS:
        for seed in range(50):
            draw = random.Random(seed)
            for entry in declared(chapter):
                value = small(entry, draw)
                if entry.spans:
                    low, high = min(entry.spans)[0], max(high for _, high in entry.spans)
                    assert all(low <= leaf <= high for leaf in leaves(value) if not isinstance(leaf, str)), entry.name
