"""`challenge attack`: what a hostile participant or method gains here, measured."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from challenge.cli.app import app, challenge_of
from challenge.cli.output import Progress, print_json, print_note, print_table, say
from challenge.errors import Fault, WrongUse

if TYPE_CHECKING:
    from challenge.ledger.contest.attack_record import AttackRecord
    from challenge.task import Challenge

__all__ = ["print_attack_line"]


def print_attack_line(challenge: Challenge) -> None:
    """Note, until a contest opens, when its attack is missing, out of date, or fell."""
    from challenge.ledger.contest.attack_record import attack_line
    from challenge.ledger.store import clock
    from challenge.task.settings import read_settings

    if line := attack_line(challenge, read_settings(challenge.root), clock.now()):
        print_note(f"note: {line}")


@app.command(epilog="Example: challenge attack --html attack.html")
def attack(
    ctx: typer.Context,
    tasks: Annotated[
        list[str] | None, typer.Argument(metavar="TASK", help="Default: all built tasks.")
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(
            "--only",
            metavar="KIND",
            help="guesses, ladder, leaks, files or methods; may be repeated.",
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Answer as JSON, for scripts.")] = False,
    html: Annotated[
        Path | None,
        typer.Option("--html", metavar="FILE", help="Also write a self-contained page."),
    ] = None,
) -> None:
    """Attack the challenge before it opens: exit 1 when an attack succeeds.

    Tries guesses, the Ladder, planted leaks, bad files and hostile methods, on copies. A run of
    all attacks on all tasks is stored. Until the contest opens, other commands and the home page
    show when it is missing, out of date, or fell.
    """
    from challenge.attack import ATTACK_KINDS, run_attacks
    from challenge.ledger.contest.attack_record import AttackRecord, write_record
    from challenge.ledger.store import clock
    from challenge.task.settings import read_settings

    challenge = challenge_of(ctx)
    settings = read_settings(challenge.root)
    for kind in only or []:
        if kind not in ATTACK_KINDS:
            raise WrongUse(
                Fault(
                    "--only",
                    repr(kind),
                    f"one of {', '.join(ATTACK_KINDS)}",
                    "choose one of these",
                    "attack-kind",
                )
            )
    started = time.monotonic()
    with Progress("attack") as progress:
        found = list(
            run_attacks(
                challenge,
                settings,
                tasks or challenge.built_ids(),
                only or ATTACK_KINDS,
                progress=progress,
            )
        )
    seconds = time.monotonic() - started
    record = AttackRecord.of(challenge, settings, found, clock.now(), seconds)
    if html is not None:
        from challenge.board.pages.attack_page import attack_page
        from challenge.task import write_atomically

        write_atomically(html, attack_page(record, settings.title, ATTACK_KINDS))
    if json:
        print_json({"fell": record.named("fell"), **record.model_dump(mode="json")})
    else:
        _print(record)
    if tasks or only:
        print_note("note: not stored, since only a part was attacked")
    else:
        print_note(f"stored: {write_record(challenge, record)}")
    if html is not None:
        print_note(f"page: {html}")
    if record.named("fell"):
        raise typer.Exit(1)


def _print(record: AttackRecord) -> None:
    print_table(
        ("kind", "target", "attack", "gain", "allowed", "outcome"),
        [
            (one.kind, one.target, one.attack, *one.figures(), one.shown_state())
            for one in record.attacks
        ],
        right=(3, 4),
    )
    for one in record.attacks:
        if one.state == "fell":
            say(f"\n{one.target}, {one.attack}: {one.how}\n  fix: {one.fix}")
        elif one.state == "not tried":
            say(f"\n{one.target}, {one.attack} was not tried: {one.how}")
    counts = {state: len(record.named(state)) for state in ("held", "fell", "not tried")}
    say(
        f"\n{counts['held']} held, {counts['fell']} fell, {counts['not tried']} not tried; "
        f"{record.seconds:.0f} s"
    )
