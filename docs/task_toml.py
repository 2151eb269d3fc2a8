"""Write docs/task-toml.md from the models of `task.toml`: `python -m docs.task_toml`."""

from __future__ import annotations

import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from challenge.kinds import KINDS
from challenge.task.date_texts import COUNTS, DATE_ORDERS
from challenge.task.definition import TaskDefinition
from challenge.task.findings import FINDINGS
from challenge.task.modalities import MODALITIES
from challenge.task.number_texts import MISSING, NUMBER_FORMATS
from challenge.task.splits import SPLIT_RULES
from docs import limits

__all__ = ["EXAMPLES", "PAGE", "keys", "render"]

PAGE = Path(__file__).with_name("task-toml.md")

EXAMPLES = {
    "format": "1",
    "id": '"icon-tag"',
    "kind": '"classification"',
    "title": '"Tag of an icon"',
    "description": '"A row is an icon; the label is its first tag."',
    "metric": '"macro_f1"',
    "samples": "true",
    "source.pypi": '"fontawesomefree==6.6.0"',
    "source.npm": '"@mdi/svg==7.4.47"',
    "source.apt": '"unicode-data=15.0.0-1"',
    "source.url": '"https://example.org/items.zip"',
    "source.path": '"raw"',
    "source.sha256": f'"{"0" * 64}"',
    "source.licence": '"CC-BY-4.0"',
    "source.attribution": '"Pictogrammers"',
    "source.unpack": '["svg/*.svg", "meta.json"]',
    "raw.convert": '"convert.py"',
    "raw.format": '"table"',
    "raw.file": '"items.csv"',
    "raw.label": '"category"',
    "raw.key": '"item_id"',
    "raw.images.path": '"photos"',
    "raw.images.max_side": "1024",
    "raw.images.max_megapixels": "20",
    "raw.images.on_error": '"drop"',
    "raw.encoding": '"cp1252"',
    "raw.delimiter": '";"',
    "raw.quote": '"none"',
    "raw.header": "false",
    "raw.skip": "2",
    "raw.comment": '"#"',
    "raw.sheet": '"Data"',
    "raw.decimal": '","',
    "raw.thousands": '"."',
    "raw.missing": '["NA", "-9999"]',
    "raw.variants": '"join"',
    "raw.options": '{ from_number = "id", split = "part" }',
    "split.by": '"group"',
    "split.test": "0.3",
    "split.public": "0.3",
    "split.group": '"shop_id"',
    "split.time": '"sold_on"',
    "split.block": '"brand"',
    "split.seed": '"secret"',
    "split.truth": '"complete"',
    "split.void": '["r0123456789abcdef"]',
    "columns.modality": '"numeric"',
    "columns.description": '"Price without tax"',
    "columns.integer": "true",
    "columns.format": '"1.234,5"',
    "columns.timezone": '"Europe/Berlin"',
    "columns.sides": '"left"',
    "left_out": '{ sold = "Follows from the label" }',
    "datasheet.row": '"An icon of the set, as published"',
    "datasheet.labelled_by": '"The editors of the set"',
    "datasheet.certainty": '"Two editors agreed on each"',
    "datasheet.not_for": '"Judging the work of designers"',
    "datasheet.weaknesses": '"Old icons have fewer tags"',
    "accept": '{ "licence-unstated" = "for use inside the company only" }',
}
"""An example of each key, as it is written in TOML."""

_HEAD = """\
# task.toml

Made by `python -m docs.task_toml` from the models; a test holds it complete. `challenge add` writes
a first `task.toml`. An unknown key is a fault that names the nearest valid one.

## One reading or none

Raw files leave choices open: encoding, delimiter, quotes, header, number and date formats. Each
choice is made on the whole file or column. If exactly one reading explains all of it, it is taken,
and the reading report says so. If none does, the build stops and names the first cell that breaks
each. If several do and give different values, the build stops with one cell and what each reading
makes of it. The answer is a key of this page. For `challenge add` it is `--raw KEY=VALUE`.

The reading report is shown by `challenge convert`, `challenge show` and the task's page. Its books
balance:

- raw rows are built or dropped, each drop with its reason;
- raw columns are built or left out, each with its reason;
- cells are kept as they are, parsed by the stated reading, or missing.
"""


def render() -> str:
    """Return the page as Markdown."""
    parts = [_HEAD, _formats()]
    for table, rows in _tables():
        parts.append(f"## {table}\n\n| key | allowed | default | meaning | example |")
        parts[-1] += "\n|---|---|---|---|---|\n" + "".join(rows)
    return "\n".join((*parts, _findings(), _limits()))


def keys() -> Iterator[tuple[str, FieldInfo]]:
    """Yield every key with its dotted name and its field."""
    for name, field, model, _ in _fields(TaskDefinition, ""):
        if model is None:
            yield name, field


def _formats() -> str:
    words = ", ".join(f"`{word}`" for word in sorted(MISSING) if word).replace("`\\n`", "`\\N`")
    return (
        "## Formats of numbers and dates\n\n"
        "A number format is the number 1234.5 as the column writes it, with its separator of "
        f"thousands if it has one: {_listed(NUMBER_FORMATS)}. Grouping of two digits, as in India, "
        "is read, too. Currency and percent signs are left out, if a column has one of them only. "
        "Brackets or a minus at the end make a number negative.\n\n"
        "A number that a double cannot hold as it is written is text: codes of twenty digits, "
        "leading zeros, `1e5`, and a plus where no number is negative. Declared as numeric without "
        "a `format`, it is refused.\n\n"
        f"A date format is an order of the parts ({_listed(DATE_ORDERS)}), whatever separates "
        "them, with or without a time; or a pattern of `strptime` such as `%d.%m.%Y`; or a count: "
        f"{_listed(COUNTS)}. A year of two digits lies in 1969 to 2068, and the reading report "
        "says so.\n\n"
        "Lists of JSON and Parquet files become texts: values joined by comma and blank, or JSON "
        "where that would not show them apart. An empty list is missing.\n\n"
        f"Among numbers and dates these are missing, in any case: {words}. Among texts they are "
        "texts; `missing` under `[raw]` lists what is missing in every column.\n"
    )


def _findings() -> str:
    lines = "".join(
        f"| `{form.pattern}` | {form.meaning} | {form.fix.replace('|', '&#124;')} |\n"
        for form in FINDINGS
    )
    return (
        "## Findings of the audit\n\n"
        "These are the names that `[accept]` takes, each with a reason. A `<column>` is a feature "
        "as the files name it, such as `left_title` in matching; an `<attribute>` is one of both "
        "records; a `<side>` is `train` or `test`. An unknown name is a fault; "
        "one that was not found is noted.\n\n"
        "```toml\n[accept]\n"
        'licence-unstated = "for use inside the company only"\n'
        '"label-in-title" = "one title in twenty names the label, as on the site"\n```\n\n'
        f"| name | what was found | fix |\n|---|---|---|\n{lines}"
    )


def _limits() -> str:
    lines = "".join(
        f"| {limit.meaning} | {value} | {limit.beyond} |\n" for value, limit in limits.rows()
    )
    return (
        "## Limits\n\n"
        "Raw data beyond a limit stops the build, with the file or row and the fix. The audit "
        "reads a part of large tables.\n\n"
        f"| limit of | value | beyond it |\n|---|---|---|\n{lines}"
    )


def _listed(names: Any) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _tables() -> Iterator[tuple[str, list[str]]]:
    tables: dict[str, list[str]] = {}
    for name, field, model, table in _fields(TaskDefinition, ""):
        if model is None:
            key = name.rsplit(".", 1)[-1]
            text = " ".join((field.description or field.title or "").split())
            cells = (
                f"`{key}`",
                _allowed(name, field),
                _default(field),
                text,
                f"`{EXAMPLES[name]}`",
            )
            tables.setdefault(table, []).append(
                "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"
            )
    yield from tables.items()


def _fields(
    model: type[BaseModel], prefix: str, table: str = "Top of the file"
) -> Iterator[tuple[str, FieldInfo, type[BaseModel] | None, str]]:
    """Yield each field with its dotted name, the model that it holds, and the table it is in."""
    nested = []
    for name, field in model.model_fields.items():
        inner, many = _model_of(field.annotation)
        dotted = f"{prefix}{name}"
        yield dotted, field, inner, table
        if inner is not None:
            head = {"list": f"`[[{dotted}]]`", "dict": f"`[{dotted}.<name>]`"}.get(
                many, f"`[{dotted}]`"
            )
            nested.append((inner, f"{dotted}.", head))
    for inner, start, head in nested:
        yield from _fields(inner, start, head)


def _model_of(annotation: Any) -> tuple[type[BaseModel] | None, str]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation, ""
    origin = get_origin(annotation)
    for part in get_args(annotation):
        if isinstance(part, type) and issubclass(part, BaseModel):
            return part, origin.__name__ if origin in (list, dict) else ""
    return None, ""


def _allowed(name: str, field: FieldInfo) -> str:
    choices = {"kind": KINDS, "columns.modality": MODALITIES, "split.by": SPLIT_RULES}.get(name)
    if choices is not None:
        return _listed(choices)
    limits = []
    for one in field.metadata:
        for attribute, sign in (("ge", "≥"), ("gt", ">"), ("le", "≤"), ("lt", "<")):
            if getattr(one, attribute, None) is not None:
                limits.append(f"{sign} {getattr(one, attribute):,}")
        if getattr(one, "max_length", None) is not None:
            limits.append(f"at most {one.max_length} characters")
        if getattr(one, "pattern", None) is not None:
            limits.append(f"matches `{one.pattern}`")
    return ", ".join([_type(field.annotation), *limits])


def _type(annotation: Any) -> str:
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return " or ".join(f"`{_written(part)}`" for part in parts)
    if origin in (Union, types.UnionType):
        return " or ".join(_type(part) for part in parts if part is not type(None))
    if origin in (tuple, list):
        return f"list of {_type(parts[0])}s"
    if origin is dict:
        return "table"
    return {bool: "true or false", int: "whole number", float: "number"}.get(annotation, "text")


def _written(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value).lower()


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    if field.default is None:
        return "none"
    if field.default in ((), {}, ""):
        return "empty"
    return f"`{_written(field.default)}`"


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
