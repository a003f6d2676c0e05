"""From a drawing to files: a picture for each theme, a picture for paper, and the table."""

import io
from collections.abc import Mapping, Sequence

import matplotlib

from quire.figures.base import Drawing
from quire.figures.style import style

__all__ = ["rendered"]

LOOKS = {  # which theme, which format, how it is written
    "light": ("light", "svg", {"metadata": {"Date": None}}),
    "dark": ("dark", "svg", {"metadata": {"Date": None}}),
    "png": ("light", "png", {"dpi": 144, "facecolor": "white"}),
}


def rendered(id: str, drawing: Drawing, guides: Sequence, labels: Mapping[str, str]) -> tuple[dict, dict]:
    """Draw a figure for each theme and write its table; equal drawings give equal bytes.

    Returns:
        The bytes of each file by its name, and the names by what they are: "light", "dark", "png", "table"; "narrow" and
        "narrow_dark" where a small screen needs other pictures; "pixels" for pictures.
    """
    names = {"light": f"{id}.svg", "dark": f"{id}.dark.svg", "png": f"{id}.png", "table": f"{id}.csv"}
    files = {names[look]: _drawn(drawing, guides, labels, *LOOKS[look]) for look in LOOKS}
    narrow = drawing.narrow()
    if narrow is not None:
        names |= {"narrow": f"{id}.narrow.svg", "narrow_dark": f"{id}.narrow.dark.svg"}
        files[names["narrow"]] = _drawn(narrow, guides, labels, *LOOKS["light"])
        files[names["narrow_dark"]] = _drawn(narrow, guides, labels, *LOOKS["dark"])
    files[names["table"]] = drawing.table.to_csv(index=False, lineterminator="\n").encode()
    pixels = drawing.pixels()
    if pixels is not None:
        names["pixels"] = f"{id}.npz"
        files[names["pixels"]] = pixels
    return files, names


def _drawn(
    drawing: Drawing, guides: Sequence, labels: Mapping[str, str], theme: str, kind: str, options: dict
) -> bytes:
    buffer = io.BytesIO()
    with matplotlib.rc_context(style(theme)):
        drawing.canvas(theme, labels, guides).savefig(buffer, format=kind, bbox_inches="tight", **options)
    return buffer.getvalue()
