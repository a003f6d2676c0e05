"""The book as a site: what the runs left is staged beside the pages, and rendered.

Jupyter Book sees one folder: ``book/``, the executed notebooks dressed as pages, and ``_data/*.json`` from which
``book/_ext`` renders claims, figures and run status. A run is data, whoever made it: of its notebook only text, code and
outputs of a few kinds are taken, its prose may use what chapters use and nothing that reads a file outside the site, its
pictures are checked, its texts are shown as text. So a reader may stage a stranger's run.
"""

from quire.tools.site.render import build
from quire.tools.site.staging import stage

__all__ = ["build", "stage"]
