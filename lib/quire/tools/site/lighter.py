"""What the theme ships and no page needs is left out of the rendered site.

Icons come from the theme's style sheet and its fonts. Beside them it loads a script of 1.5 MB that draws the same icons again.
"""

import re
from pathlib import Path

__all__ = ["lighten"]

SCRIPT = re.compile(r'\s*<script src="[^"]*/fontawesome/[^"]*\.js[^"]*"></script>')
OTHER_FONTS = re.compile(r'\s*<link rel="preload" as="font"[^>]*/fa-(?:brands|regular)-[^>]*>')
UNUSED = ("fontawesome/*/js/*", "fontawesome/*/webfonts/*.ttf")  # below the folder of what the theme ships


def lighten(html: Path) -> None:
    """Remove the script and what only old browsers ask for; the fonts that few pages use are loaded where they are used."""
    for page in html.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        lighter = OTHER_FONTS.sub("", SCRIPT.sub("", text))
        if lighter != text:
            page.write_text(lighter, encoding="utf-8")
    for pattern in UNUSED:
        for path in (html / "_static" / "vendor").glob(pattern):
            path.unlink()
