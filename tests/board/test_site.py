"""The site as files: whole, linked, the same bytes again, and little written for little news."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path, PurePosixPath

import pytest

from challenge.board.manifest import Stamp
from challenge.board.pages import submission_page
from challenge.board.pages.site_context import SiteContext
from challenge.board.pages.submission_lines import Line
from challenge.board.pages.team_places import TeamPlace
from challenge.board.rules.task_board import task_board
from challenge.board.rules.upgrades import Flips
from challenge.board.site import read_context, write_site
from challenge.board.writer import SiteWriter
from challenge.errors import MissingRequirement
from challenge.ledger.store.records import Team
from challenge.ledger.store.snapshot import Snapshot
from tests.board.showcase import State, showcase, with_one_more

STATES: tuple[State, ...] = ("benchmark", "running", "closed")
EVIL = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "javascript:alert(1)",
    "a|b\nc\td",
    "\u202eevil\u202c",
    "=HYPERLINK(1)",
    "+1",
    "-2",
    "@SUM(A1)",
    "{{ 7 * 7 }}{% raw %}",
    "@@CONTENT@@",
    "long " * 2000,
)


class Page(HTMLParser):
    """Links, ids, tags and attributes of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.ids: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        for name, value in attrs:
            if name in ("href", "src") and value is not None:
                self.links.append(value)
            if name == "id" and value is not None:
                self.ids.append(value)


def files_of(out: Path) -> dict[str, bytes]:
    return {
        path.relative_to(out).as_posix(): path.read_bytes()
        for path in sorted(out.rglob("*"))
        if path.is_file()
    }


def pages_of(out: Path) -> Iterator[tuple[str, str]]:
    for name, data in files_of(out).items():
        if name.endswith(".html"):
            yield name, data.decode()


@pytest.fixture(scope="module", params=STATES)
def built(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp(str(request.param))
    write_site(showcase(request.param, n_teams=5, n_each=2), out)
    return out


def test_every_link_leads_to_a_file_of_the_site(built: Path) -> None:
    files = files_of(built)
    for name, text in pages_of(built):
        page = Page(text)
        for link in page.links:
            path, _, mark = link.partition("#")
            if not path:
                assert mark in page.ids, (name, link)
                continue
            parts: list[str] = []
            for part in (PurePosixPath(name).parent / path).parts:
                if part == "..":
                    assert parts, (name, link)
                    parts.pop()
                else:
                    parts.append(part)
            assert "/".join(parts) in files, (name, link)
            if mark:
                assert mark in Page(files["/".join(parts)].decode()).ids, (name, link)


def test_no_page_asks_anything_from_elsewhere_or_runs_anything_inline(built: Path) -> None:
    for name, text in pages_of(built):
        page = Page(text)
        assert "Content-Security-Policy" in text, name
        assert "unsafe" not in text
        assert "http://" not in text, name
        assert "https://" not in text, name
        assert "style" not in page.tags
        assert not [a for a, _ in page.attributes if a == "style" or a.startswith("on")], name
        assert page.tags.count("script") == 1
        assert len(page.ids) == len(set(page.ids)), name
        assert page.tags.count("h1") == 1, name


def test_each_page_has_a_title_and_a_preview_of_its_own(built: Path) -> None:
    titles = {}
    for name, text in pages_of(built):
        title = re.findall(r"<title>(.*?) · ", text)[0]
        assert f'property="og:title" content="{title}"' in text
        titles[name] = title
    boards = [title for name, title in titles.items() if not name.startswith("submission/")]
    assert len(boards) == len(set(boards))


def test_tables_with_ranks_stand_on_board_pages_only(built: Path) -> None:
    ranked = {name for name, text in pages_of(built) if 'class="rank"' in text}
    assert {name.split("/")[0] for name in ranked} == {"index.html", "task", "track"}


def test_the_same_snapshot_gives_the_same_bytes_and_touches_nothing(tmp_path: Path) -> None:
    first = write_site(showcase(n_teams=4, n_each=2), tmp_path / "a")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "a").rglob("*")}
    again = write_site(showcase(n_teams=4, n_each=2), tmp_path / "a")
    write_site(showcase(n_teams=4, n_each=2), tmp_path / "b")
    assert first.written == first.pages
    assert again.written == 0
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "a").rglob("*")} == before
    assert files_of(tmp_path / "a") == files_of(tmp_path / "b")


def test_the_manifest_tells_what_every_file_holds(tmp_path: Path) -> None:
    write_site(showcase(n_teams=4, n_each=2), tmp_path)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    stamps = dict(
        zip(manifest["paths"], zip(manifest["sha256"], manifest["sizes"], strict=True), strict=True)
    )
    files = files_of(tmp_path)
    del files["manifest.json"]
    assert manifest["whole"] is True
    assert stamps == {
        name: (hashlib.sha256(data).hexdigest(), len(data)) for name, data in files.items()
    }
    _, first, n = manifest["groups"]["team-2"]
    assert "team/team-2/index.html" in manifest["paths"][first : first + n]


@pytest.mark.slow
def test_one_submission_changes_its_team_and_the_boards_only(tmp_path: Path) -> None:
    snapshot = showcase(n_teams=24, n_each=3)
    write_site(snapshot, tmp_path)
    before = files_of(tmp_path)
    report = write_site(with_one_more(snapshot, 7, "patent-class", 0.6), tmp_path)
    after = files_of(tmp_path)
    changed = {name for name in after if after[name] != before.get(name)} - {"manifest.json"}
    assert report.written == len(changed)
    # Pages of other teams show their ranks, and change with these alone.
    others = {name for name in changed if name.startswith("team/") and "/team-7/" not in name}
    assert {name.split("/")[2] for name in others} <= {"index.html"}
    assert len([name for name in changed if name.startswith("submission/")]) == 1
    assert {name.split("/")[1] for name in changed if name.startswith("task/")} == {"patent-class"}
    assert report.written < report.pages / 5
    write_site(with_one_more(snapshot, 7, "patent-class", 0.6), tmp_path / "fresh")
    assert after == files_of(tmp_path / "fresh")


def test_of_a_teams_submissions_only_what_changed_is_drawn_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot = showcase(n_teams=3, n_each=4)
    write_site(snapshot, tmp_path / "site")
    drawn: list[int] = []
    draw = submission_page._submission_html

    def counted(
        context: SiteContext,
        team: Team,
        line: Line,
        flips: Sequence[Flips],
        place: TeamPlace | None,
    ) -> str:
        drawn.append(line.submission.id)
        return draw(context, team, line, flips, place)

    monkeypatch.setattr(submission_page, "_submission_html", counted)
    more = with_one_more(snapshot, 2, "patent-class", 0.1)
    write_site(more, tmp_path / "site")
    assert len(drawn) == 1
    (tmp_path / "site" / f"submission/{drawn[0]}.html").write_text("cut")
    write_site(more, tmp_path / "site")
    assert len(drawn) == 2
    write_site(more, tmp_path / "fresh")
    assert files_of(tmp_path / "site") == files_of(tmp_path / "fresh")


@pytest.mark.slow
def test_a_page_of_a_long_board_is_drawn_again_only_when_a_row_of_it_changed(
    tmp_path: Path,
) -> None:
    snapshot = showcase(n_teams=300, n_each=1)
    task = next(iter(snapshot.cards))
    tenth = task_board(snapshot, task, None).rows[9]
    write_site(snapshot, tmp_path / "site")
    pages = [tmp_path / f"site/task/{task}" / name for name in ("index.html", "page-2.html")]
    before = [page.stat().st_ino for page in pages]
    one_more = with_one_more(snapshot, tenth.team, task, (tenth.value or 0) + 1e-6)
    write_site(one_more, tmp_path / "site")
    first, second = (page.stat().st_ino for page in pages)
    assert (first == before[0], second == before[1]) == (False, True)
    write_site(one_more, tmp_path / "fresh")
    assert files_of(tmp_path / "site") == files_of(tmp_path / "fresh")


def test_stale_files_go_at_the_end(tmp_path: Path) -> None:
    write_site(showcase(n_teams=6, n_each=2), tmp_path)
    report = write_site(showcase(n_teams=4, n_each=2), tmp_path)
    write_site(showcase(n_teams=4, n_each=2), tmp_path / "fresh")
    fresh = files_of(tmp_path / "fresh")
    assert report.removed > 0
    assert {n: d for n, d in files_of(tmp_path).items() if not n.startswith("fresh/")} == fresh


def test_a_damaged_or_missing_page_is_written_again(tmp_path: Path) -> None:
    write_site(showcase(n_teams=4, n_each=2), tmp_path)
    whole = files_of(tmp_path)
    (tmp_path / "submission/3.html").unlink()
    (tmp_path / "team/team-2/index.html").write_text("cut")
    write_site(showcase(n_teams=4, n_each=2), tmp_path)
    assert files_of(tmp_path) == whole


@pytest.mark.parametrize(
    "text",
    [b"\xff{", b"[1]", b'{"format":2,"whole":true}', b'{"format":1,"whole":true,"files":{}}'],
)
def test_a_damaged_manifest_is_written_again_and_nothing_else(tmp_path: Path, text: bytes) -> None:
    write_site(showcase(n_teams=2, n_each=1), tmp_path)
    whole = files_of(tmp_path)
    (tmp_path / "manifest.json").write_bytes(text)
    assert write_site(showcase(n_teams=2, n_each=1), tmp_path).written == 0
    assert files_of(tmp_path) == whole


@pytest.mark.parametrize("survived", [0, 1, 17, 60, 95])
def test_an_interrupted_build_leaves_whole_pages_and_the_next_one_ends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, survived: int
) -> None:
    old, new = showcase(n_teams=4, n_each=2), showcase(n_teams=5, n_each=2, seed=6)
    write_site(old, tmp_path / "old")
    write_site(new, tmp_path / "new")
    write_site(old, tmp_path / "site")
    allowed = {*files_of(tmp_path / "old").items(), *files_of(tmp_path / "new").items()}

    class Killed(BaseException):
        pass

    put = SiteWriter._put
    done: list[str] = []

    def put_until_killed(
        self: SiteWriter, path: str, content: str | bytes, mark: str = ""
    ) -> Stamp:
        if len(done) == survived:
            raise Killed
        done.append(path)
        return put(self, path, content, mark)

    with monkeypatch.context() as patch:
        patch.setattr(SiteWriter, "_put", put_until_killed)
        with pytest.raises(Killed):
            write_site(new, tmp_path / "site")
    for name, data in files_of(tmp_path / "site").items():
        if name != "manifest.json":
            assert (name, data) in allowed
    write_site(new, tmp_path / "site")
    assert files_of(tmp_path / "site") == files_of(tmp_path / "new")


def test_an_unwritable_place_is_said_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(MissingRequirement) as caught:
        write_site(showcase(n_teams=2, n_each=1), tmp_path / "file")
    assert "cannot write the site" in str(caught.value)
    assert "build again" in str(caught.value)


@pytest.fixture(scope="module")
def evil(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("evil")
    write_site(showcase(n_teams=12, n_each=2, names=EVIL, texts=EVIL), out)
    return out


def test_what_users_give_is_text_and_nothing_else(evil: Path) -> None:
    for name, text in pages_of(evil):
        page = Page(text)
        assert page.tags.count("script") == 1, name
        assert not [a for a, _ in page.attributes if a.startswith("on")], name
        assert not [link for link in page.links if link.startswith("javascript:")], name
        assert "\u202e" not in text
        assert "49" not in re.findall(r"<h1>.*?</h1>", text)[0]
        assert "long " * 150 not in text
        assert page.tags.count("main") == 1, name


def test_cells_that_a_spreadsheet_would_run_are_defused(evil: Path) -> None:
    seen = set()
    for name, data in files_of(evil).items():
        if not name.endswith(".csv"):
            continue
        for row in csv.reader(io.StringIO(data.decode())):
            for cell in row:
                if cell[:1] in ("=", "+", "-", "@", "\t", "\r"):
                    float(cell)  # a number may begin with a minus
                seen.add(cell)
    assert {"'=HYPERLINK(1)", "'+1", "'-2", "'@SUM(A1)"} <= seen


def test_the_exports_say_what_the_boards_say(tmp_path: Path) -> None:
    snapshot = showcase(n_teams=5, n_each=2)
    write_site(snapshot, tmp_path)
    context = read_context(snapshot)
    for task, board in context.task_boards.items():
        export = json.loads((tmp_path / f"task/{task}/board.json").read_text())
        assert export == board.as_json()
        rows = list(csv.DictReader((tmp_path / f"task/{task}/board.csv").open(newline="")))
        assert [row["team"] for row in rows] == [row.team_name for row in board.rows]
        assert [float(row["value"]) for row in rows] == [row.value for row in board.rows]


@pytest.mark.slow
def test_a_long_board_is_paged_and_none_falls_off(tmp_path: Path) -> None:
    snapshot = showcase(n_teams=520, n_each=1)
    write_site(snapshot, tmp_path)
    folder = tmp_path / "track/classification"
    names = [
        slug
        for number in (1, 2, 3)
        for slug in re.findall(
            r'class="team" href="../../team/([^/]+)/',
            (folder / ("index.html" if number == 1 else f"page-{number}.html")).read_text(),
        )
    ]
    assert len(names) == len(set(names)) == len(snapshot.teams)
    assert not (folder / "page-4.html").exists()


def test_the_home_page_counts_the_tasks_outside_the_tracks(tmp_path: Path) -> None:
    full = showcase(n_teams=2, n_each=1)
    write_site(full, tmp_path / "all")
    assert "5 <small>in 2 tracks" in (tmp_path / "all/index.html").read_text()
    first, second = full.settings.track
    shorter = second.model_copy(update={"tasks": second.tasks[:-1]})
    settings = full.settings.model_copy(update={"track": [first, shorter]})
    write_site(replace(full, settings=settings), tmp_path / "some")
    page = (tmp_path / "some/index.html").read_text()
    assert "5 <small>4 of them in 2 tracks" in page


def test_an_empty_ledger_has_a_site_too(tmp_path: Path) -> None:
    full = showcase(n_teams=2, n_each=1)
    source = replace(full.source, entered=(), scores={}, drawn={})  # type: ignore[type-var]
    primary = replace(
        full.primary,
        **{
            name: getattr(full.primary, name)[:0]
            for name in ("submission", "team", "task", "value", "low", "high", "at")
        },
    )
    empty: Snapshot = replace(full, at=None, teams={}, primary=primary, source=source)
    write_site(empty, tmp_path)
    assert "No scored entry yet" in (tmp_path / "index.html").read_text()
    without_cards = replace(
        empty, cards={}, settings=empty.settings.model_copy(update={"track": []})
    )
    write_site(without_cards, tmp_path)
    assert not (tmp_path / "task").exists()


@pytest.mark.parametrize("state", STATES)
def test_nobody_learns_whose_predictions_are_identical(tmp_path: Path, state: State) -> None:
    snapshot = showcase(state, n_teams=3, n_each=1)
    write_site(snapshot, tmp_path)
    digests = [one.sha256 for one in snapshot.submissions()]
    shown = any(
        digest.encode() in data for data in files_of(tmp_path).values() for digest in digests
    )
    assert shown == (state == "benchmark")


def test_a_contest_that_runs_shows_no_private_figure(tmp_path: Path) -> None:
    snapshot = showcase("running", n_teams=4, n_each=2)
    write_site(snapshot, tmp_path)
    private = {
        repr(score.value)
        for one in snapshot.submissions()
        if not one.baseline and (score := snapshot.score(one.id, "private")) is not None
    }
    everything = b"".join(files_of(tmp_path).values()).decode(errors="replace")
    assert private
    assert not [value for value in private if value in everything]
