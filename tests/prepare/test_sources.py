"""Sources: pinned, checked, cached; the missing client is named."""

from __future__ import annotations

import hashlib
import io
import shutil
import subprocess
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from challenge.errors import MissingRequirement, TaskError
from challenge.prepare.sources.fetch import cache_folder, fetch, fingerprint, raw_folder
from challenge.task.definition import Raw, Source, TaskDefinition

CONTENT = b"a,b\n1,2\n" * 50_000


def zip_bytes(name: str, data: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, data)
    return buffer.getvalue()


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def definition(*source: Source) -> TaskDefinition:
    return TaskDefinition.model_validate(
        {
            "format": 1,
            "id": "toy",
            "kind": "classification",
            "title": "Toy",
            "metric": "accuracy",
            "source": [one.model_dump(exclude_defaults=True) for one in source],
            "raw": {"format": "table", "file": "x.csv"},
            "columns": {"a": {"modality": "text"}},
        }
    )


class Handler(BaseHTTPRequestHandler):
    """Serves CONTENT; honours ranges; breaks off once after half when asked to."""

    ranges: list[str | None] = []
    break_off = False

    def do_GET(self) -> None:
        asked = self.headers.get("Range")
        type(self).ranges.append(asked)
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0
        if start >= len(CONTENT):
            self.send_error(416)
            return
        body = CONTENT[start:]
        self.send_response(206 if asked else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if type(self).break_off:
            type(self).break_off = False
            body = body[: len(body) // 2]
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        return


@pytest.fixture
def server() -> Iterator[str]:
    Handler.ranges, Handler.break_off = [], False
    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=http.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{http.server_address[1]}/table.csv"
    http.shutdown()
    http.server_close()


def test_a_url_is_fetched_once_and_kept_under_its_sha256(server: str, tmp_path: Path) -> None:
    source = Source(url=server, sha256=sha(CONTENT))
    first = fetch(source, tmp_path, tmp_path)
    assert first.read_bytes() == CONTENT
    assert first.parent.name == sha(CONTENT)
    assert fetch(source, tmp_path, tmp_path) == first
    assert len(Handler.ranges) == 1


def test_a_broken_download_resumes_where_it_stopped(server: str, tmp_path: Path) -> None:
    source = Source(url=server, sha256=sha(CONTENT))
    Handler.break_off = True
    with pytest.raises(TaskError, match="it resumes"):
        fetch(source, tmp_path, tmp_path)
    assert fetch(source, tmp_path, tmp_path).read_bytes() == CONTENT
    assert Handler.ranges[0] is None
    assert Handler.ranges[1] is not None


def test_another_sha256_is_refused_and_nothing_is_kept(server: str, tmp_path: Path) -> None:
    source = Source(url=server, sha256=sha(b"other"))
    with pytest.raises(TaskError, match=f"has sha256 {sha(CONTENT)}") as caught:
        fetch(source, tmp_path, tmp_path)
    assert caught.value.faults[0].code == "source-sha256"
    assert "nothing was unpacked" in str(caught.value)
    assert not (tmp_path / "raw").exists()
    assert not (tmp_path / "downloads" / sha(b"other")).exists()


def test_a_local_archive_with_a_wrong_sha256_is_not_unpacked(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(zip_bytes("x", b"1"))
    with pytest.raises(TaskError, match="sha256"):
        raw_folder(definition(Source(path="a.zip", sha256=sha(b""))), tmp_path / "c", tmp_path)
    assert not (tmp_path / "c").exists()


def test_a_local_folder_and_a_local_file_are_read_where_they_lie(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "x.csv").write_bytes(CONTENT)
    cache = tmp_path / "cache"
    assert raw_folder(definition(Source(path="data")), cache, tmp_path) == tmp_path / "data"
    assert raw_folder(definition(Source(path="data/x.csv")), cache, tmp_path) == tmp_path / "data"


def test_a_missing_path_is_named(tmp_path: Path) -> None:
    with pytest.raises(TaskError, match="no such file or folder"):
        fetch(Source(path="nowhere.csv"), tmp_path, tmp_path)


def test_several_sources_become_numbered_subfolders(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(zip_bytes("x.csv", CONTENT))
    (tmp_path / "b.whl").write_bytes(zip_bytes("y.csv", b"1"))
    task = definition(Source(path="a.zip"), Source(path="b.whl", unpack=("*.csv",)))
    for _ in range(2):
        raw = raw_folder(task, tmp_path / "cache", tmp_path)
        assert (raw / "0" / "x.csv").read_bytes() == CONTENT
        assert (raw / "1" / "y.csv").read_bytes() == b"1"


@pytest.mark.parametrize(
    "name", ["no-version", "--global==1", "git+ssh://x==1 ; rm", "a==1 --x", "a == 1"]
)
def test_a_package_without_an_exact_version_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(TaskError) as caught:
        fetch(Source(npm=name, sha256=sha(b"")), tmp_path, tmp_path)
    assert caught.value.faults[0].code == "source-unpinned"


def test_a_missing_client_is_named_with_the_tasks_that_do_not_need_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in {
        "icons": '[[source]]\nnpm = "a==1"',
        "patents": '[[source]]\npypi = "b==1"',
        "broken": "not toml",
    }.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "task.toml").write_text(text)
    monkeypatch.setattr(shutil, "which", lambda client: None)
    with pytest.raises(MissingRequirement) as caught:
        fetch(Source(npm="a==1", sha256=sha(b"")), tmp_path / "cache", tmp_path / "icons")
    assert "no `npm` on this machine" in str(caught.value)
    assert "these tasks do not need it: patents" in str(caught.value)
    assert caught.value.exit_code == 3


def test_a_client_that_fails_tells_its_own_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(command, 100, "", "noise\nE: Version '9' was not found")

    monkeypatch.setattr(subprocess, "run", fail)
    monkeypatch.setattr(shutil, "which", lambda client: f"/usr/bin/{client}")
    with pytest.raises(TaskError, match="E: Version '9' was not found") as caught:
        fetch(Source(apt="a==9", sha256=sha(b"")), tmp_path, tmp_path)
    assert "apt-get update" in str(caught.value)


def test_pip_is_given_the_hash_before_it_may_run_a_source_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []

    def run(command: list[str], cwd: Path, **_: object) -> subprocess.CompletedProcess[str]:
        seen.extend([*command, (cwd / "pin.txt").read_text()])
        (cwd / "a-1.tar.gz").write_bytes(CONTENT)
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(subprocess, "run", run)
    file = fetch(Source(pypi="a==1", sha256=sha(CONTENT)), tmp_path, tmp_path)
    assert file.name == "a-1.tar.gz"
    assert "--require-hashes" in seen
    assert seen[-1] == f"a==1 --hash=sha256:{sha(CONTENT)}\n"


def test_a_fingerprint_follows_local_files(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_bytes(CONTENT)
    task = definition(Source(path="x.csv"))
    before = fingerprint(task, tmp_path)
    assert fingerprint(task, tmp_path) == before
    (tmp_path / "x.csv").write_bytes(CONTENT + b"3,4\n")
    assert fingerprint(task, tmp_path) != before


def test_a_fingerprint_of_the_task_folder_leaves_out_what_builds_write(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_bytes(CONTENT)
    task = definition(Source(path="."))
    before = fingerprint(task, tmp_path)
    for name in ("public/images/a.png", "private/secret", "cache/x", "__pycache__/convert.pyc"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_bytes(b"x")
    assert fingerprint(task, tmp_path) == before
    (tmp_path / "x.csv").write_bytes(CONTENT + b"3,4\n")
    assert fingerprint(task, tmp_path) != before


@pytest.mark.parametrize(
    ("raw", "read", "beside"),
    [
        ({"format": "table", "file": "x.csv"}, "x.csv", "y.csv"),
        ({"format": "table", "file": "x.csv", "images": "p"}, "p/a/1.png", "q/1.png"),
        ({"format": "deepmatcher", "file": "x.csv"}, "tableB.csv", "tableC.csv"),
        (
            {"format": "deepmatcher", "file": "x.csv", "options": {"tableA": "in/shops"}},
            "in/shops.csv",
            "in/towns.csv",
        ),
        ({"format": "table"}, "y.csv", None),
        ({"convert": "convert.py"}, "y.csv", None),
    ],
)
def test_only_what_a_converter_reads_is_a_source(
    raw: dict[str, Any], read: str, beside: str | None, tmp_path: Path
) -> None:
    (tmp_path / "x.csv").write_bytes(CONTENT)
    task = definition(Source(path=".")).model_copy(update={"raw": Raw(**raw)})
    before = fingerprint(task, tmp_path)
    for name, counts in ((beside, False), (read, True)):
        if name is not None:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_bytes(CONTENT)
            assert (fingerprint(task, tmp_path) != before) == counts


def test_the_cache_lies_in_the_challenge_unless_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CHALLENGE_CACHE", raising=False)
    assert cache_folder(tmp_path) == tmp_path / ".cache"
    monkeypatch.setenv("CHALLENGE_CACHE", "/elsewhere")
    assert cache_folder(tmp_path) == Path("/elsewhere")
