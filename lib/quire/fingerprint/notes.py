"""What static reading cannot follow, in words."""

import ast

from quire.fingerprint.files import hashes
from quire.fingerprint.scopes import chain_of

__all__ = ["note_of", "reads_unnamed"]

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
    "__globals__": "looks into the names of a module (__globals__)",
    "f_globals": "looks at its callers",
    "__subclasses__": "asks a class for its subclasses",
}
OUTSIDE = {  # said of a user's code; quire's own is tested not to do so, or checks what it gets
    "ctypes": "calls a library (ctypes)",
    "subprocess": "runs another program (subprocess)",
    "os.system": "runs another program (os.system)",
    "os.popen": "runs another program (os.popen)",
    "requests": "asks the network (requests)",
    "socket": "asks the network (socket)",
    "urllib": "asks the network (urllib)",
}
READING = {"open", "read_text", "read_bytes", "read_csv", "read_json", "read_parquet", "read_table", "imread"}
READING |= {"fromfile", "genfromtxt", "loadtxt", "memmap"}
LOADING = {f"{package}.load" for package in ("np", "numpy", "torch", "json", "pickle", "joblib", "tomllib")}
HARMLESS = ("importlib.metadata",)
OURS = "QUIRE_"  # settings say where and with how many workers, never what


def note_of(chain: tuple[str, ...], literal: str | None, module: str = "") -> tuple[str, str]:
    """What is to be said of the use of a name that is not followed, and the module that it names in quotes.

    Args:
        chain: the dotted name, such as ("os", "environ", "get").
        literal: the text that is its first argument or its index.
        module: whose code uses it.

    >>> note_of(("os", "environ", "get"), "HOME"), note_of(("math", "sqrt"), None)
    (('reads the environment', ''), ('', ''))
    >>> note_of(("importlib", "import_module"), "json")
    ('imports what it computes (importlib)', 'json')
    """
    dotted = ".".join(chain)
    sayings = SAYINGS if _is_ours(module) else SAYINGS | OUTSIDE
    said = next((says for name, says in sayings.items() if dotted == name or dotted.startswith(f"{name}.")), "")
    if not said or dotted.startswith(HARMLESS):
        return "", ""
    if said == "reads the environment":
        return ("" if literal and literal.startswith(OURS) else said), ""
    named = literal if literal and all(part.isidentifier() for part in literal.split(".")) else ""
    return said, named


def reads_unnamed(piece) -> bool:
    """Whether a statement of a user reads a file, and names none that exists beside its module."""
    if _is_ours(piece.module.name):
        return False
    called = [part.func for part in ast.walk(piece.node) if isinstance(part, ast.Call)]
    names = {getattr(part, "attr", getattr(part, "id", "")) for part in called}
    dotted = {".".join(chain) for chain in map(chain_of, called) if chain}
    return bool(names & READING or dotted & LOADING) and not hashes([piece])


def _is_ours(module: str) -> bool:
    return module.partition(".")[0] == "quire"
