"""The static site: a pure function of the ledger's snapshot and of this version of the product.

Leaf pages are written first and the home page last, so that an interrupted build leaves links that
work. Pages of a submission, a team and a long board are drawn again only when something they show
has changed.
"""

from __future__ import annotations

import gc
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from importlib import resources
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from challenge.board.page_processes import Group, n_processes, write_groups
from challenge.board.pages.public_data import PublicData, public_data
from challenge.board.pages.site_context import File, MarkedPage, SiteContext
from challenge.board.writer import SiteWriter, open_site
from challenge.version import __version__

if TYPE_CHECKING:
    from challenge.board.pages.submission_lines import PublicScores
    from challenge.board.rules.upgrades import Flips
    from challenge.ledger import Ledger
    from challenge.ledger.store.records import Entry
    from challenge.ledger.store.snapshot import Snapshot

__all__ = ["SiteReport", "build_site", "write_site"]

Progress = Callable[[str], None]
_FEW = 0.05
"""Below this share of changed teams each is read alone, instead of streaming the ledger."""
_NO_DATA: Mapping[str, PublicData] = {}
_TOGETHER = 20
"""Teams whose right rows are read with one query."""
_Job = tuple[list[tuple[int, list["Entry"]]], Mapping[int, Sequence["Flips"]]]
"""Teams with their submissions, and the flips of these."""


@dataclass(frozen=True)
class SiteReport:
    """What a build did: files of the site, how many were written, how many stale ones removed."""

    index: Path
    pages: int
    written: int
    removed: int

    def as_json(self) -> dict[str, object]:
        """Return the report as plain values."""
        return {
            "index": str(self.index),
            "pages": self.pages,
            "written": self.written,
            "removed": self.removed,
        }


def build_site(
    ledger: Ledger,
    out: Path,
    *,
    as_of: datetime | None = None,
    banner: str = "",
    progress: Progress | None = None,
) -> SiteReport:
    """Write the site of a ledger, as of `as_of` (default: now), into `out`; `banner` on each page.

    Files are replaced one by one, unchanged ones are not touched, and stale ones are removed at
    the end. Raises MissingRequirement when the folder cannot be written.
    """
    from challenge.ledger import read_snapshot
    from challenge.ledger.contest.attack_record import attack_line
    from challenge.ledger.store import clock

    with _no_collecting():
        notice = None
        if as_of is None:
            notice = attack_line(ledger.challenge, ledger.settings, clock.now())
        snapshot = read_snapshot(ledger, as_of)
        data = public_data(snapshot, ledger.challenge)
        return write_site(snapshot, out, banner=banner, notice=notice, data=data, progress=progress)


def write_site(
    snapshot: Snapshot,
    out: Path,
    *,
    banner: str = "",
    notice: str | None = None,
    data: Mapping[str, PublicData] = _NO_DATA,
    progress: Progress | None = None,
) -> SiteReport:
    """Write the site of one snapshot into `out`; see `build_site`.

    `notice` is a line for the home page, about the attack before the contest opens. `data` is what
    there is to download of each task.
    """
    report = progress or (lambda text: None)
    with _no_collecting(), open_site(out) as writer:
        report("ranking")
        context = replace(read_context(snapshot, banner), notice=notice, data=data)
        for asset in _assets():
            writer.write(asset)
        for task, archive in context.archives():
            writer.copy(context.archive_path(task), archive.path, archive.sha256, archive.n_bytes)
        _write_teams(context, writer, report)
        for file in _boards(context, report):
            writer.write(_drawn_by(context, file) if isinstance(file, MarkedPage) else file)
        writer.finish()
        return SiteReport(out / "index.html", writer.n_files, writer.n_written, writer.n_removed)


@contextmanager
def _no_collecting() -> Iterator[None]:
    """Switch the garbage collector off: it took a sixth of the time of a build."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def read_context(snapshot: Snapshot, banner: str = "") -> SiteContext:
    """Return boards and series of a snapshot: all that the pages show beside submissions."""
    from challenge.board.pages.page_frame import Frame
    from challenge.board.pages.score_plots import N_LINES
    from challenge.board.rules.progress import progress_series, track_progress
    from challenge.board.rules.task_board import task_board
    from challenge.board.rules.track_board import track_board

    tracks = [track.id for track in snapshot.settings.track]
    return SiteContext(
        snapshot=snapshot,
        task_boards={task: task_board(snapshot, task, snapshot.vectors) for task in snapshot.cards},
        track_boards={track: track_board(snapshot, track, snapshot.vectors) for track in tracks},
        progress={track: track_progress(snapshot, track, N_LINES) for track in tracks},
        task_progress={task: progress_series(snapshot, task, N_LINES) for task in snapshot.cards},
        frame=Frame(snapshot.settings, banner),
    )


def _boards(context: SiteContext, report: Progress) -> Iterator[File | MarkedPage]:
    from challenge.board.pages.feed import feed_files
    from challenge.board.pages.home_page import home_files
    from challenge.board.pages.llms_text import llms_files
    from challenge.board.pages.matrix_page import matrix_files
    from challenge.board.pages.rules_text import about_files
    from challenge.board.pages.task_page import task_files
    from challenge.board.pages.track_page import track_files

    for task in context.snapshot.cards:
        report(f"task {task}")
        yield from task_files(context, task)
    yield from matrix_files(context)
    for track in context.settings.track:
        report(f"track {track.id}")
        yield from track_files(context, track.id)
    yield from about_files(context)
    yield from llms_files(context)
    yield from feed_files(context)
    yield from home_files(context)


def _write_teams(context: SiteContext, writer: SiteWriter, report: Progress) -> None:
    from challenge.board.pages.team_page import team_files
    from challenge.board.pages.team_places import team_places
    from challenge.board.rules.upgrades import Upgrades

    snapshot = context.snapshot
    marks = snapshot.team_marks()
    upgrades = Upgrades(snapshot)
    against = upgrades.marks()
    base = _base(context)
    places = team_places(context)
    changed = {}
    for team in snapshot.teams.values():
        own = places.get(team.id, ())
        parts = (base, repr(team), marks.get(team.id, ""), against.get(team.id, ""), repr(own))
        mark = hashlib.sha256(" ".join(parts).encode()).hexdigest()[:16]
        if not writer.holds_group(team.slug, mark):
            changed[team.id] = mark
    public = _public_scores(snapshot) if changed else {}

    def jobs() -> Iterator[_Job]:
        found = _entries(snapshot, changed)
        n = 0
        while some := list(islice(found, _TOGETHER)):
            if n % 100 == 0:
                report(f"teams, {n:,} of {len(changed):,}")
            n += len(some)
            flips = upgrades.of({one.id: one.task for _, entries in some for one, _ in entries})
            yield some, flips

    def draw(job: _Job) -> Iterator[Group]:
        some, flips = job
        for team_id, entries in some:
            team, own = snapshot.teams[team_id], places.get(team_id, ())
            files = team_files(context, team, entries, public, flips, own, base)
            yield team.slug, changed[team_id], files

    write_groups(writer, jobs(), draw, n_processes(len(changed)))


def _entries(snapshot: Snapshot, changed: Mapping[int, str]) -> Iterator[tuple[int, list[Entry]]]:
    """Yield the changed teams with their submissions, those without any at the end."""
    if len(changed) <= _FEW * len(snapshot.teams):
        for team in changed:
            yield team, snapshot.entries_of(team)
        return
    seen = set()
    for team, entries in snapshot.entries():
        seen.add(team)
        if team in changed:
            yield team, entries
    for team in changed:
        if team not in seen:
            yield team, []


def _public_scores(snapshot: Snapshot) -> PublicScores:
    """Return the public scores beside final ones; none where only one subset is shown."""
    if snapshot.closed_at is None or snapshot.public is None:
        return {}
    scores = snapshot.public
    values = zip(scores.value.tolist(), scores.low.tolist(), scores.high.tolist(), strict=True)
    return {
        submission: (_known(value), _known(low), _known(high))
        for submission, (value, low, high) in zip(scores.submission.tolist(), values, strict=True)
    }


def _known(value: float) -> float | None:
    return value if value == value else None


def _base(context: SiteContext) -> str:
    """Return a hash of what all team pages depend on beside their own team."""
    snapshot = context.snapshot
    cards = [
        (task, card.task["title"], card.data_digest, context.decimals(task))
        for task, card in snapshot.cards.items()
    ]
    settings = snapshot.settings.model_dump_json(exclude={"team", "description"})
    closed = str(snapshot.closed_at)
    text = json.dumps([__version__, _product(), settings, cards, closed, context.frame.banner])
    return hashlib.sha256(text.encode()).hexdigest()


def _drawn_by(context: SiteContext, page: MarkedPage) -> MarkedPage:
    """Return the page of a board with a mark that changes with this version of the product."""
    return replace(page, mark=f"{_product()} {context.frame.banner} {page.mark}")


@lru_cache(maxsize=1)
def _product() -> str:
    """Return a hash of the code and templates that draw pages: they may change in a version."""
    digest = hashlib.sha256()
    folder = resources.files("challenge.board")
    for part in ("", "pages", "plots", "templates"):
        for file in sorted((folder / part if part else folder).iterdir(), key=lambda f: f.name):
            if file.name.endswith((".py", ".html")):
                digest.update(file.read_bytes())
    return digest.hexdigest()


def _assets() -> Iterator[File]:
    folder = resources.files("challenge.board") / "assets"
    for file in sorted(folder.iterdir(), key=lambda f: f.name):
        if not file.name.startswith((".", "_")):
            yield f"assets/{file.name}", file.read_bytes()
