"""Every fault of the ids of a file, and the row of the task that each id names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from challenge.errors import Fault, counted, nearest
from challenge.scoring.old_vectors import query_rows
from challenge.scoring.predictions import Rows
from challenge.scoring.reading.content import Content
from challenge.scoring.reading.faults import Tally, fault, shown
from challenge.scoring.reading.prepared_ids import read_ids
from challenge.task import Task

__all__ = ["find_id_faults"]


def find_id_faults(
    task: Task, content: Content, rows: Rows
) -> tuple[NDArray[np.int64], list[Fault]]:
    """Return the task's row for each row of the file (-1 when unknown), and the faults."""
    expected = read_ids(task, rows)
    row_of = {one: row for row, one in enumerate(expected)}
    found = np.full(len(content.ids), -1, np.int64)
    first_at: dict[int, int] = {}
    empty, repeated = Tally(), Tally()
    unknown: list[int] = []
    for position, one in enumerate(content.ids):
        if one is None:
            continue
        if not one:
            empty.add(content.position_of(position))
            continue
        row = row_of.get(one, -1)
        if row < 0:
            unknown.append(position)
            continue
        found[position] = row
        if row in first_at:
            repeated.add(
                f"{content.position_of(position)} repeats "
                f"{content.position_of(first_at[row])}: {shown(one)}"
            )
        else:
            first_at[row] = position
    if content.layout.id is None:
        return found, []
    where = f"{content.name}, column id"
    faults = list(_empty_and_repeated(where, empty, repeated))
    faults += _unknown(task, content, rows, expected, unknown, len(first_at))
    needed: Sequence[int] = range(len(expected))
    wanted = f"one row for every id of {rows}.csv"
    fix = "predict every row: all of them are scored"
    if task.kind.has_things:
        queries = query_rows(task, rows).tolist()
        wanted = f"one row for every query of {rows}.csv, and for all rows of its gallery or none"
        fix = "add the vectors of these rows"
        needed = queries if first_at.keys() <= set(queries) else needed
    absent = Tally()
    for row in needed:
        if row not in first_at:
            absent.add(shown(expected[row]))
    if absent.n:
        found_here = f"{absent.n:,} of {counted(len(needed), 'id')} have no row"
        faults.append(fault("id-missing", where, found_here, wanted, fix, absent.n, absent.first))
    return found, faults


def _empty_and_repeated(where: str, empty: Tally, repeated: Tally) -> Iterator[Fault]:
    if empty.n:
        yield fault(
            "id-empty",
            where,
            f"{empty.n:,} row(s) without an id",
            "an id in every row",
            "fill in the ids of the table, or remove these rows",
            empty.n,
            empty.first,
        )
    if repeated.n:
        yield fault(
            "id-duplicate",
            where,
            f"{repeated.n:,} row(s) whose id was already used above",
            "one row per id",
            "keep one row of each",
            repeated.n,
            repeated.first,
        )


def _unknown(
    task: Task,
    content: Content,
    rows: Rows,
    expected: Sequence[bytes],
    unknown: list[int],
    n_known: int,
) -> Iterator[Fault]:
    if not unknown:
        return
    where = f"{content.name}, column id"
    other: Rows = "train" if rows == "test" else "test"
    of_other = set(read_ids(task, other))
    tally, strange = Tally(), []
    for position in unknown:
        one = content.ids[position] or b""
        if one in of_other:
            tally.add(f"{content.position_of(position)}: {shown(one)}")
        else:
            strange.append(position)
    if tally.n:
        yield fault(
            "id-other-rows",
            where,
            f"{tally.n:,} row(s) with ids of {other}",
            f"ids of {rows}.csv",
            f"predict the rows of {rows}.csv",
            tally.n,
            tally.first,
        )
    if not strange:
        return
    first = [_with_guess(content, position, expected) for position in strange[:5]]
    if not n_known and not tally.n and not any(guess for _, guess in first):
        yield fault(
            "id-other-task",
            where,
            f"no id of {task.id}: {len(strange):,} unknown",
            f"ids of {rows}.csv of {task.id}",
            "check which task the file was made for",
            len(strange),
            [text for text, _ in first],
        )
        return
    yield fault(
        "id-unknown",
        where,
        f"{len(strange):,} row(s) with ids that the task does not have",
        f"ids of {rows}.csv, as text, unchanged",
        "read ids as strings (dtype=str) and copy them unchanged",
        len(strange),
        [text + (f" (did you mean {guess}?)" if guess else "") for text, guess in first],
    )


def _with_guess(content: Content, position: int, expected: Sequence[bytes]) -> tuple[str, str]:
    one = content.ids[position] or b""
    text = f"{content.position_of(position)}: {shown(one)}"
    bare = one.strip()
    forms = {bare, bare.lower(), bare.upper(), bare.removesuffix(b".0"), b'"' + bare + b'"'}
    for candidate in expected:
        if candidate in forms or candidate.lstrip(b"0") == bare.removesuffix(b".0") != b"":
            return text, shown(candidate)
    if len(expected) <= 5000 and len(bare) <= 200:
        guess = nearest(bare.decode("utf-8", "replace"), (c.decode() for c in expected))
        return text, shown(guess) if guess else ""
    return text, ""
