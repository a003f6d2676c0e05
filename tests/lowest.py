"""Print the lowest version of each dependency that ``lib/pyproject.toml`` declares, as pins for pip (`make lowest`)."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
EXTRAS = ("book", "cluster")  # beside the library itself: what the tests of the machinery start


def pins(requirements: list[str]) -> list[str]:
    """``name==lowest`` for each requirement.

    Raises:
        ValueError: a requirement has no lower bound.

    >>> pins(["numpy>=2.0", "jupyter-book>=1.0.4,<2"])
    ['numpy==2.0', 'jupyter-book==1.0.4']
    """
    found = []
    for requirement in requirements:
        match = re.match(r"([A-Za-z0-9._-]+)>=([0-9.]+)", requirement)
        if match is None:
            raise ValueError(f"expected a lower bound (name>=version), got {requirement!r}")
        found.append(f"{match[1]}=={match[2]}")
    return found


if __name__ == "__main__":
    project = tomllib.loads((ROOT / "lib" / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    print("\n".join(pins([*project["dependencies"], *(line for name in EXTRAS for line in extras[name])])))
