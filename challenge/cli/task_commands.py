"""Commands about tasks: start a challenge, list, show, build, check for leaks, hand out."""

from __future__ import annotations

import json
import re
import tempfile
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from challenge.cli.app import app, challenge_of, server_for, start_of
from challenge.cli.attack_commands import print_attack_line
from challenge.cli.output import Progress, print_json, print_note, print_table, say
from challenge.cli.raw_keys import raw_keys
from challenge.errors import ChallengeError, Fault, TaskError, WrongUse, counted
from challenge.kinds import KINDS, Kind, kind_of
from challenge.task import (
    Challenge,
    Task,
    dump_json,
    find_task,
    read_task,
    write_atomically,
)

if TYPE_CHECKING:
    from challenge.task.definition import TaskDefinition
    from challenge.task.settings import Track

__all__ = [
    "Images",
    "Json",
    "KindName",
    "Label",
    "Pairs",
    "RawKeys",
    "chosen_tasks",
    "named_kind",
    "require_names",
]

Json = Annotated[bool, typer.Option("--json", help="Answer as JSON, for scripts.")]
Names = Annotated[list[str] | None, typer.Argument(metavar="TASK", help="Ids of tasks.")]
All = Annotated[bool, typer.Option("--all", help="All tasks of the challenge.")]
Images = Annotated[Path | None, typer.Option("--images", help="A folder or zip with the images.")]
Label = Annotated[str | None, typer.Option("--label", help="The column to predict.")]
KindName = Annotated[
    str | None,
    typer.Option("--kind", help=f"{', '.join(KINDS[:-1])} or {KINDS[-1]}; else inferred."),
]
Pairs = Annotated[
    Path | None, typer.Option("--pairs", help="A list of labelled pairs of the records.")
]
RawKeys = Annotated[
    list[str] | None,
    typer.Option(
        "--raw",
        metavar="KEY=VALUE",
        help="A key of raw in task.toml: delimiter=';' or header=false; repeatable.",
    ),
]


@app.command(epilog="Example: challenge init my-challenge")
def init(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="A folder; it is created if missing.")
    ],
) -> None:
    """Start a challenge directory.

    Writes settings to correct, four folders and one made-up task to try at once.
    """
    from challenge.ledger.store.clock import now
    from challenge.prepare.init import start_challenge

    start_challenge(folder, now())
    say(f"{folder}/challenge.toml, with every key explained: correct title, dates and teams")
    say(f"next: cd {folder} && challenge convert parcels")


@app.command(epilog="Example: challenge tasks --json")
def tasks(ctx: typer.Context, json: Json = False) -> None:
    """List the tasks.

    Kind, size, modalities, metric, and whether each is built.
    """
    if (server := server_for(ctx)) is not None:
        rows = server.tasks()
    else:
        challenge = challenge_of(ctx)
        rows = [_task_row(challenge, task_id) for task_id in challenge.task_ids()]
        print_attack_line(challenge)
    if json:
        print_json({"tasks": rows})
        return
    if not rows:
        say("no tasks yet: `challenge add ID --from FILE` makes one")
        return
    print_table(
        ["task", "kind", "classes", "train", "test", "modalities", "metric", "state"],
        [
            [
                row["id"],
                row["kind"],
                row.get("n_classes") or "",
                f"{row['n_train']:,}" if "n_train" in row else "",
                f"{row['n_test']:,}" if "n_test" in row else "",
                " ".join(row["modalities"]),
                row["metric"],
                "built" if row["built"] else "not built",
            ]
            for row in rows
        ],
        right=(2, 3, 4),
    )


def _task_row(challenge: Challenge, task_id: str) -> dict[str, Any]:
    if task_id in challenge.built_ids():
        task = challenge.task(task_id)
        return {
            "id": task.id,
            "kind": task.kind.name,
            "title": task.title,
            "metric": task.metric,
            "n_classes": len(task.classes),
            "n_train": task.n_train,
            "n_test": task.n_test,
            "modalities": _modalities(task),
            "built": True,
        }
    try:
        definition = _definition(challenge, task_id)
    except TaskError as error:
        # The other tasks are listed all the same.
        print_note(f"{task_id}: {error}")
        return {"id": task_id, "kind": "", "metric": "", "modalities": [], "built": False}
    return {
        "id": task_id,
        "kind": definition.kind.name,
        "title": definition.title,
        "metric": definition.metric,
        "modalities": sorted({column.modality for column in definition.columns.values()}),
        "built": False,
    }


def _modalities(task: Task) -> list[str]:
    return sorted({column.modality for column in task.columns})


def _definition(challenge: Challenge, task_id: str) -> TaskDefinition:
    from challenge.task.definition import read_definition

    return read_definition(challenge.folder(task_id))


@app.command(epilog="Example: challenge show icon-tag")
def show(
    ctx: typer.Context,
    task: Annotated[str, typer.Argument(metavar="TASK", help="An id, or a task's folder.")],
    json: Json = False,
) -> None:
    """Show one task.

    Schema, sizes, classes, metric, licence, audit.
    """
    server = server_for(ctx)
    if server is not None and not _is_here(ctx, task):
        with tempfile.TemporaryDirectory(prefix="challenge-show-") as folder:
            for name, document in server.task(task).items():
                write_atomically(Path(folder) / f"{name}.json", dump_json(document))
            _show_task(read_task(Path(folder)), f"`challenge download {task}`", json=json)
        return
    found = find_task(task, start_of(ctx))
    challenge = Challenge(found.folder.resolve().parents[1])
    if server is None and (challenge.root / "challenge.toml").is_file():
        print_attack_line(challenge)
    _show_task(found, str(found.public), json=json)


def _is_here(ctx: typer.Context, task: str) -> bool:
    try:
        find_task(task, start_of(ctx))
    except ChallengeError:
        return False
    return True


def _show_task(found: Task, files: str, *, json: bool) -> None:
    """Write the card of a task; `files` is where its public folder is, or how to get it."""
    from challenge.task.datasheet import UNANSWERED
    from challenge.task.reading_report import report_lines

    if json:
        print_json(dict(found.document))
        return
    document = found.document
    say(f"{found.title}  [{found.id}, {found.kind.name}]")
    if found.description:
        say(f"\n{found.description}")
    say(f"\nrows      {found.n_train:,} train, {found.n_test:,} test")
    say(f"metric    {found.metric}")
    say(_label_line(found))
    say(f"split     {_split_line(document.get('split', {}))}")
    for source in document.get("sources", []):
        name, licence = source["name"] or "own files", source.get("licence") or UNANSWERED
        say(f"source    {name}, licence: {licence}")
    say(f"data      {found.data_digest[:16]}")
    say(f"files     {files}\n")
    print_table(
        ["column", "modality", "description"],
        [[column.name, column.modality, column.description] for column in found.columns],
    )
    if document.get("left_out"):
        say("\nleft out:")
        print_table(["column", "reason"], list(document["left_out"].items()))
    if document.get("reading"):
        say("\nreading:")
        for line in report_lines(document["reading"]):
            say(f"  {line}")
    _show_audit(document.get("audit") or {})
    for line in document.get("notes", []):
        print_note(f"note: {line}")


def _label_line(task: Task) -> str:
    if task.classes:
        return f"classes   {len(task.classes)}: {_shortened(task.classes)}"
    if task.kind.has_things:
        return f"label     a thing; vectors of {counted(task.dimensions, 'dimension')}"
    card = json.loads((task.public / "card.json").read_bytes())
    quantiles = card["label_quantiles"]
    shown = (f"{value:,.6g} ({share:.0%})" for share, value in quantiles)
    return f"label     a number; quantiles of train: {', '.join(shown)}"


def _show_audit(audit: dict[str, Any]) -> None:
    findings = audit.get("findings", [])
    if findings:
        say("\naudit:")
        print_table(
            ["finding", "severity", "count", "accepted because"],
            [
                [f["name"], f["severity"], f.get("count", ""), f.get("accepted") or ""]
                for f in findings
            ],
            right=(2,),
        )
    _print_audit_notes(audit)


def _print_audit_notes(audit: dict[str, Any]) -> None:
    for line in audit.get("notes", []):
        print_note(f"note: {line}")


def _shortened(names: tuple[str, ...], shown: int = 12) -> str:
    rest = len(names) - shown
    return ", ".join(names[:shown]) + (f" and {rest} more" if rest > 0 else "")


def _split_line(split: dict[str, Any]) -> str:
    """Return how the test rows were chosen, as the page of the task says it, and the clusters."""
    from challenge.task.splits import SPLIT_RULES

    rule = SPLIT_RULES.get(split.get("by", ""))
    column = split.get(rule.column) if rule is not None and rule.column is not None else None
    parts = [
        rule.sentence if rule is not None else "not stated",
        f"column {column}" if column else "",
        f"about {counted(split['n_clusters'], 'cluster')} of test rows"
        if "n_clusters" in split
        else "",
    ]
    return "; ".join(part for part in parts if part)


def require_names(names: list[str] | None, every: bool, fix: str) -> None:
    """Raise WrongUse unless a command line has either names of tasks or --all."""
    if bool(names) == every:
        raise WrongUse(
            Fault(
                "tasks",
                "both names and --all" if names else "nothing named",
                "ids of tasks, or --all",
                "leave one of the two out" if names else fix,
                code="which-tasks",
            )
        )


def chosen_tasks(
    challenge: Challenge,
    names: list[str] | None,
    every: bool,
    among: tuple[str, ...],
    option: str = "",
) -> list[str]:
    """Return the task ids that the command line names, each after `option` if there is one.

    Raises WrongUse for an unknown name, and when neither names nor --all are given.
    """
    fix = f"add {option} and one of" if option else "name some of"
    require_names(names, every, f"{fix}: {', '.join(among)}" if among else "see `challenge tasks`")
    for name in names or []:
        challenge.folder(name)
    return list(dict.fromkeys(names or among))


def named_kind(name: str | None) -> Kind | None:
    """Return the kind that `--kind` names, None without one; raise WrongUse for another name."""
    if name is not None and name not in KINDS:
        raise WrongUse(Fault("--kind", repr(name), " or ".join(KINDS), "name one", "unknown-kind"))
    return kind_of(name) if name else None


@app.command(
    epilog="Example: challenge add products --from products.csv --images photos/ --label category"
)
def add(
    ctx: typer.Context,
    task: Annotated[str, typer.Argument(metavar="ID", help="Lower case, digits, hyphens.")],
    source: Annotated[
        Path,
        typer.Option("--from", metavar="FILE", help="A table, or a folder of a known form."),
    ],
    images: Images = None,
    label: Label = None,
    kind: KindName = None,
    pairs: Pairs = None,
    raw: RawKeys = None,
) -> None:
    """Write a task.toml from raw data.

    Infers modalities, kind, group column, metric and split, and lists what it was unsure of.
    """
    from challenge.prepare.proposal.infer import propose_task
    from challenge.task.definition import TASK_ID
    from challenge.task.settings import read_settings

    challenge = challenge_of(ctx)
    if not re.fullmatch(TASK_ID, task) or len(task) > 64:
        expected = "lower-case characters, digits and single hyphens, at most 64"
        raise WrongUse(Fault("ID", repr(task), expected, "such as my-task", "task-id"))
    chosen_kind = named_kind(kind)
    path = challenge.datasets / task / "task.toml"
    if path.exists():
        fix = "edit it, or choose an id"
        raise WrongUse(Fault(str(path), "already there", "a new task", fix, "task-exists"))
    tracks = read_settings(challenge.root).track
    with Progress(f"add {task}") as progress:
        progress("looking at the data")
        proposal = propose_task(
            task,
            source,
            images=images,
            label=label,
            kind=chosen_kind,
            pairs=pairs,
            folder=path.parent,
            raw=raw_keys(raw),
        )
    write_atomically(path, proposal.text)
    say(f"{path}")
    for line in proposal.reading:
        say(f"  {line}")
    for line in proposal.unsure:
        say(f"unsure: {line}")
    say(f"next: correct it, then `challenge convert {task}` and `challenge leaderboard`")
    say(f"to rank it with others: {_track_hint(tracks, task, proposal.kind)}")


def _track_hint(tracks: list[Track], task: str, kind: Kind) -> str:
    of_kind = [track.id for track in tracks if track.kind == kind]
    if of_kind:
        return f'add "{task}" to the tasks of a track in challenge.toml, such as {of_kind[0]}'
    return f"challenge.toml has no track of {kind.name} tasks yet; give it one"


@app.command(epilog="Example: challenge convert icon-tag fodors-zagats")
def convert(ctx: typer.Context, names: Names = None, every: All = False) -> None:
    """Turn raw data into tasks.

    Unchanged tasks are skipped. A task that cannot be built is reported, and the others go on.
    """
    from challenge.ledger.contest.refresh import outdated_scores
    from challenge.prepare import build_task
    from challenge.task.reading_report import report_lines

    challenge = challenge_of(ctx)
    failures: list[ChallengeError] = []
    for task_id in chosen_tasks(challenge, names, every, challenge.task_ids()):
        with Progress(f"convert {task_id}") as progress:
            try:
                built = build_task(
                    challenge.folder(task_id), cache=challenge.downloads, progress=progress
                )
            except ChallengeError as error:
                failures.append(error)
                print_note(f"{task_id} was skipped:\n{error}")
                continue
        state = "unchanged" if built.unchanged else "built"
        say(
            f"{task_id}: {state}, {built.task.n_train:,} train and"
            f" {counted(built.task.n_test, 'test row')}, {built.seconds:.1f} s"
        )
        if not built.unchanged:
            for line in report_lines(built.task.document.get("reading", {})):
                say(f"  {line}")
            for note in built.notes:
                print_note(f"note: {note}")
            _print_audit_notes(built.task.document["audit"])
            if line := outdated_scores(challenge, built.task):
                print_note(f"note: {line}")
    if failures:
        raise typer.Exit(max(error.exit_code for error in failures))


def _say_wrapped(text: str) -> None:
    say(textwrap.fill(text, 80, initial_indent="  ", subsequent_indent="  "))


@app.command(epilog="Example: challenge audit icon-tag")
def audit(
    ctx: typer.Context,
    task: Annotated[
        str, typer.Argument(metavar="TASK", help="The id of a task that was converted.")
    ],
    json: Json = False,
) -> None:
    """Look for leaks in a built task, or in the build that its audit stopped.

    Exit 1 on a high finding that task.toml does not accept.
    """
    from challenge.prepare.audit import audit_task
    from challenge.prepare.build.task_build import AUDIT_ROWS, stopped_build

    challenge = challenge_of(ctx)
    stopped = stopped_build(challenge.folder(task)) / "public"
    is_stopped = (stopped / "task.json").is_file()
    found = read_task(stopped) if is_stopped else challenge.task(task)
    with Progress(f"audit {task}") as progress:
        report = audit_task(found.public, found.private, progress=progress)
    accepted = _definition(challenge, task).accept
    if json:
        print_json(report.as_json())
    else:
        if is_stopped:
            say(f"the build that the audit stopped: {stopped.parent}")
        if not report.findings:
            say("no findings")
        for finding in report.findings:
            say(f"{finding.severity}: {finding.name} ({finding.count})")
            _say_wrapped(finding.message)
            if finding.name in accepted:
                _say_wrapped(f"accepted: {accepted[finding.name]}")
            else:
                _say_wrapped(f"fix: {finding.fix}")
        if any(finding.rows for finding in report.findings):
            say(f"raw rows of the findings, 1 is the first of data: {found.private / AUDIT_ROWS}")
    if any(f.severity == "high" and f.name not in accepted for f in report.findings):
        raise typer.Exit(1)


@app.command(epilog="Example: challenge export icon-tag --to icon-tag.zip")
def export(
    ctx: typer.Context,
    task: Annotated[str, typer.Argument(metavar="TASK", help="The id of a built task.")],
    to: Annotated[
        Path | None, typer.Option("--to", metavar="FILE", help="Where the zip goes.")
    ] = None,
) -> None:
    """Write the zip that participants get.

    The zip holds the public folder. Its bytes are reproducible.
    """
    from challenge.task.export import export_task

    found = challenge_of(ctx).task(task)
    path = to or Path(f"{found.id}.zip")
    with Progress(f"export {task}") as progress:
        digest = export_task(found, path, progress=progress)
    say(f"{path}  sha256 {digest}")
