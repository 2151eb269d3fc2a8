"""The limits of preparing a task, each with what to do beyond it, for docs/task-toml.md."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import NamedTuple

__all__ = ["LIMITS", "PACKAGES", "Limit", "rows"]

PACKAGES = ("task", "prepare")
"""Packages whose limits the page lists."""


class Limit(NamedTuple):
    """A constant of a module: what it limits, its unit, and the fix or what follows beyond it."""

    meaning: str
    unit: str
    beyond: str


_SPLIT_FILE = "split the file, and name the parts by a pattern in `file`"
_UNPACK = "name what is needed in `unpack`, or unpack it yourself and give the `path`"
_CSV = "save the sheet as CSV"
_SMALLER = "scale or compress it"
_SIMPLER = "simplify the drawing, or export it as PNG"
_FIRST = "the rest is not looked at; a note says so"

LIMITS = {
    "prepare.sources.archives:Caps.members": Limit("members of an archive", "", _UNPACK),
    "prepare.sources.archives:Caps.member_bytes": Limit("a member, unpacked", "bytes", _UNPACK),
    "prepare.sources.archives:Caps.total_bytes": Limit("an archive, unpacked", "bytes", _UNPACK),
    "prepare.sources.archives:Caps.ratio": Limit(
        "an archive above 1 GiB, unpacked, as a multiple of its size", "", _UNPACK
    ),
    "prepare.sources.archives:_LONGEST_HEADER": Limit(
        "a header inside a tar archive", "bytes", "pack it again with `tar`"
    ),
    "prepare.sources.fetch:_TIME_LIMIT_S": Limit(
        "a download", "seconds", "fetch it yourself and give the `path`"
    ),
    "prepare.readers.text_files:_LONGEST_FIELD": Limit(
        "a field of a text file", "characters", "look for an unclosed quote, or set `quote`"
    ),
    "prepare.readers.text_files:_PRELUDE": Limit(
        "lines before the header that are found by themselves", "", "state `skip` and `comment`"
    ),
    "prepare.readers.json_caps:DEEPEST": Limit("nesting of JSON", "levels", "flatten the objects"),
    "prepare.readers.json_caps:MOST_CELLS": Limit(
        "cells of a JSON table, if most of them are empty", "", "write the same keys in each object"
    ),
    "prepare.readers.json_caps:MOST_CELLS_PER_VALUE": Limit(
        "cells for each value of a larger JSON table", "", "write the same keys in each object"
    ),
    "prepare.readers.workbook_caps:MOST_BYTES": Limit("a workbook, unpacked", "bytes", _CSV),
    "prepare.readers.workbook_caps:MOST_ROWS": Limit("rows of a sheet, as in Excel", "", _CSV),
    "prepare.readers.workbook_caps:MOST_CELLS": Limit("cells of a sheet", "", _CSV),
    "task.columns:MOST_DIMENSIONS": Limit(
        "dimensions of a vector", "", "project the vectors in the converter"
    ),
    "task.images:MAX_BYTES": Limit("an image file", "bytes", _SMALLER),
    "task.images:MAX_MEGAPIXELS": Limit(
        "an image", "megapixels", "raise `max_megapixels`, or set `max_side` to scale it down"
    ),
    "task.images:MOST_MEGAPIXELS": Limit(
        "what `max_megapixels` may allow", "megapixels", "scale the image down before"
    ),
    "task.images:MAX_EMBEDDED_PIXELS": Limit("an image inside an SVG", "pixels", _SIMPLER),
    "task.images:RASTER_LIMITS.seconds": Limit("decoding an image", "seconds", _SMALLER),
    "task.images:RASTER_LIMITS.memory_mb": Limit("decoding an image", "MB", _SMALLER),
    "task.images:SVG_LIMITS.seconds": Limit("drawing an SVG", "seconds", _SIMPLER),
    "task.images:SVG_LIMITS.memory_mb": Limit("drawing an SVG", "MB", _SIMPLER),
    "task.image_process:_MAX_ANSWER_BYTES": Limit("a decoded image", "bytes", _SMALLER),
    "task.image_cache:_MOST_BYTES": Limit(
        "decoded images that one build adds to `cache/images`", "bytes",
        "the other images are decoded again by the next build",
    ),
    "task.svg:MAX_SVG_BYTES": Limit("an SVG file", "bytes", _SIMPLER),
    "task.svg:MAX_ELEMENTS": Limit("elements of an SVG", "", _SIMPLER),
    "task.svg:MAX_EXPANDED": Limit("elements of an SVG with all references", "", _SIMPLER),
    "task.svg:MAX_DEPTH": Limit("nesting of an SVG", "levels", _SIMPLER),
    "prepare.splits.clusters:LARGEST_SHARE": Limit(
        "records that are linked to each other, as a share of all", "",
        "remove wrong matches, or split by another rule",
    ),
    "prepare.splits.clusters:LARGEST_DRAWN": Limit(
        "a group or entity that is in one subset as a whole, as a share of the test rows", "",
        "its rows are drawn one by one",
    ),
    "prepare.proposal.profiles:_MOST_DISTINCT": Limit(
        "different texts of a column that `challenge add` counts", "", "new ones are not counted"
    ),
    "prepare.proposal.profiles:_MOST_TRIED": Limit(
        "texts in which `challenge add` looks for the one that is no number or date", "",
        "state the `modality` and `format` of the column",
    ),
    "prepare.build.card_statistics:_MOST_DISTINCT": Limit(
        "different values of a column that the page counts", "", "the page shows no count"
    ),
    "prepare.build.label_numbers:_MOST_RANGES": Limit(
        "ranges of a numeric label that are divided evenly", "", "ranges are wider"
    ),
    "prepare.audit.report:MOST_ROWS": Limit(
        "rows that the audit lists for a finding", "", "the count is of all rows"
    ),
    "prepare.audit.subject:SAMPLE": Limit(
        "rows of a side that are compared with the other side", "", _FIRST
    ),
    "prepare.audit.tells:ROWS": Limit(
        "rows of train in which columns that predict the label are looked for", "",
        "ids are random, so these are a random sample",
    ),
    "prepare.audit.probes:ROWS": Limit(
        "rows of train whose forms, texts and pairs of columns are looked at", "",
        "ids are random, so these are a random sample",
    ),
    "prepare.audit.probes:IMAGES": Limit(
        "images of train whose corner pixels are looked at", "",
        "ids are random, so these are a random sample",
    ),
    "prepare.audit.probes:CLASSES": Limit(
        "classes whose forms, texts and pairs of columns are looked at", "", "the commonest are"
    ),
    "prepare.audit.probes:_COLUMNS": Limit(
        "columns that are looked at in pairs", "", "the first ones are"
    ),
    "prepare.audit.probes:_LONGEST": Limit(
        "character sequences that are looked for in texts", "characters", "longer ones are not seen"
    ),
    "prepare.audit.prediction:_MAX_CLASSES": Limit(
        "classes whose prediction by a column is looked at", "", "the commonest are"
    ),
    "prepare.audit.neighbours:MAX_BITS": Limit(
        "bits of the difference hash in which copies of an image differ", "", "it is no copy"
    ),
    "prepare.audit.neighbours:MAX_GREY": Limit(
        "mean grey value by which copies of an image differ, of 255", "", "it is no copy"
    ),
    "prepare.audit.neighbours:SHORT_TEXTS": Limit(
        "rows of a side whose short texts, or all columns but one, are compared", "",
        "the rest is not looked at",
    ),
    "prepare.audit.neighbours:TEXT_BUDGET": Limit(
        "characters of both sides that are compared", "", "long texts are cut; a note says so"
    ),
    "prepare.audit.neighbours:_MOST_NEAR": Limit(
        "near copies that a short text may have on the other side", "",
        "more are a pattern of the texts, and no copies",
    ),
    "prepare.audit.image_facts:MAX_IMAGES": Limit("images of a side that are compared", "", _FIRST),
    "prepare.audit.copies:_MOST_EQUAL": Limit(
        "rows of train that agree with a test row in all columns but one", "",
        "more are a group, and no copies",
    ),
}  # fmt: skip
"""Each limit by its module under `challenge` and its name in there."""


def rows() -> Iterator[tuple[str, Limit]]:
    """Yield the value of each limit, as text with its unit, and the limit."""
    for path, limit in LIMITS.items():
        module, _, name = path.partition(":")
        value = importlib.import_module(f"challenge.{module}")
        for part in name.split("."):
            value = getattr(value, part)
        yield f"{value:,} {limit.unit}".strip(), limit
