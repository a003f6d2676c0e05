"""Sphinx extension of the book: figures, claims, run status and provenance, rendered from files.

Everything is read from ``_data/*.json`` of the staged site (written by ``quire.tools.site``), so that the
book renders on a machine that has neither torch nor quire.
"""

import html

from sphinx.application import Sphinx

from . import claims, figures, glossary, library, pages, parameters, runs, scoreboard, solutions, status

UNESCAPED = ("pagetitle", "page_description")  # texts of a page that the theme writes into it as they are


OPENED = ".py%3Ffactory%3DJupytext%2520Notebook"  # by JupyterLab, with the viewer that Jupytext installs
DEFAULT = "https://github.com/executablebooks/jupyter-book"  # what Jupyter Book takes where no repository is configured


def _theme(app: Sphinx, config) -> None:
    """Remove the buttons that need the staged source; those of a repository and of servers stay where one is configured."""
    if config.html_theme != "sphinx_book_theme":
        return
    options = config.html_theme_options
    configured = options.get("repository_url", "") not in ("", DEFAULT)
    options["use_download_button"] = False
    options["use_repository_button"] = configured
    config.html_context.setdefault("default_mode", "auto")  # the theme complains about a mode that is not set
    if not configured:
        options |= {"repository_url": "", "launch_buttons": {}}


def _escape(app: Sphinx, page: str, template: str, context: dict, doctree) -> None:
    """Escape the texts that the theme forgets, so that a title is a title; leave out a script that is not used."""
    context.update({name: html.escape(context[name]) for name in UNESCAPED if name in context})
    scripts = context.get("script_files", [])  # of a service that is not used here, and declared twice
    _launch(context)
    context["script_files"] = [
        script for script in scripts if "THEBE" not in getattr(script, "attributes", {}).get("body", "")
    ]


def _launch(context: dict) -> None:
    """Lead the buttons of servers to the chapters as they lie in the repository, which are scripts that Jupytext opens as notebooks.

    Colab opens notebooks only, of which the repository has none: its button is left out.
    """
    for group in context.get("header_buttons", []):
        if group.get("label") == "launch-buttons":
            kept = [button for button in group["buttons"] if button["text"] != "Colab"]
            group["buttons"] = [{**b, "url": b["url"].replace(".ipynb", OPENED)} if "url" in b else b for b in kept]
    context["header_buttons"] = [g for g in context.get("header_buttons", []) if g.get("buttons", True)]


def setup(app: Sphinx) -> dict:
    """Register the roles and directives."""
    app.connect("config-inited", _theme)
    app.connect("html-page-context", _escape, priority=999)  # after the theme
    for module in (claims, figures, glossary, library, pages, parameters, runs, scoreboard, solutions, status):
        module.setup(app)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
