"""The files of a figure before they enter the site: what their names say, no links out of the folder, drawings that only draw."""

import re
import xml.etree.ElementTree as ET
from pathlib import Path

from quire.files import bare, read_bytes

__all__ = ["figure_file", "whole_file"]

LARGEST = 64 * 2**20  # bytes of a file that is served
DRAWN = dict.fromkeys(("light", "dark", "narrow", "narrow_dark"), ".svg")
SUFFIXES = {**DRAWN, "png": ".png", "table": ".csv", "pixels": ".npz"}
BEGINS = {"png": b"\x89PNG\r\n\x1a\n", "pixels": b"PK\x03\x04"}
DRAWING = set(
    "svg g defs path use rect circle ellipse line polyline polygon text tspan title desc style clipPath mask pattern image "
    "linearGradient radialGradient stop marker symbol metadata RDF Work Agent type title format creator date".split()
)
INSIDE = re.compile(r"#[\w.:-]+|data:image/(png|jpeg);base64,[A-Za-z0-9+/=\s]+")
REACHES = re.compile(r"url\(\s*(?!['\"]?#)|javascript:|@import|\\|expression\(", re.I)


def whole_file(run: Path, name: str) -> bytes:
    """The content of a file of a run's folder.

    Raises:
        FileNotFoundError: it is not there.
        ValueError: its name is a path, it is a link or no regular file, or it is too large.
    """
    path = run / bare(name)
    if path.is_symlink():
        raise ValueError(f"{path} is a link: a site is made of the files of the run itself; run the chapter again")
    return read_bytes(path, limit=LARGEST)


def figure_file(run: Path, kind: str, name: str) -> bytes:
    """The content of one of the files of a figure, checked for what it says to be.

    Raises:
        FileNotFoundError, ValueError: as :func:`whole_file`; or it is no drawing, no picture, or a drawing that does more.
    """
    if not name.endswith(SUFFIXES[kind]):
        raise ValueError(f"{run / name}: the {kind} file of a figure ends in {SUFFIXES[kind]}")
    content = whole_file(run, name)
    if not content.startswith(BEGINS.get(kind, b"")):
        raise ValueError(f"{run / name} is no {SUFFIXES[kind]} file: run the chapter again")
    if kind in ("light", "dark"):
        _check_drawing(content, run / name)
    return content


def _check_drawing(content: bytes, path: Path) -> None:
    """Refuse an SVG with scripts, handlers, foreign elements, or addresses outside of itself."""
    try:
        text = content.decode("utf-8")
        declared = re.match(r"<\?xml[^>]*\bencoding=[\"']([\w-]+)", text)
        if (declared and declared[1].lower() != "utf-8") or "<!ENTITY" in text or text.count("<?") > bool(declared):
            raise ValueError("it has entities, instructions or another encoding than UTF-8")
        for element in ET.fromstring(text).iter():
            _check_element(element)
    except (ET.ParseError, ValueError) as error:
        raise ValueError(f"{path} is not a drawing that a figure makes ({error}): run the chapter again") from None


def _check_element(element: ET.Element) -> None:
    name = _local(element.tag)
    if name not in DRAWING:
        raise ValueError(f"it has the element {name}")
    if name == "style" and REACHES.search(element.text or ""):
        raise ValueError("its style reaches outside")
    for key, value in element.attrib.items():
        attribute = _local(key)
        if attribute.lower().startswith("on") or REACHES.search(value):
            raise ValueError(f"it has the attribute {attribute}={value:.40}")
        if attribute in ("href", "src", "base") and not INSIDE.fullmatch(value):
            raise ValueError(f"it refers to {value:.40}")


def _local(name: str) -> str:
    return name.rpartition("}")[2]
