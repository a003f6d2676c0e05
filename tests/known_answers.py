"""What the tests of all chapters share: rows whose answer is known by construction, and questions that are asked of results.

Of an estimate (a measure of a chapter):  ``known`` ±, ``exactly``, ``no_error`` and ``missing``, each with its reason.
Of a claim:                               ``verdict``, what the ledger says to such an estimate.
Of rows (a cell of a chapter):            ``storable``, and ``finite`` where none may be nan.
Of a plan:                                ``fits``, whether its cells are calls of their function.

Each asserts what it asks, so that a failure shows the numbers, and returns what can stand in an ``assert`` of its own:

    assert known(measures.exponent(power_law([-0.4, -0.6])), -0.5, 0.1, 1)
    assert verdict("topic.slope", measures.exponent(power_law([-1.0, -1.0]))) == "fails"  # the alternative
"""

import inspect
import json
import math
from collections.abc import Callable, Iterable

import pandas as pd
import pytest

from quire.claims import judge, ledger, report
from quire.record import current
from quire.stats import ONE_SEED, Estimate

TWO_POINTS = "two points fix a line and leave no error"
SIZES = (16, 32, 64, 128, 256)


# --- rows


def power_law(slopes: Iterable[float], *, x="size", y="error", places=SIZES, factor=1.0, **columns) -> pd.DataFrame:
    """One exact power law y = factor · x**slope for each seed, with more columns that are the same in each row."""
    return pd.DataFrame(
        [
            {**columns, "seed": seed, x: place, y: factor * place**slope}
            for seed, slope in enumerate(slopes)
            for place in places
        ]
    )


# --- estimates


def known(estimate: Estimate, value: float, stderr: float, dof: float) -> bool:
    """An estimate is this value ± this error with these degrees of freedom, to rounding."""
    assert (estimate.value, estimate.stderr) == pytest.approx((value, stderr), rel=1e-9, abs=1e-12)
    assert estimate.dof == pytest.approx(dof)
    return True


def exactly(estimate: Estimate, value: float) -> bool:
    """An estimate has this value and no error but rounding, however many degrees of freedom it has."""
    assert (estimate.value, estimate.stderr) == pytest.approx((value, 0), rel=1e-9, abs=1e-12)
    assert estimate.known
    return True


def no_error(estimate: Estimate, value: float, reason: str = ONE_SEED) -> bool:
    """An estimate has this value, and for this reason no error."""
    assert estimate.value == pytest.approx(value, rel=1e-9, abs=1e-12)
    assert not estimate.known and estimate.reason == reason
    return True


def missing(estimate: Estimate, reason: str) -> bool:
    """There is no value, for a reason in which these words stand."""
    assert math.isnan(estimate.value) and not estimate.known
    assert reason in estimate.reason
    return True


def verdict(id: str, found: object, profile: str = "book") -> str:
    """What the ledger's claim says when a chapter reports this: "holds", "fails", "inconclusive" or "untested".

    Each claim has a test that the rows of its stated alternative do not make it hold.
    """
    report(id, found)
    return judge(ledger()[id], current().reports()[id], profile).verdict


# --- rows of cells, and plans


def storable(rows: list[dict], arguments: Iterable[str] = ()) -> list[dict]:
    """Rows that a sweep can keep: plain numbers and texts, none infinite, the same columns in each, none an argument's."""
    assert rows and all(set(row) == set(rows[0]) for row in rows)
    assert not set(rows[0]) & set(arguments)
    for row in rows:
        for value in row.values():
            assert isinstance(value, int | float | str | bool)
            assert not isinstance(value, float) or not math.isinf(value)
    return rows


def finite(rows: list[dict], arguments: Iterable[str] = ()) -> list[dict]:
    """Rows that a sweep can keep, and no number of them is nan."""
    json.dumps(storable(rows, arguments), allow_nan=False)
    return rows


def fits(function: Callable, cells: list[dict]) -> bool:
    """Every cell is a call of the function, and none is asked for twice."""
    for cell in cells:
        inspect.signature(function).bind(**cell)
    assert len({str(cell) for cell in cells}) == len(cells)
    return True
