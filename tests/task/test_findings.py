"""Names under `[accept]`: all that a finding can have, and no others."""

from __future__ import annotations

from pathlib import Path

import pytest

from challenge.errors import Fault, TaskError
from challenge.prepare.audit.report import AuditReport, Finding
from challenge.task.columns import Column
from challenge.task.declarations import tomllib
from challenge.task.definition import read_definition
from challenge.task.findings import FINDINGS, FindingForm, form_of
from challenge.task.toml_text import in_toml
from tests.cli.shell import shell
from tests.toy import declare_toy, toy_rows

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
def test_the_name_of_each_finding_is_taken(form: FindingForm, tmp_path: Path) -> None:
    pattern, ending = form.pattern, form.ending
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
        ("class-missing-tests", "did you mean 'class-missing-test'?"),
        ("all", "remove it"),
        ("", "remove it"),
    ],
)
def test_an_unknown_finding_is_refused_with_the_known_ones(
    name: str, fix: str, tmp_path: Path
) -> None:
    (fault,) = faults(tmp_path, name)
    assert fault.where == f"task.toml, key accept.{name}"
    assert (fault.code, fault.found) == ("accept-unknown", f"unknown finding {name!r}")
    assert all(form.pattern in fault.expected for form in FINDINGS)
    assert fault.fix == fix


COLUMNS = tuple(Column(name, "text") for name in ("colour", "size-cm"))
RECORDS = tuple(
    Column(name, "text") for name in ("left_note", "left_colour", "right_note", "right_colour")
)


@pytest.mark.parametrize(
    ("name", "columns", "said"),
    [
        ("telling-column-color", COLUMNS,
         "no column 'color'; did you mean 'telling-column-colour'?"),
        ("label-in-left_colour", COLUMNS,
         "no column 'left_colour'; did you mean 'label-in-colour'?"),
        ("telling-form-x", RECORDS, "no column 'x'"),
        ("telling-agreement-left_note", RECORDS,
         "no attribute of both records 'left_note'; did you mean 'telling-agreement-note'?"),
        ("telling-agreement-note", COLUMNS, "no attribute of both records 'note'"),
        ("telling-columns-size-cm-colour", COLUMNS,
         "no columns 'size-cm-colour'; did you mean 'telling-columns-colour-size-cm'?"),
        ("telling-columns-color-size-cm", COLUMNS,
         "no columns 'color-size-cm'; did you mean 'telling-columns-colour-size-cm'?"),
        ("telling-columns-colour-colour", COLUMNS, "no columns 'colour-colour'"),
        ("telling-columns-colour", COLUMNS, "no columns 'colour'"),
    ],
)  # fmt: skip
def test_a_finding_of_a_column_that_the_task_lacks_is_noted(
    name: str, columns: tuple[Column, ...], said: str
) -> None:
    summary = AuditReport("toy", ()).summary({name: "known"}, columns)
    assert summary["notes"] == [
        f"accepted in task.toml, but not found: {name} (the task has {said})"
    ]


@pytest.mark.parametrize("name", ["telling-columns-colour-size-cm", "telling-column-size-cm"])
def test_a_finding_that_the_task_could_have_is_noted_without_a_guess(name: str) -> None:
    summary = AuditReport("toy", ()).summary({name: "known"}, COLUMNS)
    assert summary["notes"] == [f"accepted in task.toml, but not found: {name}"]


def test_convert_and_show_print_the_note(tmp_path: Path) -> None:
    (tmp_path / "challenge.toml").write_text('format = 1\ntitle = "T"\nreveal = "all"\n')
    folder = declare_toy(tmp_path / "datasets" / "toy", raw=toy_rows(80, images=False))
    toml = folder / "task.toml"
    toml.write_text(f'{toml.read_text()}\n[accept]\nlabel-in-word = "known"\n')
    note = "label-in-word (the task has no column 'word'; did you mean 'label-in-words'?)"
    for command in ("convert", "show"):
        answer = shell(tmp_path, command, "toy")
        assert answer.code == 0
        assert f"note: accepted in task.toml, but not found: {note}" in answer.err


def test_all_faults_come_at_once_with_those_of_other_keys(tmp_path: Path) -> None:
    found = faults(tmp_path, "foo", "class-missing", "shifted-sides", also="samples = 3")
    assert [fault.where.removeprefix("task.toml, key ") for fault in found] == [
        "samples", "accept.foo", "accept.class-missing"
    ]  # fmt: skip


def test_where_other_keys_are_faulty_names_are_still_looked_at(tmp_path: Path) -> None:
    found = faults(tmp_path, "foo", "class-missing-x", kind='kind = "clasification"')
    wheres = [fault.where.removeprefix("task.toml, key ") for fault in found]
    assert {"kind", "accept.foo", "accept.class-missing-x"} <= set(wheres)


def test_the_line_that_a_stopped_build_proposes_is_taken(tmp_path: Path) -> None:
    name = 'telling-column-a"b'
    (fault,) = AuditReport("toy", (Finding(name, "high", 1, 1, "x"),)).stopping({}, "toy")
    line = fault.fix.split("write `", 1)[1].split("`", 1)[0]
    assert tomllib.loads(line) == {name: "why"}
    assert faults(tmp_path, *tomllib.loads(line)) == []
