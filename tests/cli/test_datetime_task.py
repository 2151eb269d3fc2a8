"""A table with points in time: proposed, converted, split by time, predicted, scored, shown."""

from __future__ import annotations

import datetime
import json
import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from challenge import load_task
from challenge.features.blocks import TableBlocks
from challenge.task import read_task
from challenge.task.tables import read_csv, read_parquet, schema_of
from tests.cli.shell import Answer, shell

N = 160


def moment(row: int) -> datetime.datetime:
    start = datetime.datetime(2024, 1, 1, 6, tzinfo=datetime.timezone.utc)
    return start + datetime.timedelta(days=row, hours=12 * (row % 2), microseconds=row // 80 * 500)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a challenge beside a table whose label is morning or evening."""
    assert shell(tmp_path, "init", str(tmp_path / "contest")).code == 0
    root = tmp_path / "contest"
    settings = (root / "challenge.toml").read_text()
    settings = settings.replace('reveal = "contest"', 'reveal = "all"')
    settings = "\n".join(
        line for line in settings.split("\n") if not line.startswith(("opens", "closes"))
    )
    (root / "challenge.toml").write_text(settings)
    chance = random.Random(3)
    lines = ["seen,day,words,half"]
    for row in chance.sample(range(N), N):
        at = moment(row)
        day = "" if row % 10 == 0 else at.date().isoformat()
        words = " ".join(chance.choices(["oak", "elm", "fir", "ash"], k=5))
        seen = at.isoformat().replace("+00:00", "Z")
        lines.append(f"{seen},{day},{words},{'evening' if row % 2 else 'morning'}")
    (root / "birds.csv").write_text("\n".join(lines) + "\n")
    return root


def done(root: Path, *words: str, code: int = 0) -> Answer:
    answer = shell(root, *words)
    assert answer.code == code, answer.err
    return answer


@pytest.mark.slow
def test_a_table_of_points_in_time_goes_from_raw_to_the_board(root: Path) -> None:
    added = done(root, "add", "birds", "--from", str(root / "birds.csv"), "--label", "half")
    path = root / "datasets" / "birds" / "task.toml"
    text = path.read_text()
    assert text.count('modality = "datetime"') == 2
    assert text.count('timezone = "UTC"  # assumed; a date without a time is midnight') == 1
    assert "column day: its times name no zone; taken as UTC" in " ".join(added.out.split())
    path.write_text(
        text.replace('by = "row"', 'by = "time"\ntime = "seen"').replace(
            "samples = false", "samples = true"
        )
        + '\n[accept]\n"telling-column-seen" = "the toy is made so"\n'
    )
    done(root, "convert", "birds")

    task = read_task(root / "datasets" / "birds" / "public")
    train, test = (read_parquet(task.public / f"{name}.parquet") for name in ("train", "test"))
    assert max(train["seen"].to_pylist()) < min(test["seen"].to_pylist())
    assert test.num_rows == 48
    everything = pa.concat_tables([train.drop(["label"]), test])
    assert sorted(everything["seen"].to_pylist()) == [moment(row) for row in range(N)]
    assert everything["day"].null_count == 16
    for name, table in (("train", train), ("test", test)):
        schema = schema_of(task, label=name == "train")
        assert schema.field("seen").type == pa.timestamp("us", "UTC")
        assert read_csv(task.public / f"{name}.csv", schema).equals(table, check_metadata=True)

    card = json.loads((task.public / "card.json").read_text())
    facts = {column["name"]: column for column in card["columns"]}
    moments = sorted(train["seen"].to_pylist())
    assert facts["seen"]["min"] == "2024-01-01T06:00:00Z"
    assert facts["seen"]["max"] == f"{moments[-1]:%Y-%m-%dT%H:%M:%S}.0005Z"
    assert facts["seen"]["median"] == f"{moments[55]:%Y-%m-%dT%H:%M:%SZ}"
    assert 0 < facts["day"]["missing_share"] < 0.2 and "mean" not in facts["day"]
    assert card["samples"][0]["values"]["seen"].endswith("Z")
    croissant = json.loads((task.public / "croissant.json").read_text())
    fields = {field["@id"]: field["dataType"] for field in croissant["recordSet"][0]["field"]}
    assert fields["train/seen"] == fields["train/day"] == "sc:DateTime"
    assert "timezone" not in (task.public / "task.json").read_text()

    frames = load_task("birds", root)
    assert str(frames.train["seen"].dtype) == "datetime64[us, UTC]"
    blocks = TableBlocks(task, weights=False).fit_transform(frames.train)
    assert {"datetime seen", "datetime day"} <= set(blocks)

    done(root, "run", "linear", "--task", "birds", "--submit")
    done(root, "leaderboard")
    board = json.loads((root / "leaderboard" / "leaderboard.json").read_text())
    assert board["tasks"][0]["best"] == 1.0, "the hour of the day decides the label"
    page = (root / "leaderboard" / "task" / "birds" / "index.html").read_text()
    assert '<span class="badge datetime">datetime</span>' in page
    assert "2024-01-01T06:00:00Z to " in page and f"median {facts['seen']['median']}" in page
    shown = json.loads((root / "leaderboard" / "task" / "birds" / "task.json").read_text())
    assert shown["columns"][0]["median"] == facts["seen"]["median"]


def test_a_built_task_of_points_in_time_is_built_again_with_the_same_bytes(root: Path) -> None:
    done(root, "add", "birds", "--from", str(root / "birds.csv"), "--label", "half")
    path = root / "datasets" / "birds" / "task.toml"
    path.write_text(path.read_text() + '\n[accept]\n"telling-column-seen" = "made so"\n')
    done(root, "convert", "birds")
    public = path.parent / "public"
    names = ("train.csv", "train.parquet", "test.csv", "task.json", "card.json", "croissant.json")
    before = [(public / name).read_bytes() for name in names]
    for child in public.iterdir():
        if child.is_file():
            child.unlink()
    path.write_text(path.read_text() + "# read again\n")
    done(root, "convert", "birds")
    assert [(public / name).read_bytes() for name in names] == before


def test_an_undeclared_zone_is_refused_and_a_wrong_one_too(root: Path) -> None:
    done(root, "add", "birds", "--from", str(root / "birds.csv"), "--label", "half")
    path = root / "datasets" / "birds" / "task.toml"
    text = path.read_text()
    path.write_text("\n".join(line for line in text.split("\n") if "timezone" not in line))
    refused = shell(root, "convert", "birds")
    assert refused.code != 0 and "has no time zone" in refused.err
    for wrong in ('timezone = "Mars/Olympus"', 'timezone = "../etc/passwd"'):
        path.write_text(text.replace('timezone = "UTC"', wrong))
        refused = shell(root, "convert", "birds")
        assert refused.code != 0 and "a time zone such as UTC" in refused.err
    path.write_text(text.replace('modality = "text"', 'modality = "text"\ntimezone = "UTC"'))
    assert "timezone only beside" in shell(root, "convert", "birds").err


def test_typed_files_are_proposed_and_read(root: Path) -> None:
    days = [moment(row).date() for row in range(N)]
    local = pa.array([moment(row).replace(tzinfo=None) for row in range(N)], pa.timestamp("ns"))
    table = pa.table(
        {
            "seen": pa.array([moment(row) for row in range(N)], pa.timestamp("us", "Asia/Tokyo")),
            "day": pa.array(days),
            "local": local,
            "half": [["morning", "evening"][row * row % 7 % 2] for row in range(N)],
        }
    )
    pq.write_table(table, root / "typed.parquet")
    done(root, "add", "typed", "--from", str(root / "typed.parquet"), "--label", "half")
    text = (root / "datasets" / "typed" / "task.toml").read_text()
    assert text.count('modality = "datetime"') == 3 and text.count('timezone = "UTC"') == 2
    done(root, "convert", "typed")
    public = root / "datasets" / "typed" / "public"
    names = ["seen", "day", "local"]
    found = pa.concat_tables(
        [read_parquet(public / f"{name}.parquet", names) for name in ("train", "test")]
    )
    assert sorted(found["local"].to_pylist()) == [moment(row) for row in range(N)]
    assert sorted(found["seen"].to_pylist()) == [moment(row) for row in range(N)]
    assert sorted(one.date() for one in found["day"].to_pylist()) == days
