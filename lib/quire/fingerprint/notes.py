"""What static reading cannot follow, in words."""

__all__ = ["note_of"]

SAYINGS = {
    "os.environ": "reads the environment",
    "os.environb": "reads the environment",
    "os.getenv": "reads the environment",
    "os.getenvb": "reads the environment",
    "importlib": "imports what it computes (importlib)",
    "__import__": "imports what it computes (__import__)",
    "pkgutil": "imports what it computes (pkgutil)",
    "runpy": "runs what it computes (runpy)",
    "sys.modules": "looks into sys.modules",
    "inspect.currentframe": "looks at its callers",
    "inspect.stack": "looks at its callers",
    "sys._getframe": "looks at its callers",
    "exec": "runs a text as code (exec)",
    "eval": "runs a text as code (eval)",
}
HARMLESS = ("importlib.metadata",)
OURS = "QUIRE_"  # settings say where and with how many workers, never what


def note_of(chain: tuple[str, ...], literal: str | None) -> tuple[str, str]:
    """What is to be said of the use of a name that is not followed, and the module that it names in quotes.

    Args:
        chain: the dotted name, such as ("os", "environ", "get").
        literal: the text that is its first argument or its index.

    >>> note_of(("os", "environ", "get"), "HOME"), note_of(("math", "sqrt"), None)
    (('reads the environment', ''), ('', ''))
    >>> note_of(("importlib", "import_module"), "json")
    ('imports what it computes (importlib)', 'json')
    """
    dotted = ".".join(chain)
    said = next((says for name, says in SAYINGS.items() if dotted == name or dotted.startswith(f"{name}.")), "")
    if not said or dotted.startswith(HARMLESS):
        return "", ""
    if said == "reads the environment":
        return ("" if literal and literal.startswith(OURS) else said), ""
    named = literal if literal and all(part.isidentifier() for part in literal.split(".")) else ""
    return said, named
