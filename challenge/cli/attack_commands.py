"""`challenge attack`: what a hostile participant or method gains here, measured."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from challenge.cli.app import app, challenge_of
from challenge.cli.output import Progress, print_json, print_table, say

if TYPE_CHECKING:
    from challenge.scoring.attacks import Attack
    from challenge.task import Task
    from challenge.task.settings import Settings

__all__: list[str] = []


@app.command(epilog="Example: challenge attack --json")
def attack(
    ctx: typer.Context,
    tasks: Annotated[
        list[str] | None, typer.Argument(metavar="TASK", help="Default: all built tasks.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Answer as JSON.")] = False,
) -> None:
    """Attack built tasks, the Ladder and the sandbox; exit 1 when an attack succeeds."""
    from challenge.ledger.submissions.submit import scored_subset
    from challenge.scoring.attacks import attacks_on_task
    from challenge.task.settings import read_settings

    challenge = challenge_of(ctx)
    settings = read_settings(challenge.root)
    found: list[Attack] = []
    with Progress("attack") as progress:
        for task_id in tasks or challenge.built_ids():
            progress(f"{task_id}: guesses")
            task = challenge.task(task_id)
            found += attacks_on_task(task)
            if scored_subset(settings, task) == "public":
                progress(f"{task_id}: climbing the Ladder")
                found += _climbs(task, settings)
        progress("sandbox: trying to get out")
        found.append(_escape())
    if json:
        print_json(
            {"held": all(one.held for one in found), "attacks": [a.as_json() for a in found]}
        )
    else:
        print_table(
            ("target", "attack", "gain", "allowed", "outcome"),
            [
                (one.target, one.name, f"{one.gain:.3f}", f"{one.allowed:.3f}",
                 "held" if one.held else "FELL")
                for one in found
            ],
        )  # fmt: skip
        for one in found:
            if not one.held:
                say(f"{one.target}, {one.name}: {one.how}; fix: {one.fix}")
    if not all(one.held for one in found):
        raise typer.Exit(1)


def _climbs(task: Task, settings: Settings) -> list[Attack]:
    from challenge.ledger.contest.climb_attack import (
        answers_of_team,
        climb_gain,
        teams_of_attacker,
    )
    from challenge.scoring.attacks import MOST_GAIN, Attack

    n_public = int(task.document["n_public"])
    n_answers = answers_of_team(settings)
    one = climb_gain(n_public, n_answers, one_team=True, step=settings.ladder_step)
    n_teams = teams_of_attacker(settings)
    found = [
        Attack(
            task.id,
            "Ladder, one team",
            one,
            MOST_GAIN,
            f"{n_answers:,} random answers",
            "raise ladder_step or the number of public rows, or lower limits.per_day",
        )
    ]
    if n_teams > 1:
        found.append(
            Attack(
                task.id,
                "Ladder, many teams",
                climb_gain(n_public, n_teams, one_team=False, step=settings.ladder_step),
                MOST_GAIN,
                f"{n_teams:,} throw-away teams",
                "declare a roster, or lower limits.new_teams_per_day",
            )
        )
    return found


def _escape() -> Attack:
    from challenge.methods.run.sandbox import sandbox_fault
    from challenge.scoring.attacks import Attack

    fault = sandbox_fault()
    fix = "install bubblewrap, and allow user namespaces"
    return Attack("sandbox", "a method gets out", float(bool(fault)), 0.0, fault, fix)
