"""Identical predictions are known by their values, whatever wrote the file, in old ledgers too."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from challenge.errors import LedgerError
from challenge.ledger import open_ledger, similar_pairs, submit
from challenge.ledger.store import schema
from challenge.ledger.store.integrity import verify
from challenge.scoring import content_digest, read_predictions
from challenge.scoring.reading import canonical
from challenge.task import Task, sha256_of_file
from tests.ledger.toy import make_challenge, write_hits


def another_writer(predictions: object, task: Task, path: Path) -> str:
    """Write the canonical table as another version of the library would: with other bytes."""
    write(predictions, task, path)  # type: ignore[arg-type]
    pq.write_table(pq.read_table(path), path, compression="gzip")
    return sha256_of_file(path)


write = canonical.write_predictions


def test_predictions_are_identical_under_another_version_of_the_parquet_library(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    challenge = make_challenge(tmp_path / "c")
    ledger, task = open_ledger(challenge), challenge.task("toy")
    path = write_hits(task, tmp_path / "a.csv", 45)
    first = submit(ledger, task, path, team="Ada", method="one")
    monkeypatch.setattr(canonical, "write_predictions", another_writer)
    assert submit(ledger, task, path, team="Ada", method="two").identical_to == first.submission.id
    other = submit(ledger, task, path, team="Bob", method="one").submission
    assert other.sha256 != first.submission.sha256
    (pair,) = similar_pairs(ledger)
    assert (pair.identical, pair.a, pair.b) == (True, first.submission.id, other.id)
    changed = write_hits(task, tmp_path / "b.csv", 46)
    assert submit(ledger, task, changed, team="Ada", method="three").identical_to is None
    assert verify(ledger).faults == ()


def test_the_digest_of_values_stays_over_all_versions(tmp_path: Path) -> None:
    challenge = make_challenge(tmp_path / "c", n=4)
    task = challenge.task("toy")
    ids = pq.read_table(task.public / "test.parquet").column("id").to_pylist()
    file = tmp_path / "a.csv"
    file.write_text("id,label\n" + "".join(f"{key},cat\n" for key in ids))
    parts = [b"id", b"string", (17).to_bytes(4, "little") * 4, "".join(ids).encode()]
    parts += [b"label", b"string", (3).to_bytes(4, "little") * 4, b"catcatcatcat"]
    by_hand = hashlib.sha256(b"".join(len(p).to_bytes(8, "little") + p for p in parts))
    assert content_digest(read_predictions(task, file), task) == by_hand.hexdigest()


@pytest.mark.parametrize("change", [-2, 1])
def test_a_ledger_of_another_format_is_refused(tmp_path: Path, change: int) -> None:
    challenge = make_challenge(tmp_path / "c")
    with open_ledger(challenge).store.writing() as connection:
        connection.execute(schema.facts.update().values(value=str(schema.LEDGER_FORMAT + change)))
    with pytest.raises(LedgerError, match=f"a ledger of format {schema.LEDGER_FORMAT + change}"):
        open_ledger(challenge)
