"""Tokens that open the server: made once, stored as a hash, revoked by a row of their own."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from challenge.errors import Fault, WrongUse, meant
from challenge.ledger.ledger import Ledger
from challenge.ledger.store import clock, schema
from challenge.ledger.store.clock import from_micros, iso, micros
from challenge.ledger.submissions.names import clean_text, name_faults
from challenge.ledger.submissions.roster import require_team

__all__ = ["SCOPES", "Token", "list_tokens", "new_token", "note_use", "revoke_token", "token_of"]

SCOPES = ("submit", "read", "organise")
"""`submit` hands in, selects and withdraws for its team; `read` downloads and lists."""

_PREFIX = "chl_"
_NAME_LENGTH = 100
_TO_THE_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class Token:
    """A token without its text; `team` and `team_name` are None for the organiser's."""

    id: int
    team: int | None
    team_name: str | None
    name: str
    scopes: tuple[str, ...]
    made: datetime
    expires: datetime | None
    revoked: datetime | None
    used: datetime | None

    def state(self, at: datetime) -> str:
        """Return `valid`, `expired` or `revoked`."""
        if self.revoked is not None:
            return "revoked"
        return "expired" if self.expires is not None and at >= self.expires else "valid"

    def as_json(self) -> dict[str, object]:
        """Return the token as plain values."""
        times = {"made": self.made, "expires": self.expires, "used": self.used}
        return {
            "id": self.id,
            "team": self.team_name,
            "name": self.name,
            "scopes": list(self.scopes),
            "state": self.state(clock.now()),
            **{key: None if at is None else iso(at) for key, at in times.items()},
        }


def new_token(
    ledger: Ledger,
    *,
    team: str | None,
    name: str = "",
    scopes: Iterable[str] = ("submit", "read"),
    expires: datetime | None = None,
) -> tuple[Token, str]:
    """Make a token; return it with its text, which is stored nowhere.

    Raises WrongUse for an unknown team or scope, an expiry in the past, or a scope `submit`
    without a team.
    """
    chosen = tuple(scope for scope in SCOPES if scope in set(scopes))
    name = clean_text(name)
    at = clock.now()
    faults = [
        *name_faults(name, "name", longest=_NAME_LENGTH, required=False),
        *_scope_faults(set(scopes), team),
    ]
    if expires is not None and expires <= at:
        faults.append(
            Fault("--expires", iso(expires), "a time to come", "name a later one", "token-expiry")
        )
    if faults:
        raise WrongUse(faults)
    text = _PREFIX + secrets.token_urlsafe(32)
    with ledger.store.writing() as connection:
        owner = None if team is None else require_team(connection, team).id
        key = connection.execute(
            schema.tokens.insert().values(
                at=micros(at),
                team=owner,
                name=name,
                hash=_hash(text),
                scopes=" ".join(chosen),
                expires=None if expires is None else micros(expires),
            )
        ).inserted_primary_key
        assert key is not None
        return _tokens(connection, schema.tokens.c.id == int(key[0]))[0], text


def list_tokens(ledger: Ledger) -> list[Token]:
    """Return all tokens ascending by id, also expired and revoked ones."""
    with ledger.store.reading() as connection:
        return _tokens(connection, sa.true())


def revoke_token(ledger: Ledger, token_id: int) -> Token:
    """Revoke a token at once; a second time changes nothing. Raises WrongUse when unknown."""
    rows = schema.token_revocations
    with ledger.store.writing() as connection:
        ledger.store.lock_all(connection)
        found = _tokens(connection, schema.tokens.c.id == token_id)
        if not found:
            raise WrongUse(
                Fault(
                    "token",
                    str(token_id),
                    "the number of a token",
                    "see `challenge token list`",
                    code="unknown-token",
                )
            )
        if found[0].revoked is None:
            connection.execute(rows.insert().values(at=micros(clock.now()), token=token_id))
        return _tokens(connection, schema.tokens.c.id == token_id)[0]


def token_of(ledger: Ledger, text: str) -> Token | None:
    """Return the valid token with this text, None when there is none."""
    with ledger.store.reading() as connection:
        found = _tokens(connection, schema.tokens.c.hash == _hash(text))
    return found[0] if found and found[0].state(clock.now()) == "valid" else None


def note_use(ledger: Ledger, token: Token) -> None:
    """Store that the token was used now, at most once a minute."""
    at = clock.now()
    if token.used is not None and at - token.used < _TO_THE_MINUTE:
        return
    uses = schema.token_uses
    with ledger.store.writing(chained=False) as connection:
        ledger.store.lock_all(connection)
        connection.execute(uses.delete().where(uses.c.token == token.id))
        connection.execute(uses.insert().values(token=token.id, at=micros(at)))


def _tokens(connection: sa.Connection, condition: sa.ColumnElement[bool]) -> list[Token]:
    rows, gone, uses = schema.tokens, schema.token_revocations, schema.token_uses
    names = schema.team_names
    newest = (
        sa.select(names.c.name)
        .where(names.c.team == rows.c.team)
        .order_by(names.c.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    query = (
        sa.select(rows, gone.c.at.label("revoked"), uses.c.at.label("used"), newest.label("owner"))
        .select_from(
            rows.outerjoin(gone, gone.c.token == rows.c.id).outerjoin(
                uses, uses.c.token == rows.c.id
            )
        )
        .where(condition)
        .order_by(rows.c.id)
    )
    return [
        Token(
            id=row.id,
            team=row.team,
            team_name=row.owner,
            name=row.name,
            scopes=tuple(row.scopes.split()),
            made=from_micros(row.at),
            expires=None if row.expires is None else from_micros(row.expires),
            revoked=None if row.revoked is None else from_micros(row.revoked),
            used=None if row.used is None else from_micros(row.used),
        )
        for row in connection.execute(query)
    ]


def _scope_faults(scopes: set[str], team: str | None) -> Iterable[Fault]:
    for scope in sorted(scopes - set(SCOPES)):
        fix = meant(scope, SCOPES, "choose among them")
        yield Fault("--scope", repr(scope), f"one of {', '.join(SCOPES)}", fix, "unknown-scope")
    if not scopes:
        yield Fault("--scope", "none", f"one of {', '.join(SCOPES)}", "name one", "unknown-scope")
    if "submit" in scopes and team is None:
        yield Fault(
            "--team", "nothing", "the team that submits", "add --team NAME", code="team-missing"
        )


def _hash(text: str) -> str:
    # The text has 256 random bits, so a fast hash is enough.
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
