"""Every message of task.toml, challenge.toml and the registry, as a person meets it."""

import json
from pathlib import Path

import pytest

from challenge.errors import TaskError, WrongUse
from challenge.task import find_challenge, find_task, read_task
from challenge.task.columns import Column
from challenge.task.declarations import read_declaration
from challenge.task.definition import TaskDefinition, read_definition
from challenge.task.settings import Settings, read_settings

TASK = """format = 1
id = "icons"
kind = "classification"
title = "Icons"
metric = "macro_f1"

[[source]]
path = "raw"

[raw]
format = "table"

[columns.words]
modality = "text"
"""
SETTINGS = """format = 1
title = "A challenge"
reveal = "all"

[[track]]
id = "one"
title = "One"
kind = "matching"
metric = "f1"
tasks = ["icons"]
"""


def task(folder: Path, *changes: tuple[str, str], text: str = TASK) -> TaskDefinition:
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    (folder / "task.toml").write_text(text)
    return read_definition(folder)


def refused(folder: Path, *changes: tuple[str, str]) -> str:
    with pytest.raises(TaskError) as caught:
        task(folder, *changes)
    return str(caught.value)


def settings_refused(folder: Path, *changes: tuple[str, str]) -> str:
    text = SETTINGS
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    (folder / "challenge.toml").write_text(text)
    with pytest.raises(TaskError) as caught:
        read_settings(folder)
    return str(caught.value)


def test_a_task_is_read_with_its_defaults(tmp_path: Path) -> None:
    definition = task(tmp_path)
    assert (definition.split.by, definition.split.test, definition.split.seed) == (
        "row", 0.3, "secret",
    )  # fmt: skip
    assert definition.feature_columns() == (Column("words", "text"),)
    assert not definition.shows_samples


def test_samples_show_where_the_data_is_public_or_task_toml_says_so(tmp_path: Path) -> None:
    public = ('path = "raw"', f'npm = "a==1"\nsha256 = "{"0" * 64}"')
    assert task(tmp_path, public).shows_samples
    assert not task(tmp_path, public, ("metric", "samples = false\nmetric")).shows_samples
    assert task(tmp_path, ("metric", "samples = true\nmetric")).shows_samples


def test_matching_columns_have_sides(tmp_path: Path) -> None:
    definition = task(
        tmp_path,
        ('"classification"', '"matching"'),
        ('"macro_f1"', '"f1"'),
        (
            'modality = "text"',
            'modality = "text"\n[columns.n]\nmodality = "numeric"\nsides = "left"',
        ),
    )
    names = [column.name for column in definition.feature_columns()]
    assert names == ["left_words", "left_n", "right_words"]
    left = definition.feature_columns()[0]
    assert (left.side, left.attribute) == ("left", "words")
    assert Column("words", "text").side is None


def test_a_missing_file_says_what_to_write(tmp_path: Path) -> None:
    with pytest.raises(TaskError, match=r"task\.toml: no such file"):
        read_definition(tmp_path)


def test_what_is_no_toml_names_the_line(tmp_path: Path) -> None:
    assert "not TOML" in refused(tmp_path, ("format = 1", "format = = 1"))
    assert "line 1" in refused(tmp_path, ("format = 1", "format = = 1"))


def test_what_is_no_utf_8_is_refused(tmp_path: Path) -> None:
    (tmp_path / "task.toml").write_bytes(b'title = "\xff"')
    with pytest.raises(TaskError, match="expected: UTF-8 text"):
        read_definition(tmp_path)


def test_an_unknown_key_names_the_nearest_and_the_place(tmp_path: Path) -> None:
    found = refused(
        tmp_path, ("metric =", 'titel = "x"\nmetric ='), ('path = "raw"', 'pth = "raw"')
    )
    assert "task.toml, key titel: unknown key 'titel'" in found
    assert "did you mean 'title'?" in found
    assert "task.toml, key source.1.pth: unknown key 'pth'" in found
    assert "expected: one of apt, attribution, licence, npm, path" in found
    assert "did you mean 'path'?" in found


def test_a_key_of_another_table_names_that_table(tmp_path: Path) -> None:
    found = refused(
        tmp_path,
        ("metric =", 'variants = "join"\nmetric ='),
        ('path = "raw"', 'path = "raw"\ntitle = "x"'),
    )
    assert "unknown key 'variants'" in found and "fix: write it under [raw]" in found
    assert "key source.1.title" in found and "fix: write it above the first table" in found


def test_an_unknown_key_of_a_column_names_the_allowed_ones(tmp_path: Path) -> None:
    found = refused(tmp_path, ('modality = "text"', 'modality = "text"\ninteger_ = true'))
    assert "key columns.words.integer_" in found
    assert "did you mean 'integer'?" in found


def test_a_missing_key_is_named(tmp_path: Path) -> None:
    assert "add `title = …`" in refused(tmp_path, ('title = "Icons"\n', ""))


def test_a_wrong_word_names_the_nearest(tmp_path: Path) -> None:
    found = refused(tmp_path, ('"text"', '"texts"'), ('"classification"', '"clasification"'))
    assert "'texts'\n  expected: one of text, numeric, categorical, image" in found
    assert "did you mean 'text'?" in found
    assert "did you mean 'classification'?" in found


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('path = "raw"', "", "exactly one of pypi, npm, apt, url, path"),
        ('path = "raw"', 'path = "raw"\nnpm = "a==1"', "exactly one of pypi, npm, apt, url, path"),
        ('path = "raw"', 'npm = "a==1"', "a sha256 beside npm"),
        ('format = "table"', "", "exactly one of convert, format"),
        (
            'format = "table"',
            'format = "table"\nconvert = "c.py"',
            "exactly one of convert, format",
        ),
        ('"macro_f1"', '"f1"', "metric one of accuracy, balanced_accuracy, macro_f1"),
        ("[raw]", '[split]\nby = "group"\n[raw]', '`group = "a raw column"` beside by = "group"'),
        ("[raw]", '[split]\nby = "time"\n[raw]', '`time = "a raw column"` beside by = "time"'),
        ("[raw]", '[split]\nby = "entity"\n[raw]', 'split.by = "entity" is for matching'),
        ("[columns.words]", "[columns.label]", "column names other than label (reserved)"),
        ('id = "icons"', 'id = "../Icons"', "match pattern"),
        ("[raw]", "[split]\ntest = 1.0\n[raw]", "less than 1"),
    ],
)
def test_what_does_not_fit_together_is_refused(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    assert message in refused(tmp_path, (old, new))


@pytest.mark.parametrize("side", ["left", "right"])
def test_pairs_with_columns_of_one_record_are_refused(tmp_path: Path, side: str) -> None:
    matching = (('"classification"', '"matching"'), ('"macro_f1"', '"f1"'))
    sides = ('modality = "text"', f'modality = "text"\nsides = "{side}"')
    assert f"columns of both records: all have sides = '{side}'" in refused(
        tmp_path, *matching, sides
    )


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('reveal = "all"\n', "", '`closes`, or reveal = "all"'),
        ('reveal = "all"', "closes = 2026-01-01T00:00:00", "such as 2026-01-01T00:00:00Z (UTC)"),
        ('reveal = "all"', "closes = 2026-01-01", "such as 2026-01-01T12:00:00Z (UTC)"),
        ('reveal = "all"', 'closes = "soon"', "a date, a time and an offset"),
        (
            'reveal = "all"',
            "opens = 2026-02-01T00:00:00Z\ncloses = 2026-01-01T00:00:00Z",
            "opens before closes",
        ),
        ('reveal = "all"', 'reveal = "al"', "did you mean 'all'?"),
        ('tasks = ["icons"]', "tasks = []", "at least 1"),
    ],
)
def test_settings_that_do_not_fit_together_are_refused(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    assert message in settings_refused(tmp_path, (old, new))


def test_track_ids_differ(tmp_path: Path) -> None:
    track = SETTINGS[SETTINGS.index("[[track]]") :]
    assert "unique track ids" in settings_refused(tmp_path, (track, track + track))


def test_a_close_is_told_in_utc(tmp_path: Path) -> None:
    text = SETTINGS.replace('reveal = "all"', "closes = 2026-01-01T00:00:00+02:00")
    (tmp_path / "challenge.toml").write_text(text)
    settings = read_settings(tmp_path)
    assert settings.is_contest()
    closes = settings.closes_utc()
    assert closes is not None and closes.isoformat() == "2025-12-31T22:00:00+00:00"


def test_a_challenge_is_found_from_below(tmp_path: Path) -> None:
    (tmp_path / "challenge.toml").write_text(SETTINGS)
    (tmp_path / "datasets" / "icons").mkdir(parents=True)
    (tmp_path / "datasets" / "icons" / "task.toml").write_text(TASK)
    challenge = find_challenge(tmp_path / "datasets" / "icons")
    assert challenge.root == tmp_path.resolve()
    assert challenge.task_ids() == ("icons",)
    assert challenge.built_ids() == ()
    with pytest.raises(WrongUse, match="did you mean 'icons'"):
        find_task("icon", tmp_path)
    for name in ("icons", str(challenge.datasets / "icons")):
        with pytest.raises(TaskError, match="run `challenge convert icons`"):
            find_task(name, tmp_path)


@pytest.mark.parametrize("inside", [True, False])
@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("", "an empty name"),
        (".", "'.', a folder without task.json"),
        ("mine.py", "'mine.py', a file"),
        ("/nosuch/folder", "'/nosuch/folder', no such file or folder"),
    ],
)
def test_a_path_that_is_no_task_says_what_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, found: str, inside: bool
) -> None:
    if inside:
        (tmp_path / "challenge.toml").write_text(SETTINGS)
    (tmp_path / "mine.py").touch()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(WrongUse) as refused:
        find_task(name, tmp_path)
    (fault,) = refused.value.faults
    assert (fault.code, fault.found) == ("no-such-task", found)


def test_a_search_starts_at_a_folder(tmp_path: Path) -> None:
    (tmp_path / "challenge.toml").write_text(SETTINGS)
    for name in ("nosuch", "challenge.toml"):
        with pytest.raises(WrongUse) as refused:
            find_challenge(tmp_path / name)
        assert refused.value.faults[0].code == "no-folder"


def test_no_challenge_above_is_wrong_use(tmp_path: Path) -> None:
    with pytest.raises(WrongUse, match=r"no challenge\.toml here or above"):
        find_challenge(tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [("{", "unreadable"), (json.dumps({"format": 99}), "another format"), ("[]", "another format")],
)
def test_a_damaged_task_json_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "task.json").write_text(text)
    with pytest.raises(TaskError, match=message):
        read_task(tmp_path)


@pytest.mark.parametrize(
    "text", ['{"format": 1}', '{"format": 1, "id": "a", "kind": 7, "digests": []}', "[" * 200_000]
)
def test_a_task_json_that_lacks_keys_or_nests_without_end_is_damaged(
    tmp_path: Path, text: str
) -> None:
    (tmp_path / "task.json").write_text(text)
    with pytest.raises(TaskError) as caught:
        read_task(tmp_path)
    assert [fault.code for fault in caught.value.faults] == ["task-damaged"]


def test_a_toml_file_that_nests_without_end_is_no_toml(tmp_path: Path) -> None:
    path = tmp_path / "challenge.toml"
    path.write_text("x = " + "[" * 5000)
    with pytest.raises(TaskError) as caught:
        read_declaration(path, Settings)
    assert [fault.code for fault in caught.value.faults] == ["toml-syntax"]
