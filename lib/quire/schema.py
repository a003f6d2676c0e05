"""What the files of a run and of the store may hold; whatever else they hold is refused, by file and field."""

import math
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, FiniteFloat, NonNegativeFloat, model_validator

__all__ = ["CellEntry", "FigureEntry", "MadeEntry", "ReportEntry", "RunEntry", "StoredCell", "SweepEntry"]


def _stays(name: str) -> str:
    if not name or "/" in name or "\\" in name or "\0" in name or name.startswith("."):
        raise ValueError(f"{name!r} must be the bare name of a file")
    return name


Bare = Annotated[str, AfterValidator(_stays)]
Key = Annotated[str, Field(pattern=r"^[0-9a-f]{24}$")]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Kind = Literal["bool", "int", "float", "str", "json"]
Scalar = bool | int | float | str


class Entry(BaseModel):
    """An entry of a file: no other fields than these, and no conversion of types."""

    model_config = ConfigDict(extra="forbid", strict=True)


class OriginEntry(BaseModel):
    """Who computed a cell."""

    model_config = ConfigDict(extra="allow")
    versions: dict[str, str]
    device: str
    threads: int
    machine: str


class CellEntry(Entry):
    """A cell of a run: everything but its rows, which are counted."""

    key: Key
    arguments: dict
    rows: Annotated[int, Field(gt=0)]
    seconds: NonNegativeFloat
    source: Literal["computed", "store", "published"]
    origin: Annotated[int, Field(ge=0)]
    peak_memory_mb: NonNegativeFloat | None = None
    made: dict[Key, NonNegativeFloat] = {}


class SweepEntry(Entry):
    """The cells of one function, and the table of their rows."""

    file: Bare
    sha256: Digest
    columns: dict[str, Kind]
    origins: list[dict]
    cells: list[CellEntry]

    @model_validator(mode="after")
    def _known_origins(self):
        for origin in self.origins:
            OriginEntry.model_validate(origin)
        return self


class MadeEntry(Entry):
    """Tensors that a run used: the function and the arguments that made them, and their size."""

    function: str
    arguments: dict
    bytes: Annotated[int, Field(ge=0)]


class StoredCell(Entry):
    """A cell of the store."""

    function: str
    arguments: dict
    rows: Annotated[list[dict[str, Scalar]], Field(min_length=1)]
    seconds: NonNegativeFloat
    peak_memory_mb: NonNegativeFloat
    finished: str
    origin: dict
    made: dict[Key, NonNegativeFloat] = {}

    @model_validator(mode="after")
    def _consistent(self):
        OriginEntry.model_validate(self.origin)
        shadowed = set(self.arguments) & set().union(*self.rows)
        if shadowed:
            raise ValueError(f"columns {sorted(shadowed)} are arguments")
        return self


class ReportEntry(Entry):
    """What was measured for a claim: a number, or a number for each name of a ranking; dof "inf": the error is known."""

    value: FiniteFloat | dict[str, list] | None = None
    stderr: NonNegativeFloat | None = None
    dof: NonNegativeFloat | Literal["inf"] | None = None
    reason: str = ""

    @model_validator(mode="after")
    def _finite(self):
        for number in (self.stderr, self.dof):
            if isinstance(number, float) and not math.isfinite(number):
                raise ValueError(f"numbers must be finite, got {number}")
        return self


class FigureEntry(Entry):
    """A figure: its files by bare names, its texts, its number in the chapter.

    ``columns`` says what the columns of its table are, ``lines`` the reference lines that are drawn beside them.
    """

    light: Bare
    dark: Bare
    png: Bare
    table: Bare
    pixels: Bare | None = None
    narrow: Bare | None = None
    narrow_dark: Bare | None = None
    alt: str
    caption: str
    title: str | None = None
    number: Annotated[int, Field(gt=0)]
    columns: dict[str, str] = {}
    lines: list[str] = []


class RunEntry(BaseModel):
    """How a run was made; further fields are the runner's."""

    model_config = ConfigDict(extra="allow")
    chapter: Annotated[str, Field(pattern=r"^\w+$")]
    profile: Literal["smoke", "book", "paper"]
    failed: bool = False
    parameters: dict = {}
