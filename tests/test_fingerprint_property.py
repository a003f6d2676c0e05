"""Random edits of random packages: an entry's fingerprint changes exactly when what it reaches was edited."""

import pytest
from staleness import run


@pytest.mark.parametrize("seed", range(4))
def test_exactly_the_dependents_of_an_edit_change(seed, tmp_path):
    assert run(tmp_path, seed, edits=10) > 0
