"""Finding, adding and renaming teams in a transaction."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from challenge.errors import Fault, SubmissionError, WrongUse, meant
from challenge.ledger.contest.contest_rules import check_roster
from challenge.ledger.ledger import Ledger
from challenge.ledger.store import clock, schema
from challenge.ledger.store.clock import micros
from challenge.ledger.store.database import Store
from challenge.ledger.store.records import Team
from challenge.ledger.store.rows import read_teams
from challenge.ledger.submissions.names import (
    BASELINE_NAMES,
    BASELINE_SUFFIX,
    NAME_LENGTH,
    clean_text,
    fold,
    is_reserved,
    name_faults,
    skeleton,
    slug_of,
)
from challenge.task.settings import Settings

__all__ = [
    "TeamRow",
    "add_team",
    "baseline_name",
    "check_reserved",
    "check_spelling",
    "check_team_name",
    "enter_team",
    "find_team",
    "folded_names",
    "names_of_teams",
    "rename_team",
    "require_team",
    "team_of",
    "team_of_member",
]


@dataclass(frozen=True)
class TeamRow:
    """A team with all names that it ever had, the newest last."""

    id: int
    slug: str
    baseline: bool
    names: tuple[str, ...]


def check_team_name(name: str) -> str:
    """Return the cleaned name; raise SubmissionError with everything that is wrong with it."""
    cleaned = clean_text(name)
    faults = name_faults(cleaned, "team", longest=NAME_LENGTH)
    if faults:
        raise SubmissionError(faults)
    return cleaned


def check_reserved(name: str) -> None:
    """Raise SubmissionError when a participant's name equals or resembles that of a baseline."""
    if is_reserved(name):
        raise SubmissionError(
            Fault(
                "team",
                repr(name),
                "a name that cannot be confused with a baseline",
                f"choose another name; reserved are {', '.join(BASELINE_NAMES)}, and names that "
                f"end with {BASELINE_SUFFIX.strip()}",
                code="team-reserved",
            )
        )


def baseline_name(connection: sa.Connection, name: str) -> str:
    """Return the name under which a baseline submits: with ` (baseline)` where a team has it.

    So a participant whose name equals or resembles that of a baseline does not stop the baseline.
    """
    names, teams = schema.team_names, schema.teams
    alike = sa.or_(names.c.skeleton == skeleton(name), names.c.folded == fold(name))
    query = sa.select(names.c.folded, teams.c.baseline).join(teams, teams.c.id == names.c.team)
    found = connection.execute(query.where(alike)).all()
    own = any(baseline and folded == fold(name) for folded, baseline in found)
    if own or all(baseline for _, baseline in found):
        return name
    return name[: NAME_LENGTH - len(BASELINE_SUFFIX)].rstrip() + BASELINE_SUFFIX


def check_spelling(names: Iterable[str], name: str) -> None:
    """Raise SubmissionError when the name is that of a team, but spelled in another way."""
    names = [clean_text(known) for known in names]
    alike = [known for known in names if fold(known) == fold(name)]
    if alike and clean_text(name) not in names:
        raise SubmissionError(
            Fault(
                "team",
                repr(name),
                f"the team's own spelling, {alike[-1]!r}",
                f"use the folder {alike[-1]!r}: others could hand in for the team under this one",
                code="team-spelling",
            )
        )


def find_team(connection: sa.Connection, name: str, roster: Iterable[str]) -> TeamRow | None:
    """Return the team that has or had the name, case ignored.

    Raises SubmissionError when the name only looks like that of another team. A name of the
    roster is never refused for a team that looked like it before there was a roster.
    """
    names = schema.team_names
    team = connection.execute(
        sa.select(names.c.team).where(names.c.folded == fold(name)).limit(1)
    ).scalar()
    if team is None:
        if fold(name) not in {fold(known) for known in roster}:
            _check_looks(connection, name, owner=None)
        return None
    return _row(connection, team)


def folded_names(connection: sa.Connection, name: str) -> set[str]:
    """Return the folded forms of all names that the team of this name ever had, and of the name."""
    names = schema.team_names
    team = sa.select(names.c.team).where(names.c.folded == fold(name))
    query = sa.select(names.c.folded).where(names.c.team.in_(team))
    return {fold(name), *connection.execute(query).scalars()}


def names_of_teams(connection: sa.Connection) -> set[str]:
    """Return the folded forms of all names that any team ever had."""
    return set(connection.execute(sa.select(schema.team_names.c.folded)).scalars())


def require_team(connection: sa.Connection, name: str) -> TeamRow:
    """Return the team; raise WrongUse with the nearest name when there is none."""
    names = schema.team_names
    team = connection.execute(
        sa.select(names.c.team).where(names.c.folded == fold(name)).limit(1)
    ).scalar()
    if team is None:
        raise WrongUse(
            Fault(
                "team",
                repr(name),
                "a team that has submitted",
                meant(
                    name,
                    connection.execute(sa.select(names.c.name)).scalars(),
                    "see `challenge submissions`",
                ),
                code="unknown-team",
            )
        )
    return _row(connection, team)


def add_team(
    connection: sa.Connection,
    store: Store,
    name: str,
    roster: Iterable[str],
    *,
    baseline: bool,
    at: datetime,
) -> TeamRow:
    """Add a team with its own slug; return the row, also when another process added it first."""
    store.lock_all(connection)
    known = find_team(connection, name, roster)
    if known is not None:
        return known
    key = connection.execute(
        schema.teams.insert().values(
            at=micros(at), slug=_free_slug(connection, name), baseline=baseline
        )
    ).inserted_primary_key
    assert key is not None
    _add_name(connection, int(key[0]), name, at)
    return _row(connection, int(key[0]))


def enter_team(ledger: Ledger, name: str) -> Team:
    """Add a team before its first submission, so that it can get a token; return it.

    A team that is there already is returned as it is. Raises SubmissionError for a name that is
    reserved, unreadable, like that of another team, or missing in the roster.
    """
    name = check_team_name(name)
    roster = ledger.settings.roster()
    with ledger.store.writing() as connection:
        ledger.store.lock_all(connection)
        known = find_team(connection, name, roster)
        if known is None:
            check_reserved(name)
            check_roster(ledger.settings, (name,), "team")
            at = clock.now()
            known = add_team(connection, ledger.store, name, roster, baseline=False, at=at)
        return read_teams(connection, ledger.settings, team=known.id)[known.id]


def team_of(ledger: Ledger, name: str) -> Team:
    """Return a team with its members; raise WrongUse with the nearest name when there is none."""
    with ledger.store.reading() as connection:
        key = require_team(connection, name).id
        return read_teams(connection, ledger.settings, team=key)[key]


def team_of_member(settings: Settings, person: str) -> str | None:
    """Return the name in the roster of the team with this member, None when there is none.

    The spelling must be the same: who signs in under a name that looks alike is somebody else.
    """
    return next((one.name for one in settings.team if person in one.members), None)


def rename_team(ledger: Ledger, old: str, new: str) -> Team:
    """Give a team another name; it keeps its history, its slug and its old names."""
    new = check_team_name(new)
    with ledger.store.writing() as connection:
        ledger.store.lock_all(connection)
        team = require_team(connection, old)
        if not team.baseline:
            check_reserved(new)
            _check_roster_looks(new, ledger.settings.roster())
        key = team.id
        _check_looks(connection, new, owner=key)
        _add_name(connection, key, new, clock.now())
        return read_teams(connection, ledger.settings, team=key)[key]


def _row(connection: sa.Connection, team: int) -> TeamRow:
    teams, names = schema.teams, schema.team_names
    row = connection.execute(
        sa.select(teams.c.slug, teams.c.baseline).where(teams.c.id == team)
    ).one()
    found = connection.execute(
        sa.select(names.c.name).where(names.c.team == team).order_by(names.c.id)
    ).scalars()
    return TeamRow(team, row.slug, bool(row.baseline), tuple(found))


def _add_name(connection: sa.Connection, team: int, name: str, at: datetime) -> None:
    connection.execute(
        schema.team_names.insert().values(
            at=micros(at), team=team, name=name, folded=fold(name), skeleton=skeleton(name)
        )
    )


def _check_looks(connection: sa.Connection, name: str, *, owner: int | None) -> None:
    names = schema.team_names
    query = sa.select(names.c.name)
    if owner is None:
        # The same name may have been added meanwhile: that is this team, not a look-alike.
        query = query.where(names.c.skeleton == skeleton(name), names.c.folded != fold(name))
    else:
        alike = sa.or_(names.c.skeleton == skeleton(name), names.c.folded == fold(name))
        query = query.where(alike, names.c.team != owner)
    other = connection.execute(query.limit(1)).scalar()
    if other is not None:
        raise _look_alike(name, other)


def _check_roster_looks(name: str, roster: Iterable[str]) -> None:
    for other in roster:
        if fold(other) != fold(name) and skeleton(other) == skeleton(name):
            raise _look_alike(name, other)


def _look_alike(name: str, other: str) -> SubmissionError:
    return SubmissionError(
        Fault(
            "team",
            repr(name),
            f"a name that does not look like {other!r}",
            "choose another name, or spell the existing team's name as it was registered",
            code="team-look-alike",
        )
    )


def _free_slug(connection: sa.Connection, name: str) -> str:
    slugs = schema.teams.c.slug
    wanted = slug_of(name) or "team"
    taken = set(connection.execute(sa.select(slugs).where(slugs.startswith(wanted))).scalars())
    if wanted not in taken and wanted != "team":
        return wanted
    number = 1 if wanted == "team" else 2
    while f"{wanted}-{number}" in taken:
        number += 1
    return f"{wanted}-{number}"
