"""Edits a generated package, and compares fingerprints with what the package computes: a program of the tests.

It runs in a process of its own, without the type checks of the tests, which would take most of its time.
"""

import subprocess
import sys
from pathlib import Path

__all__ = ["run"]

STEP_SECONDS = 60  # that one edit may take on a machine twenty times slower than a slow one


def run(folder: Path, seed: int, *, edits: int) -> int:
    """Edit a package of this seed so many times, in a process of its own; return how many values changed."""
    command = [sys.executable, "-B", __file__, str(folder), str(seed), str(edits)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=STEP_SECONDS * (edits + 5), check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return int(done.stdout)


def edit_and_compare(folder: Path, seed: int, edits: int) -> int:
    """Edit a package at random; return how many values of entries changed.

    Asserts after each edit: code that is loaded is found faithful; before it is imported anew, exactly the entries that
    reach the edit are said to differ; afterwards exactly these have another fingerprint, and among them is every entry
    whose value changed.
    """
    from generated_package import GeneratedPackage

    from quire.fingerprint import fingerprint, loaded_differences, unfollowable

    package, changed_values = GeneratedPackage(folder, seed), 0
    package.write()
    entries = package.load()
    values, keys = [entry() for entry in entries], [fingerprint(entry) for entry in entries]
    assert len(set(keys)) == len(keys)
    for number in range(edits):
        assert not any(loaded_differences(entry) or unfollowable(entry) for entry in entries)
        what, expected = package.edit()
        package.write()
        said = f"seed {seed}, edit {number}: {what}"
        in_files = what.split()[0] in ("data", "pattern_data")  # read when asked for, not when imported
        differing = {i for i, entry in enumerate(entries) if loaded_differences(entry)}
        assert differing == (set() if in_files else expected), (said, differing, expected)
        assert in_files or [fingerprint(entry) for entry in entries] == keys, said
        entries = package.load()
        new_values, new_keys = [entry() for entry in entries], [fingerprint(entry) for entry in entries]
        moved = {i for i, (old, new) in enumerate(zip(values, new_values, strict=True)) if old != new}
        assert moved <= expected, f"{said}: the generator is wrong about {moved - expected}"
        stale = {i for i, (old, new) in enumerate(zip(keys, new_keys, strict=True)) if old != new}
        assert moved <= stale, f"{said}: STALE values of entries {moved - stale} would be served as fresh"
        assert stale == expected, (said, stale, expected)
        values, keys, changed_values = new_values, new_keys, changed_values + len(moved)
    return changed_values


if __name__ == "__main__":
    sys.path.insert(0, sys.argv[1])
    print(edit_and_compare(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
