"""A figure in a notebook: the picture with its text, and a mark from which a page is made."""

import base64
import html

from IPython import get_ipython
from IPython.display import display

__all__ = ["show"]

MARK = "application/vnd.quire.figure+json"


def show(id: str, png: bytes, alt: str, caption: str) -> None:
    """Show a figure where this is a notebook; a script has its files. Texts are text: what looks like HTML is shown."""
    if get_ipython() is None:
        return
    source = f"data:image/png;base64,{base64.b64encode(png).decode()}"
    picture = f'<img src="{source}" alt="{html.escape(alt)}" style="max-width:100%">'
    page = f"<figure>{picture}<figcaption>{html.escape(caption)}</figcaption></figure>"
    display({"text/html": page, "text/plain": f"[{id}] {caption}", MARK: {"id": id}}, raw=True)
