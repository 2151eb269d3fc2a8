"""The rules of a contest: dates, roster, and settings that may not change once it is open."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from challenge.errors import Fault, SubmissionError, TaskError
from challenge.ledger.store.clock import iso
from challenge.ledger.submissions.names import (
    NAME_LENGTH,
    clean_text,
    fold,
    is_reserved,
    name_faults,
    skeleton,
)
from challenge.task.settings import Settings

__all__ = ["check_dates", "check_roster", "check_settings"]


def check_dates(
    settings: Settings, at: datetime, closed: bool, *, what: str, early: bool = False
) -> None:
    """Raise SubmissionError outside of `opens` ≤ at < `closes`; `early` allows before `opens`."""
    closes = settings.closes_utc()
    if closed or (closes is not None and at >= closes):
        ended = "the challenge is closed" if closes is None else f"it ended at {iso(closes)}"
        raise SubmissionError(
            Fault(
                what,
                f"{ended}; now it is {iso(at)}",
                "a time before the end",
                "nothing can be submitted, selected or withdrawn now",
                code="closed",
            )
        )
    if settings.opens is not None and at < settings.opens and not early:
        raise SubmissionError(
            Fault(
                what,
                f"it is {iso(at)}",
                f"a time from {iso(settings.opens)} on",
                "wait until the challenge opens",
                code="not-open",
            )
        )


def check_roster(settings: Settings, names: Iterable[str], where: str) -> None:
    """Raise SubmissionError when a roster is declared and none of the team's names is in it."""
    if not settings.team:
        return
    roster = {fold(entry.name): entry.name for entry in settings.team}
    names = list(names)
    if any(fold(name) in roster for name in names):
        return
    from challenge.errors import nearest

    guess = nearest(names[-1], roster.values())
    raise SubmissionError(
        Fault(
            where,
            repr(names[-1]),
            "a team of the roster in challenge.toml",
            (f"did you mean {guess!r}? Otherwise " if guess else "")
            + "the organiser adds a [[team]] of this name to challenge.toml",
            code="unknown-team",
        )
    )


def check_settings(
    old: Settings | None, new: Settings, at: datetime, *, closed: bool, started: bool
) -> None:
    """Raise TaskError with every rule that the new challenge.toml breaks.

    Always: roster names are readable and do not look alike, one person is in one team, a track
    names each task once. Until `opens`, and until the first team that is no baseline has
    submitted (`started`), the settings are a draft. Then the rules that decide who wins may not
    change, and tracks may only lose tasks. With submissions the opening cannot be postponed.
    """
    faults = [*_roster_faults(new), *_track_faults(new)]
    opened = new.is_contest() and (new.opens is None or at >= new.opens)
    if opened and not closed:
        faults.extend(_tie_rule_faults(new))
    begun = old is not None and (started or (old.opens is not None and at >= old.opens))
    if old is not None and old.is_contest() and begun:
        faults.extend(_frozen_faults(old, new, at, closed=closed))
        if started and new.opens is not None and at < new.opens:
            # Rules are frozen from the opening on, so a later opening would unfreeze them.
            faults.append(_frozen("opens", old.opens, new.opens))
    elif old is not None and started and old.reveal != new.reveal:
        faults.append(_frozen("reveal", old.reveal, new.reveal))
    if faults:
        raise TaskError(faults)


def _roster_faults(settings: Settings) -> Iterable[Fault]:
    where = "challenge.toml, key team"
    by_looks: dict[str, str] = {}
    by_member: dict[str, str] = {}
    for entry in settings.team:
        name = clean_text(entry.name)
        yield from name_faults(name, where, longest=NAME_LENGTH)
        if is_reserved(name):
            yield Fault(
                where,
                repr(name),
                "a name that cannot be confused with a baseline",
                "choose another name",
                code="team-reserved",
            )
        other = by_looks.setdefault(skeleton(name), name)
        if other is not name:
            yield Fault(
                where,
                f"{name!r} beside {other!r}",
                "names that do not look alike",
                "rename one of the two",
                code="team-look-alike",
            )
        for member in entry.members:
            team = by_member.setdefault(fold(member), name)
            if team is not name:
                yield Fault(
                    where,
                    f"{member!r} in {team!r} and in {name!r}",
                    "one person in one team",
                    "remove the person from one of them",
                    code="member-twice",
                )


def _track_faults(settings: Settings) -> Iterable[Fault]:
    for track in settings.track:
        twice = sorted({task for task in track.tasks if track.tasks.count(task) > 1})
        if twice:
            yield Fault(
                f"challenge.toml, track {track.id}, tasks",
                f"{', '.join(twice)} more than once",
                "each task once, because the mean would count it again",
                "remove the repetition",
                code="track-task-twice",
            )


def _tie_rule_faults(settings: Settings) -> Iterable[Fault]:
    for track in settings.track:
        if track.prize and track.prize_tie is None:
            yield Fault(
                f"challenge.toml, track {track.id}",
                "a prize without a rule for ties",
                'prize_tie = "split" or prize_tie = "earlier", before the contest opens',
                "add it",
                code="prize-tie-missing",
            )


def _frozen_faults(old: Settings, new: Settings, at: datetime, *, closed: bool) -> Iterable[Fault]:
    for key in ("reveal", "ladder_step", "finals"):
        if getattr(old, key) != getattr(new, key):
            yield _frozen(key, getattr(old, key), getattr(new, key))
    if old.closes != new.closes and (closed or (old.closes is not None and at >= old.closes)):
        yield _frozen("closes", old.closes, new.closes)
    elif old.closes != new.closes and (closes := new.closes_utc()) is not None and closes <= at:
        yield Fault(
            "challenge.toml, closes",
            f"moved to {new.closes}, which is over",
            "a time from now on: teams must see the end before it comes",
            f"write a later time; it was {old.closes}",
            code="closes-over",
        )
    before = {track.id: track for track in old.track}
    for lost in sorted(before.keys() - {track.id for track in new.track}):
        yield _frozen("track", lost, "no such track")
    for track in new.track:
        known = before.get(track.id)
        if known is None:
            yield _frozen("track", "no such track", track.id)
            continue
        for key in ("kind", "metric", "prize_tie"):
            if getattr(known, key) != getattr(track, key):
                yield _frozen(f"track {track.id}, {key}", getattr(known, key), getattr(track, key))
        added = sorted(set(track.tasks) - set(known.tasks))
        if added:
            yield _frozen(f"track {track.id}, tasks", "the list so far", f"also {added}")


def _frozen(key: str, old: object, new: object) -> Fault:
    return Fault(
        f"challenge.toml, {key}",
        f"{new} (it was {old})",
        "no change of this after the contest opened",
        "restore the old value",
        code="settings-frozen",
    )
