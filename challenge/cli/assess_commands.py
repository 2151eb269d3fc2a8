"""The command that assesses data before a contest."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from challenge.cli.app import app, start_of
from challenge.cli.output import Progress, print_json, print_note, say
from challenge.cli.raw_keys import raw_keys
from challenge.cli.task_commands import (
    Images,
    Json,
    KindName,
    Label,
    Pairs,
    RawKeys,
    named_kind,
)
from challenge.task import find_task, is_path_like

__all__: list[str] = []


@app.command(epilog="Example: challenge assess products.csv --label category --to assessment.html")
def assess(
    ctx: typer.Context,
    source: Annotated[
        str, typer.Argument(metavar="FILE", help="A table or a folder; or a built task.")
    ],
    label: Label = None,
    images: Images = None,
    kind: KindName = None,
    pairs: Pairs = None,
    raw: RawKeys = None,
    to: Annotated[
        Path | None,
        typer.Option("--to", metavar="FILE", help="Write the page here, and JSON beside it."),
    ] = None,
    json: Json = False,
) -> None:
    """Assess whether data is worth a contest.

    Signal, learning curve, modalities, labels, leaks, the size of the test, costs, and a verdict:
    go, go after, or no. Exit 1 unless it is go. The page is for the organiser.
    """
    from challenge.assess.assessment_page import assessment_page
    from challenge.assess.measure import measure_task
    from challenge.assess.raw_table import assess_table
    from challenge.task import dump_json
    from challenge.task.files import new_file

    chosen_kind = named_kind(kind)
    path = Path(source)
    built = (path / "task.json").is_file() or (path / "public" / "task.json").is_file()
    with Progress(f"assess {source}") as progress:
        if built or not (path.exists() or is_path_like(source)):
            found = measure_task(find_task(source, start_of(ctx)), progress)
        else:
            found = assess_table(
                path,
                images=images,
                label=label,
                kind=chosen_kind,
                pairs=pairs,
                raw=raw_keys(raw),
                progress=progress,
            )
    if to is not None:
        with new_file(to) as file:
            file.write(assessment_page(found).encode())
        with new_file(to.with_suffix(".json")) as file:
            file.write(dump_json(found.as_json()).encode())
    if json:
        print_json(found.as_json())
    else:
        for line in found.lines():
            say(line)
    if to is not None:
        print_note(f"page: {to}")
    if found.decision != "go":
        raise typer.Exit(1)
