"""The commands of a participant against a real server: the same words, answers and exit codes."""

from __future__ import annotations

import http.server
import io
import json
import stat
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from challenge.client.connection import Server
from challenge.client.downloads import download_task
from challenge.errors import MissingRequirement
from challenge.task.export import export_task
from tests.cli.shell import Answer, refused, shell
from tests.ledger.toy import write_labels
from tests.server.live import Live, contest_toml, live_server

# Its tests share a running server, so one worker runs them, in this order.
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("client")]


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live_server(tmp_path_factory.mktemp("client"), contest_toml(per_day=4)) as server:
        yield server


@pytest.fixture
def folder(live: Live, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A participant's folder, after login and download."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("CHALLENGE_TOKEN", raising=False)
    work = tmp_path / "work"
    monkeypatch.setattr(sys, "stdin", io.StringIO(live.tokens["Owls"] + "\n"))
    assert shell(work, "login", live.url).code == 0
    assert shell(work, "download", "toy").code == 0
    return work


def submit(folder: Path, file: Path, *options: str) -> Answer:
    return shell(folder, "submit", "toy", str(file), "--method", "TF-IDF é", *options)


def test_login_keeps_the_token_for_this_user_alone(live: Live, folder: Path) -> None:
    kept = folder.parent / "config" / "challenge" / "tokens.json"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert json.loads(kept.read_text()) == {live.url: live.tokens["Owls"]}
    assert live.tokens["Owls"] not in "".join(
        path.read_text() for path in folder.rglob("*") if path.suffix in (".toml", ".json")
    )


def test_login_refuses_what_it_cannot_use(
    live: Live, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHALLENGE_TOKEN", "chl_wrong")
    refused(shell(tmp_path, "login", live.url), 3, "unknown, expired or revoked")
    refused(shell(tmp_path, "login", "ftp://x"), 2, "https://challenge.example.org")
    refused(shell(live.challenge.root, "login", live.url), 3, "token")
    monkeypatch.setenv("CHALLENGE_TOKEN", live.tokens["Owls"])
    refused(shell(live.challenge.root, "login", live.url), 2, "a challenge directory of its own")
    assert not (tmp_path / "challenge.toml").exists()


def test_a_task_is_downloaded_where_check_and_show_find_it(live: Live, folder: Path) -> None:
    public = folder / "datasets" / "toy" / "public"
    assert {path.name for path in public.iterdir()} == {
        path.name for path in live.task.public.iterdir()
    }
    good = live.file(280)
    assert "no faults" in shell(folder, "check", "toy", str(good)).out
    assert "[toy, classification]" in shell(folder, "show", "toy").out
    assert shell(folder, "tasks", "--json").json()["tasks"][0]["n_test"] == 800
    assert shell(folder, "download", "--all", "--json").json()["tasks"][0]["id"] == "toy"
    refused(shell(folder, "download", "toyy"), 2, "did you mean 'toy'?")
    refused(shell(folder, "download", ".."), 2, "the id of a task")


def test_the_whole_way_of_a_submission(live: Live, folder: Path) -> None:
    first = submit(folder, live.file(300), "--note", "n", "--json").json()
    assert (first["team"], first["submission"]["method"]) == ("Owls", "TF-IDF é")
    assert (first["quota_left"], first["rank"]) == (3, "1 of 1")
    again = submit(folder, live.file(300), "--json").json()
    assert {**again, "arrived": 0} == {**first, "arrived": 0}
    number = str(first["submission"]["id"])
    assert shell(folder, "select", number).out == f"selected now: {number}\n"
    assert "none" in shell(folder, "select", number, "--undo").out
    rows = shell(folder, "submissions", "--json").json()
    own = shell(live.challenge.root, "submissions", "--json", now="").json()
    assert rows == own
    local = shell(live.challenge.root, "submissions", now="").out
    assert shell(folder, "submissions").out == local
    board = shell(folder, "leaderboard")
    assert "Owls" in board.out and board.code == 0
    refused(shell(folder, "leaderboard", "--as-of", "2026-01-01"), 2, "organiser")
    assert shell(folder, "withdraw", number, "--yes").out == (
        f"submission {number} on toy is withdrawn\n"
    )
    refused(shell(folder, "withdraw", number, "--yes"), 1, "already withdrawn")
    refused(shell(folder, "select", "999"), 2, "999")
    refused(submit(folder, live.file(300), "--team", "Cats"), 2, "the team of the token, 'Owls'")


def test_commands_of_the_organiser_make_no_second_ledger(live: Live, folder: Path) -> None:
    for words in (("collect",), ("similar",), ("run", "majority", "--all", "--submit")):
        refused(shell(folder, *words), 2, "belongs to a server")
    assert not (folder / "submissions").exists()


def test_faults_are_found_here_and_cost_nothing(live: Live, folder: Path) -> None:
    bad = write_labels(live.task, folder / "bad.csv", ["cow"] * 800)
    refused(submit(folder, bad), 1, "not classes of the task")
    assert "sending" not in submit(folder, bad).err
    refused(submit(folder, folder / "none.csv"), 1, "no such file")


def test_a_server_is_named_by_its_url_alone(
    live: Live, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHALLENGE_TOKEN", live.tokens["Cats"])
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    options = ("--server", live.url)
    done = shell(tmp_path, *options, "submit", "toy", str(live.file(290)), "--method", "m")
    assert done.code == 0 and "of Cats" in done.out
    assert "the server alone checks" in done.err
    assert "[toy, classification]" in shell(tmp_path, *options, "show", "toy").out
    assert shell(tmp_path, *options, "download", "toy").code == 0
    monkeypatch.delenv("CHALLENGE_TOKEN")
    refused(shell(tmp_path, *options, "tasks"), 3, "challenge login")


def test_quota_is_a_fault_as_locally(live: Live, folder: Path) -> None:
    for hits in range(310, 320):
        answer = submit(folder, live.file(hits))
        if answer.code:
            break
    refused(answer, 1, "today")
    assert "submit it after" in answer.err


def test_a_server_that_is_not_there_is_a_lack_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("challenge.client.connection._TRIES", 1)
    monkeypatch.setenv("CHALLENGE_TOKEN", "x")
    answer = shell(tmp_path, "--server", "http://127.0.0.1:9", "tasks")
    refused(answer, 3, "no answer")


class _Cutting(http.server.BaseHTTPRequestHandler):
    """Sends an archive in pieces: each answer is cut after some bytes; `wrong` changes a byte."""

    archive = b""
    digest = ""
    wrong = False

    def do_GET(self) -> None:
        start = int(self.headers.get("Range", "bytes=0-")[6:-1])
        rest = self.archive[start:]
        self.send_response(206 if start else 200)
        self.send_header("ETag", '"e"')
        self.send_header("Repr-Digest", self.digest)
        self.send_header("Content-Length", str(len(rest)))
        self.end_headers()
        piece = rest[: len(self.archive) // 3 + 1]
        self.wfile.write(b"X" + piece[1:] if self.wrong and start else piece)
        self.close_connection = True

    def log_message(self, *arguments: object) -> None:
        """Be silent."""


@pytest.mark.parametrize("wrong", [False, True])
def test_a_cut_download_is_resumed_and_a_changed_one_is_refused(
    live: Live, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: bool
) -> None:
    import base64

    monkeypatch.setattr("challenge.client.downloads.time.sleep", lambda seconds: None)
    sha256 = bytes.fromhex(export_task(live.task, tmp_path / "toy.zip"))
    _Cutting.archive = (tmp_path / "toy.zip").read_bytes()
    _Cutting.digest = f"sha-256=:{base64.b64encode(sha256).decode()}:"
    _Cutting.wrong = wrong
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Cutting) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        remote = Server(f"http://127.0.0.1:{server.server_port}", "t")
        try:
            if wrong:
                with pytest.raises(MissingRequirement, match="other bytes"):
                    download_task(remote, tmp_path / "w", "toy")
                assert not (tmp_path / "w" / "datasets" / "toy" / "public").exists()
            else:
                assert download_task(remote, tmp_path / "w", "toy").n_test == 800
        finally:
            server.shutdown()
