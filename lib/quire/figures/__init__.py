"""Figures in few words: ``figure("locality-curves", curves(rows, x="size", y="error"), PowerLaw(-1, "β = 1"), …)``.

A drawing is said by kind (``curves``, ``scatter``, ``bars``, ``heatmap``, ``pictures``, ``custom``), with guides for the
eye (``PowerLaw``, ``Level``, ``Place``). The table is written beside the picture, so that every figure can be redrawn,
checked and compared; the picture is written for a light and for a dark page, and as a PNG.
"""

import re

from quire.figures.base import NO_DATA, Drawing
from quire.figures.display import show
from quire.figures.drawings import bars, curves, heatmap, scatter
from quire.figures.freehand import custom
from quire.figures.guides import Guide, Level, Place, PowerLaw
from quire.figures.images import pictures
from quire.figures.labels import label_columns, labels_of, legible
from quire.figures.render import rendered
from quire.record import current

__all__ = ["figure", "label_columns"]
__all__ += ["bars", "curves", "custom", "heatmap", "pictures", "scatter"]
__all__ += ["Level", "Place", "PowerLaw"]


def figure(id: str, drawing: Drawing, *guides: Guide, alt: str, caption: str) -> None:
    """Draw a figure, write its files into the folder of the run, and show it in a notebook.

    Where the parameters of a run leave nothing to draw (one seed, few points), the figure is an empty frame that says so.

    Args:
        id: name of the figure and its files: lower-case words joined by hyphens, the chapter's name first.
        drawing: what is drawn.
        guides: what guides the eye, for drawings on axes.
        alt: what a reader who cannot see the picture needs to know, a sentence or two.
        caption: what the figure shows. Text, with TeX between dollars, ``*emphasis*``, ``**strong**``, and code between
            backticks.

    Raises:
        TypeError: something else than a drawing or a guide is passed.
        ValueError: the id or a text does not serve, a logarithm is not defined, a guide does not fit the drawing.
        LookupError: a column is not in the table.
    """
    _check_texts(id, alt, caption)
    _check_kinds(id, drawing, guides)
    drawing.check(id, guides)
    if drawing.empty:
        alt, caption = f"An empty frame: there are {NO_DATA}.", f"{caption} (There are {NO_DATA}.)"
    labels = labels_of(id)
    files, names = rendered(id, drawing, guides, labels)
    said = {"columns": {name: labels.get(name) or "" for name in map(str, drawing.table.columns)}}
    said |= {"lines": [guide.said for guide in guides]}
    current().add_figure(id, files, {**names, **said, "alt": alt, "caption": caption})
    show(id, files[names["png"]], alt, caption)


def _check_texts(id: str, alt: str, caption: str) -> None:
    if not re.fullmatch(r"[a-z0-9_]+(-[a-z0-9_]+)+", id):
        raise ValueError(f'a figure is named "<chapter>-<words>" in lower case, got {id!r}')
    if len(alt.strip()) < 20 or len(caption.strip()) < 10:
        raise ValueError(f"figure {id}: alt (≥ 20 characters) and caption (≥ 10) say what is seen; one is too short")
    legible(alt, f"figure {id}: alt")
    legible(caption, f"figure {id}: caption")


def _check_kinds(id: str, drawing: object, guides: tuple) -> None:
    if not isinstance(drawing, Drawing):
        kinds = "curves, scatter, bars, heatmap, pictures or custom"
        raise TypeError(f"figure {id}: expected a drawing made by {kinds}, got a {type(drawing).__name__}")
    for guide in guides:
        if not isinstance(guide, Guide):
            remedy = "pass a sequence of guides unpacked, *guides"
            raise TypeError(f"figure {id}: expected PowerLaw, Level or Place, got a {type(guide).__name__}: {remedy}")
