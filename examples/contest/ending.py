"""The end of the contest: the rehearsal, late teams, the close, past boards, a backup."""

from __future__ import annotations

import re
from datetime import timedelta

from contest import CLOSES, Contest, hashes_of
from stage import Stage

from challenge.scoring import read_predictions, score_predictions
from challenge.task import Challenge

__all__ = ["close", "come_late", "keep", "look_back", "rehearse"]


def rehearse(contest: Contest) -> None:
    """Rehearse the close on simulated labels; nothing may change."""
    stage = contest.stage
    contest.build_site("before-rehearsal")
    first = stage.run("close", "--dry-run", "--seed", "7", says="rehearsal on simulated labels").out
    again = stage.run("close", "--dry-run", "--seed", "7").out
    other = stage.run("close", "--dry-run", "--seed", "8").out
    stage.hold("a rehearsal depends on its seed alone", first == again and first != other)
    contest.build_site("after-rehearsal")
    stage.hold(
        "a rehearsal changes no page",
        contest.sites["before-rehearsal"][1] == contest.sites["after-rehearsal"][1],
    )
    refused = stage.run("close", code=1, says="wait")
    stage.hold("an hour before the end the close is refused", not refused.out)


def come_late(contest: Contest) -> None:
    """Submit, select and withdraw in the last second and in the one after it."""
    stage, task = contest.stage, contest.tasks[0]
    rows = stage.run("submissions", "--team", "Füchse", "--task", task, "--json").json()
    number = str(next(row["id"] for row in rows["submissions"] if row["state"] != "withdrawn"))
    stage.now = CLOSES - timedelta(seconds=2)
    stage.run("select", number, says="selected now")
    stage.run("select", number, "--undo", code=1, says="ended")
    path = contest.decisions(task, 3.0)
    words = ("submit", task, str(path), "--team", "Sloths", "--method", "perfect, but late")
    stage.refused(*words, fault="closed")
    stage.run("withdraw", number, "--yes", code=1, says="ended")
    late = contest.challenge.inbox / "Sloths" / task / "late.csv"
    late.parent.mkdir(parents=True)
    late.write_bytes(path.read_bytes())
    done = stage.run("collect", "--json").json()["collected"]
    stage.hold(
        "from the second of the end nothing is accepted, by command or inbox",
        [row["status"] for row in done if row["file"].endswith("late.csv")] == ["refused"],
    )
    board = stage.run("leaderboard", "--json").json()["tracks"][0]
    stage.hold(
        "between end and close the board is still the public one", board["subset"] == "public"
    )


def close(contest: Contest) -> None:
    """Close the contest; score the finals independently and compare."""
    stage = contest.stage
    public = {row["team"]: row["rank"] for row in _board(contest)["rows"]}
    report = stage.run("close", "--json").json()
    stage.hold(
        f"the close scored {report['n_finals']} finals of {report['n_teams']} teams",
        report["n_finals"] >= report["n_teams"],
    )
    stage.run("close", code=1, says="already closed")
    number = str(next(iter(contest.files)))
    for words in (("select", number), ("withdraw", number, "--yes")):
        stage.run(*words, code=1, says="nothing can be submitted")
    stage.hold("after the close there is no second close, no selection, no withdrawal", True)
    contest.build_site("closed")
    _check_finals(contest)
    for track in contest.build_site("closed again").json()["tracks"]:
        stage.hold(
            f"{track['track']}: the board is of the private subset", track["subset"] == "private"
        )
        values = [row["value"] for row in track["rows"] if row["rank"] is not None]
        stage.hold(f"{track['track']}: ranks follow the scores", values == sorted(values)[::-1])
        teams = {row["team"]: row for row in track["rows"]}
        stage.hold(
            f"{track['track']}: late and withdrawn teams are not on the board",
            not {"Sloths", "Moths"} & {team for team, row in teams.items() if row["rank"]},
        )
        if track["track"] == "classification":
            swifts = teams["Swifts"]
            stage.hold(
                "a team that missed a task gets its baseline score there and no prize",
                swifts["coverage"] == f"{len(track['tasks']) - 1}/{len(track['tasks'])}"
                and not swifts["eligible"]
                and not swifts["prize"],
            )
            moved = sum(public.get(team) != row["rank"] for team, row in teams.items())
            stage.hold(f"shake-up: {moved} of {len(teams)} teams changed their rank", True)


def _board(contest: Contest) -> dict[str, list[dict[str, object]]]:
    boards = contest.stage.run("leaderboard", "--json").json()["tracks"]
    board: dict[str, list[dict[str, object]]] = boards[0]
    return board


def _check_finals(contest: Contest) -> None:
    """Score the finals independently; the board must show the better one of each team."""
    stage = contest.stage
    rows = stage.run("submissions", "--json").json()["submissions"]
    finals = [row for row in rows if row["state"] in ("on the board", "counted")]
    best: dict[tuple[str, str], float] = {}
    for row in finals:
        if row["id"] not in contest.files:
            continue
        task = contest.challenge.task(row["task"])
        predictions = read_predictions(task, contest.files[row["id"]])
        value = score_predictions(task, predictions, "private").primary.value
        assert value is not None
        assert abs(value - row["value"]) < 1e-12, row
        key = (row["team"], row["task"])
        best[key] = max(best.get(key, 0.0), value)
    shown = {
        (row["team"], row["task"]): row["value"] for row in rows if row["state"] == "on the board"
    }
    stage.hold(
        f"{len(best)} final scores are those of the private subset, the better of a team's finals",
        all(abs(shown[key] - value) < 1e-12 for key, value in best.items()),
    )
    hidden = [row for row in rows if row["state"] == "not a final"]
    stage.hold(
        f"the {len(hidden)} submissions that are not finals have no private score",
        all(row["value"] is None for row in hidden) and len(hidden) > 0,
    )
    owls = [row["id"] for row in finals if row["team"] == "Owls" and row["task"] == "parcels"]
    stage.hold("both finals that a team selected were scored", len(owls) == 2)
    if len(owls) == 2:
        stage.run("compare", str(owls[0]), str(owls[1]), says="a:")


def look_back(contest: Contest, day: str) -> None:
    """Rebuild a past board beside today's: the same bytes, but for the banner on each page."""
    stage = contest.stage
    at, then = contest.sites[day]
    stage.run("leaderboard", "--as-of", at.isoformat(), "--json")
    folder = contest.site.with_name(f"{contest.site.name}-as-of-{at:%Y-%m-%dT%H%M%SZ}")
    pages = {*folder.rglob("*.html")}
    stage.hold(
        "a past board has its banner", all(b'"banner"' in page.read_bytes() for page in pages)
    )
    for page in pages:
        page.write_bytes(re.sub(rb'<p class="banner".*?</p>', b"", page.read_bytes()))
    stage.hold(
        f"the site of {at:%d %B} is rebuilt byte for byte",
        _without_manifest(hashes_of(folder)) == _without_manifest(then),
    )
    stage.hold("today's is as it was", hashes_of(contest.site) == contest.sites["closed again"][1])


def _without_manifest(hashes: dict[str, str]) -> dict[str, str]:
    # It names the pages with their banners.
    return {path: one for path, one in hashes.items() if path != "manifest.json"}


def keep(contest: Contest) -> None:
    """Verify, damage and repair a file, back up, restore elsewhere."""
    stage = contest.stage
    stage.run("verify", says="no damage")
    victim = max((contest.challenge.submissions / "predictions").rglob("*.parquet"))
    data = victim.read_bytes()
    victim.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    stage.run("verify", code=3, says="fix:")
    victim.write_bytes(data)
    stage.run("verify", says="no damage")
    stage.hold("a flipped bit in a predictions file is found", True)
    archive = contest.scratch / "contest.backup"
    stage.run("backup", str(archive), says="keep it private")
    other = contest.scratch / "elsewhere"
    other.mkdir()
    there = Stage(other, stage.now, talk=False)
    there.run("restore", str(archive), says="restored")
    there.run("verify", says="no damage")
    there.run("leaderboard")
    stage.hold(
        "a restored backup, in an empty folder, gives the same site, byte for byte",
        hashes_of(Challenge(other).leaderboard) == hashes_of(contest.site),
    )
    there.run("restore", str(archive), code=3, says="nothing is overwritten")
