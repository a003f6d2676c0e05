"""An executed notebook as data: the fields that a page uses, of the types that they should have."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from quire.files import read_json

__all__ = ["Notebook", "NotebookCell", "Output", "read_notebook"]


def joined(value: object) -> object:
    """Text that a notebook keeps as a list of lines."""
    if isinstance(value, list) and all(isinstance(line, str) for line in value):
        return "".join(value)
    return value


Text = Annotated[str, BeforeValidator(joined)]


class _Part(BaseModel):
    """What is not named here does not get into a page."""

    model_config = ConfigDict(extra="ignore")


class Output(_Part):
    """What a cell printed or displayed, or the error that it stopped with."""

    output_type: Literal["stream", "display_data", "execute_result", "error"]
    name: Literal["stdout", "stderr"] = "stdout"
    text: Text = ""
    data: dict[str, Any] = {}
    metadata: dict[str, Any] = {}
    ename: str = ""
    evalue: str = ""

    def shown(self, kind: str) -> str:
        """The text of a MIME type, or ""."""
        value = joined(self.data.get(kind, ""))
        return value if isinstance(value, str) else ""


class _Metadata(_Part):
    tags: list[str] = []


class NotebookCell(_Part):
    """Prose, or code with its outputs."""

    cell_type: Literal["markdown", "code", "raw"]
    source: Text
    metadata: _Metadata = _Metadata()
    outputs: list[Output] = []

    @property
    def tags(self) -> set[str]:
        """The tags that the chapter gave it."""
        return set(self.metadata.tags)


class Notebook(_Part):
    """A notebook of the present format."""

    nbformat: Literal[4]
    cells: list[NotebookCell]


def read_notebook(path: Path) -> Notebook:
    """Read a notebook.

    Raises:
        FileNotFoundError: it is not there.
        ValueError: it is not a notebook, or not of format 4; the message names the file and the field.
    """
    found = read_json(path)
    if found is None:
        raise FileNotFoundError(f"no executed notebook {path}: run the chapter first")
    try:
        return Notebook.model_validate(found)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'file'}: {e['msg']}" for e in error.errors()[:3])
        raise ValueError(f"{path} is not an executed notebook ({wrong}): run the chapter again") from None
