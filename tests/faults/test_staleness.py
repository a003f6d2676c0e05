"""A stale row must never be served as fresh: many random edits of many random packages."""

import pytest
from staleness import run

pytestmark = pytest.mark.faults


@pytest.mark.parametrize("seed", range(100, 125))
def test_no_stale_value_is_taken_for_fresh_and_no_fresh_one_for_stale(seed, tmp_path):
    assert run(tmp_path, seed, edits=10) > 0
