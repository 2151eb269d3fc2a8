"""Before the close nothing about the private subset is in what the ledger says or stores."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from challenge.ledger import history, open_ledger, read_snapshot
from challenge.ledger.contest.rehearsal import rehearse
from challenge.ledger.inbox.collector import collect
from tests.ledger.toy import CONTEST, make_challenge, subsets_of, truth_of, write_labels


@pytest.mark.slow
def test_files_that_differ_in_private_rows_only_get_the_same_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two worlds that differ in the private labels answer every call with the same bytes."""
    monkeypatch.setenv("CHALLENGE_NOW", "2026-01-05T12:00:00Z")
    answers = []
    for world in (0, 1):
        challenge = make_challenge(tmp_path / f"c{world}", CONTEST.format(per_day=50), n=800)
        task = challenge.task("toy")
        truth, subsets = truth_of(task), subsets_of(task)
        if world == 1:
            truth = _other_private_labels(task.private / "solution.parquet")
        ledger = open_ledger(challenge)
        dice = np.random.default_rng(3)
        place = challenge.inbox / "Ada" / "toy"
        place.mkdir(parents=True)
        said: list[object] = []
        for number in range(12):
            base = truth_of(task) if world == 0 else truth
            labels = [
                label if subset == "public" and dice.random() < 0.3 + number / 20 else "cat"
                for label, subset in zip(base, subsets, strict=True)
            ]
            write_labels(task, place / f"{number}.csv", labels)
        collect(ledger, settle_s=0)
        said.extend(_receipt(path) for path in sorted(place.glob("*.receipt.*")))
        said.extend(row.as_json() for row in history(ledger))
        snapshot = read_snapshot(ledger)
        said.append(snapshot.primary.value.tolist())
        said.append([snapshot.baseline_scores, snapshot.steps])
        said.append([score and score.as_json() for _, score in snapshot.entries_of(1)])
        said.append(rehearse(ledger, seed=1).as_json())
        text = json.dumps(said, default=str)
        assert "private" not in text
        answers.append(_without_paths(text, challenge.root))
        with ledger.store.reading() as connection:
            for table in ("scores", "baseline_scores"):
                subsets_stored = connection.exec_driver_sql(f"SELECT DISTINCT subset FROM {table}")
                assert subsets_stored.scalars().all() == ["public"]
        assert not list((challenge.datasets / "toy" / "private").glob("clusters-private*"))
    assert answers[0] == answers[1]


def _other_private_labels(path: Path) -> list[str]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(path)
    labels = [
        {"bird": "cat", "cat": "dog", "dog": "bird"}[label] if subset == "private" else label
        for label, subset in zip(
            table.column("label").to_pylist(), table.column("subset").to_pylist(), strict=True
        )
    ]
    place = table.schema.get_field_index("label")
    pq.write_table(table.set_column(place, "label", pa.array(labels)), path)
    return labels


def _receipt(path: Path) -> object:
    """Return a receipt without size, time and number of the file in the inbox."""
    if path.suffix != ".json":
        return path.read_text()
    document = json.loads(path.read_text())
    assert len(document.pop("mark")) == 3
    return document


def _without_paths(text: str, root: Path) -> str:
    return text.replace(str(root), "")
