"""Names under `[accept]`: all that a finding can have, and no others."""

from __future__ import annotations

from pathlib import Path

import pytest

from challenge.errors import Fault, TaskError
from challenge.prepare.audit.report import AuditReport, Finding
from challenge.task.declarations import in_toml, tomllib
from challenge.task.definition import read_definition
from challenge.task.findings import FINDINGS, form_of

TABLE = 'kind = "classification"\nmetric = "accuracy"'
PAIRS = 'kind = "matching"\nmetric = "f1"'


def faults(folder: Path, *names: str, kind: str = TABLE, also: str = "") -> list[Fault]:
    accepted = "\n".join(f'{in_toml(name)} = "known"' for name in names)
    columns = "\n".join(
        f'[columns.{in_toml(name)}]\nmodality = "text"' for name in ("colour", "size-cm", 'a"b')
    )
    (folder / "task.toml").write_text(
        f'format = 1\nid = "toy"\ntitle = "Toy"\n{kind}\n{also}\n[[source]]\npath = "."\n'
        f'[raw]\nformat = "table"\n{columns}\n[columns.note]\nmodality = "text"\nsides = "both"\n'
        f"[accept]\n{accepted}\n"
    )
    try:
        read_definition(folder)
    except TaskError as error:
        return list(error.faults)
    return []


@pytest.mark.parametrize("form", FINDINGS, ids=lambda form: form.start)
def test_the_name_of_each_finding_is_taken(form: object, tmp_path: Path) -> None:
    pattern, ending = form.pattern, form.ending  # type: ignore[attr-defined]
    pairs = ending == "attribute"
    column = {"columns": "<column>-<column>", "attribute": "<attribute>"}.get(ending, "<column>")
    name = pattern.replace(column, "colour-size-cm" if ending == "columns" else "colour")
    name = name.replace("<side>", "train")
    assert "<" not in name
    assert faults(tmp_path, name, kind=PAIRS if pairs else TABLE) == []
    assert form_of(name) is form


@pytest.mark.parametrize(
    ("name", "fix"),
    [
        ("identical-images", "did you mean 'near-identical-images'?"),
        ("telling-colum-colour", "did you mean 'telling-column-colour'?"),
        ("Seen-records", "did you mean 'seen-records'?"),
        ("telling-column", "did you mean 'telling-column-<column>'?"),
        ("all", "remove it"),
        ("", "remove it"),
    ],
)
def test_an_unknown_finding_is_refused_with_the_known_ones(
    name: str, fix: str, tmp_path: Path
) -> None:
    (fault,) = faults(tmp_path, name)
    assert fault.where == f"task.toml, key accept.{name}"
    assert fault.found == f"unknown finding {name!r}"
    assert all(form.pattern in fault.expected for form in FINDINGS)
    assert fault.fix == fix


@pytest.mark.parametrize(
    ("name", "kind", "found", "fix"),
    [
        ("telling-column-color", TABLE, "no column 'color'", "'telling-column-colour'"),
        ("label-in-left_colour", TABLE, "no column 'left_colour'", "'label-in-colour'"),
        ("telling-form-colour", PAIRS, "no column 'colour'", "'telling-form-left_colour'"),
        ("telling-agreement-left_note", PAIRS, "attribute 'left_note'", "'telling-agreement-note'"),
        ("telling-agreement-note", TABLE, "no attribute 'note'", "remove it"),
        ("telling-columns-size-cm-colour", TABLE, "no columns 'size-cm-colour'",
         "'telling-columns-colour-size-cm'"),
        ("telling-columns-color-size-cm", TABLE, "columns", "'telling-columns-colour-size-cm'"),
        ("telling-columns-colour-colour", TABLE, "no columns 'colour-colour'", "remove it"),
        ("telling-columns-colour", TABLE, "no columns 'colour'", "remove it"),
        ("class-missing-tests", TABLE, "no side 'tests'", "'class-missing-test'"),
    ],
)  # fmt: skip
def test_a_finding_of_a_column_that_the_task_lacks_is_refused(
    name: str, kind: str, found: str, fix: str, tmp_path: Path
) -> None:
    (fault,) = faults(tmp_path, name, kind=kind)
    assert fault.where == f"task.toml, key accept.{name}"
    assert found in fault.found and fix in fault.fix


def test_all_faults_come_at_once_with_those_of_other_keys(tmp_path: Path) -> None:
    found = faults(tmp_path, "foo", "label-in-x", "shifted-sides", also="samples = 3")
    assert [fault.where.removeprefix("task.toml, key ") for fault in found] == [
        "samples", "accept.foo", "accept.label-in-x"
    ]  # fmt: skip


def test_where_columns_are_faulty_the_start_of_a_name_is_still_looked_at(tmp_path: Path) -> None:
    found = faults(tmp_path, "foo", "label-in-x", "class-missing-x", kind='kind = "clasification"')
    wheres = [fault.where.removeprefix("task.toml, key ") for fault in found]
    assert "accept.foo" in wheres and "accept.class-missing-x" in wheres
    assert "accept.label-in-x" not in wheres


def test_the_line_that_a_stopped_build_proposes_is_taken(tmp_path: Path) -> None:
    name = 'telling-column-a"b'
    (fault,) = AuditReport("toy", (Finding(name, "high", 1, 1, "x"),)).stopping({}, "toy")
    line = fault.fix.split("write `", 1)[1].split("`", 1)[0]
    assert tomllib.loads(line) == {name: "why"}
    assert faults(tmp_path, *tomllib.loads(line)) == []
