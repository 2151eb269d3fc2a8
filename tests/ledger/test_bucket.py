"""Predictions in a bucket: every operation works from a host that has none of the files."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from challenge.errors import LedgerError, MissingRequirement
from challenge.ledger import (
    Ledger,
    close,
    compare,
    open_ledger,
    read_snapshot,
    rescore,
    submit,
    withdraw,
)
from challenge.ledger.contest.rehearsal import rehearse
from challenge.ledger.store.backup import backup, restore
from challenge.ledger.store.bucket import open_bucket
from challenge.ledger.store.integrity import verify
from challenge.scoring import Comparison
from challenge.task import Challenge
from tests.bucket import BUCKET, BucketServer, bucket_server
from tests.ledger.toy import BENCHMARK, CONTEST, make_challenge, write_hits
from tests.server.live import free_port


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BucketServer]:
    with bucket_server(tmp_path_factory.mktemp("bucket")) as running:
        yield running


@pytest.fixture
def bucket(server: BucketServer) -> BucketServer:
    """Give the bucket without any object."""
    client = server.client()
    if not client.exists(BUCKET):
        client.call_s3("create_bucket", Bucket=BUCKET)
    if found := client.find(BUCKET):
        client.rm(found)
    return server


def two_hosts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, toml: str = BENCHMARK
) -> tuple[Ledger, Ledger]:
    """Return the ledger as two hosts see it, which share the database and no folder."""
    first = make_challenge(tmp_path / "first", toml)
    shutil.copytree(first.root, tmp_path / "second")
    monkeypatch.setenv("CHALLENGE_LEDGER", f"sqlite:///{tmp_path}/ledger.db")
    return open_ledger(first), open_ledger(Challenge(tmp_path / "second"))


def hand_in(ledger: Ledger, tmp_path: Path, hits: int, team: str = "Ada") -> str:
    task = ledger.challenge.task("toy")
    path = write_hits(task, tmp_path / f"{hits}.csv", hits)
    return submit(ledger, task, path, team=team, method="m").submission.sha256


@pytest.mark.slow
def test_a_host_without_any_file_has_every_operation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bucket: BucketServer
) -> None:
    first, second = two_hosts(tmp_path, monkeypatch)
    hashes = [hand_in(first, tmp_path, hits, team) for hits, team in ((30, "Ada"), (40, "Bob"))]
    assert bucket.names() == {f"predictions/{one[:2]}/{one}.parquet" for one in hashes}
    assert hand_in(second, tmp_path, 30) == hashes[0]
    shutil.rmtree(second.files.folder)
    report = verify(second)
    assert (report.faults, report.n_files, report.n_spare) == ((), 2, 0)
    assert isinstance(compare(second, 1, 2), Comparison)
    assert second.files.path(hashes[0]).read_bytes() == first.files.path(hashes[0]).read_bytes()
    # Copies that are damaged or gone are made again.
    second.files.path(hashes[0]).write_bytes(b"x")
    shutil.rmtree(second.files.path(hashes[1]).parent)
    with monkeypatch.context() as patch:
        patch.setattr("challenge.scoring.score.SCORER_VERSION", 999)
        done = rescore(second)[0]
    assert (done.n_submissions, done.unscorable) == (2, {})
    assert withdraw(second, 2).withdrawn
    shutil.rmtree(second.files.folder)
    backup(second, tmp_path / "b.zip")
    # The archive brings everything back into an empty bucket.
    client = bucket.client()
    client.rm(client.find(BUCKET))
    monkeypatch.setenv("CHALLENGE_LEDGER", f"sqlite:///{tmp_path}/other.db")
    shutil.copytree(tmp_path / "second" / "datasets", tmp_path / "other" / "datasets")
    other = Challenge(tmp_path / "other")
    restore(tmp_path / "b.zip", other)
    assert len(bucket.names()) == 2
    assert verify(open_ledger(other)).faults == ()


@pytest.mark.slow
def test_a_contest_is_closed_by_a_host_without_any_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bucket: BucketServer
) -> None:
    monkeypatch.setenv("CHALLENGE_NOW", "2026-01-05T12:00:00Z")
    first, second = two_hosts(tmp_path, monkeypatch, CONTEST.format(per_day=5))
    hand_in(first, tmp_path, 30)
    assert rehearse(second).report.n_finals == 1
    monkeypatch.setenv("CHALLENGE_NOW", "2026-02-01T00:00:00Z")
    shutil.rmtree(second.files.folder)
    assert close(second).n_finals == 1


@pytest.mark.slow
def test_damage_in_the_bucket_is_found_and_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bucket: BucketServer
) -> None:
    first, second = two_hosts(tmp_path, monkeypatch)
    hashes = [hand_in(first, tmp_path, hits) for hits in (30, 40)]
    names = [f"{BUCKET}/predictions/{one[:2]}/{one}.parquet" for one in hashes]
    bucket.client().rm_file(names[0])
    bucket.client().pipe_file(names[1], b"other content")
    # Also where whole copies are left.
    for ledger in (first, second):
        assert {(fault.code, fault.where, fault.first) for fault in verify(ledger).faults} == {
            ("predictions-missing", f"s3://{names[0]}", ("submission 1",)),
            ("predictions-damaged", f"s3://{names[1]}", ("submission 2",)),
        }
    for sha256, code in zip(hashes, ("predictions-missing", "predictions-damaged"), strict=True):
        with pytest.raises(LedgerError, match="challenge verify") as caught:
            second.files.open_path(sha256)
        assert caught.value.faults[0].code == code
    assert list(second.files.folder.rglob("*.*")) == [], "nothing half done"
    with pytest.raises(LedgerError, match="missing"):
        backup(second, tmp_path / "b.zip")
    # The same file, handed in again by another team, mends it.
    assert hand_in(first, tmp_path, 40, "Bob") == hashes[1]
    assert [fault.code for fault in verify(second).faults] == ["predictions-missing"]


@pytest.mark.slow
def test_a_lost_bucket_is_told_and_nothing_is_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bucket: BucketServer
) -> None:
    first, second = two_hosts(tmp_path, monkeypatch)
    hand_in(first, tmp_path, 30)
    monkeypatch.setenv("CHALLENGE_BUCKET", "s3://gone/folder")
    lost = open_ledger(first.challenge)
    calls: tuple[Callable[[], object], ...] = (
        lambda: hand_in(lost, tmp_path, 40),
        lambda: verify(lost),
        lambda: backup(lost, tmp_path / "b.zip"),
        lambda: rescore(lost),
    )
    for call in calls:
        with pytest.raises(LedgerError) as caught:
            call()
        fault = caught.value.faults[0]
        assert (fault.code, fault.where) == ("bucket", "s3://gone/folder")
        assert "bucket does not exist" in fault.found and "CHALLENGE_BUCKET" in fault.fix
    assert len(read_snapshot(first).primary) == 1 and not list(tmp_path.glob("*.zip"))
    # No server at all at that address.
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("CHALLENGE_BUCKET", f"s3://{BUCKET}")
    with pytest.raises(LedgerError, match="Could not connect") as caught:
        hand_in(open_ledger(first.challenge), tmp_path, 40)
    assert caught.value.exit_code == 3
    assert not list(first.files.folder.glob(".staged-*"))
    hand_in(first, tmp_path, 40)
    assert len(bucket.names()) == 2, "the bucket is there again"
    assert second.files.missing([]) == []


@pytest.mark.parametrize("url", ["predictions", "s3://", "file:///tmp/x", "s3://a b/c", "s3://ab/"])
def test_another_url_is_refused(url: str) -> None:
    with pytest.raises(LedgerError, match="s3://bucket") as caught:
        open_bucket(url)
    assert caught.value.faults[0].code == "bucket-url"


def test_no_url_is_no_bucket_and_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert open_bucket(None) is None and open_bucket("") is None
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingRequirement, match=r"multimodal-challenge\[s3\]"):
        open_bucket("s3://bucket/folder")
