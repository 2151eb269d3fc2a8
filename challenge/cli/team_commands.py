"""Commands of the organiser about teams and their tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from challenge.cli.app import Commands, app, challenge_of
from challenge.cli.output import print_json, print_note, print_table, say

if TYPE_CHECKING:
    from challenge.ledger import Ledger

__all__: list[str] = []

Json = Annotated[bool, typer.Option("--json", help="Answer as JSON, for scripts.")]

team = typer.Typer(cls=Commands, no_args_is_help=True)
token = typer.Typer(cls=Commands, no_args_is_help=True)
app.add_typer(team, name="team", help="Teams: add, list, rename, and their members.")
app.add_typer(token, name="token", help="Tokens of `challenge serve`: new, list, revoke.")


def _ledger(ctx: typer.Context) -> Ledger:
    from challenge.ledger import open_ledger

    return open_ledger(challenge_of(ctx))


@team.command("add", epilog="Example: challenge team add Owls")
def add_team(ctx: typer.Context, name: str, json: Json = False) -> None:
    """Add a team before its first submission, so that it can get a token."""
    from challenge.ledger import enter_team

    entered = enter_team(_ledger(ctx), name)
    if json:
        print_json({"id": entered.id, "name": entered.name, "members": list(entered.members)})
        return
    say(f"{entered.name}: next `challenge token new --team {entered.name!r}`")


@team.command("list", epilog="Example: challenge team list --json")
def list_teams(ctx: typer.Context, json: Json = False) -> None:
    """List the teams that were added or have submitted, and their members."""
    from challenge.ledger import read_snapshot

    teams = list(read_snapshot(_ledger(ctx)).teams.values())
    if json:
        print_json(
            {
                "teams": [
                    {
                        "id": one.id,
                        "name": one.name,
                        "baseline": one.baseline,
                        "members": list(one.members),
                    }
                    for one in teams
                ]
            }
        )
        return
    print_table(
        ["id", "team", "members"],
        [
            [
                one.id,
                one.name + (" (baseline)" if one.baseline else ""),
                ", ".join(one.members),
            ]
            for one in teams
        ],
        right=(0,),
    )


@team.command("members", epilog="Example: challenge team members Owls")
def show_members(ctx: typer.Context, name: str, json: Json = False) -> None:
    """Show the members of a team, one a line; they are declared in challenge.toml."""
    from challenge.ledger.submissions.roster import team_of

    members = team_of(_ledger(ctx), name).members
    if json:
        print_json({"members": list(members)})
        return
    for member in members:
        say(member)
    if not members:
        print_note('note: none are declared; add members = ["…"] below its [[team]]')


@team.command("rename", epilog='Example: challenge team rename "Owls" "Night Owls"')
def rename(ctx: typer.Context, old: str, new: str) -> None:
    """Give a team another name. Its history and its tokens stay."""
    from challenge.ledger import rename_team

    renamed = rename_team(_ledger(ctx), old, new)
    say(f"{old} is now {renamed.name}; no other team can take the old name")


@token.command("new", epilog="Example: challenge token new --team Owls --expires 2027-03-28")
def new(
    ctx: typer.Context,
    team: Annotated[
        str | None, typer.Option("--team", help="Whose it is; none for the organiser's own.")
    ] = None,
    name: Annotated[str, typer.Option("--name", help="What it is for, such as a machine.")] = "",
    expires: Annotated[
        str | None, typer.Option("--expires", metavar="DATE", help="The last day, or a time (UTC).")
    ] = None,
    scope: Annotated[
        list[str] | None,
        typer.Option("--scope", help="submit, read or organise; repeatable. Default: both first."),
    ] = None,
    json: Json = False,
) -> None:
    """Make a token. It is shown once, and stored as a hash."""
    from challenge.ledger.network.tokens import new_token
    from challenge.ledger.store.clock import read_time

    made, text = new_token(
        _ledger(ctx),
        team=team,
        name=name,
        scopes=scope or ("submit", "read"),
        expires=None if expires is None else read_time(expires, "--expires"),
    )
    if json:
        print_json({**made.as_json(), "token": text})
        return
    say(text)
    print_note(f"note: token {made.id} of {made.team_name or 'the organiser'}, not shown again")


@token.command("list", epilog="Example: challenge token list --json")
def list_all(ctx: typer.Context, json: Json = False) -> None:
    """List the tokens: whose, what for, until when, and when each was last used."""
    from challenge.ledger.network.tokens import list_tokens
    from challenge.ledger.store.clock import iso, now

    tokens = list_tokens(_ledger(ctx))
    if json:
        print_json({"tokens": [one.as_json() for one in tokens]})
        return
    print_table(
        ["id", "team", "name", "scopes", "state", "expires", "last used"],
        [
            [
                one.id,
                one.team_name or "",
                one.name,
                ", ".join(one.scopes),
                one.state(now()),
                iso(one.expires) if one.expires else "",
                iso(one.used) if one.used else "never",
            ]
            for one in tokens
        ],
        right=(0,),
    )


@token.command("revoke", epilog="Example: challenge token revoke 3")
def revoke(
    ctx: typer.Context,
    number: Annotated[int, typer.Argument(metavar="ID", help="See `token list`.")],
) -> None:
    """Revoke a token at once."""
    from challenge.ledger.network.tokens import revoke_token

    gone = revoke_token(_ledger(ctx), number)
    say(f"token {gone.id} of {gone.team_name or 'the organiser'} is revoked")
