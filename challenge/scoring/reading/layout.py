"""Identifies the columns of a predictions file, and finds every fault of its header."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from challenge.errors import Fault, nearest
from challenge.kinds.forms import Form, Forms
from challenge.scoring.reading.faults import fault, shown
from challenge.task import Task

__all__ = ["Layout", "forms_of", "read_layout"]

_MOST_COMPARED = 200
_RESET = ("index", "level_0")
"""What `reset_index` of pandas calls the column that it makes."""
_INDEX_NAMES = ("", *_RESET, "__index_level_0__")


@dataclass(frozen=True)
class Layout:
    """Positions of the columns that are read; None or empty where there is none.

    `numbers` are the positions of the columns of numbers (-1 where one is missing): the
    probabilities in the order of the classes, the scores, predicted numbers, or vectors.
    """

    width: int
    id: int | None
    label: int | None
    numbers: tuple[int, ...]
    number_names: tuple[str, ...]
    form: Form | None


def forms_of(task: Task) -> Forms:
    """Return what a submission to the task may look like."""
    forms: Forms = task.kind.forms(task.answer_columns, task.kind.metric(task.metric))
    return forms


def read_layout(task: Task, names: Sequence[str], where: str) -> tuple[Layout, list[Fault]]:
    """Return what each column is, and the faults of the header."""
    faults: list[Fault] = []
    index_of: dict[str, int] = {}
    twice: dict[str, None] = {}
    for position, name in enumerate(names):
        if name not in index_of:
            index_of[name] = position
        else:
            twice[name] = None
    if twice:
        faults.append(
            fault(
                "column-duplicate",
                where,
                f"{len(twice)} column name(s) used more than once",
                "each column once",
                "remove the others",
                len(twice),
                [shown(name) for name in [*twice][:5]],
            )
        )
    forms = forms_of(task)
    meant = forms.meant(index_of)
    faults += _fix_spelling(index_of, forms.names, where)
    faults += _unknown(forms, index_of, meant, where)
    if "id" not in index_of:
        faults.append(
            fault(
                "column-missing",
                where,
                "no column `id`",
                forms.expected,
                "add the ids of the test table as `id`",
            )
        )
    faults += forms.missing(index_of, meant, where)
    columns = forms.columns(index_of, meant)
    return (
        Layout(
            len(names),
            index_of.get("id"),
            index_of["label"] if columns.label else None,
            tuple(index_of.get(name, -1) for name in columns.numbers),
            columns.numbers,
            columns.form,
        ),
        faults,
    )


def _fix_spelling(index_of: dict[str, int], wanted: Sequence[str], where: str) -> Iterator[Fault]:
    """Report misspelled columns, and use each as the expected column from here on."""
    free = [name for name in wanted if name not in index_of]
    if not free or len(free) > 5000:
        return
    known = set(wanted)
    by_folded: dict[str, list[str]] = {}
    for one in free:
        by_folded.setdefault(one.strip().casefold(), []).append(one)
    compared = 0
    for name in [name for name in index_of if name not in known]:
        if name in _INDEX_NAMES or name.startswith("Unnamed"):
            continue
        alike = by_folded.get(name.strip().casefold(), ())
        guess = next((one for one in alike if one not in index_of), None)
        # Similar names are slow to find, so a header of many thousand names gets fewer guesses.
        if guess is None and len(name) > 3 and len(free) <= 200 and compared < _MOST_COMPARED:
            compared += 1
            guess = nearest(name[:200], [one for one in free if len(one) > 2])
        if guess is None:
            continue
        yield fault(
            "column-spelling",
            where,
            f"a column {shown(name)}",
            f"a column {shown(guess)}",
            f"did you mean {shown(guess)}? Write exactly that",
        )
        index_of[guess] = index_of.pop(name)
        free.remove(guess)


def _index_fix(name: str) -> str:
    if name not in _RESET:
        return "write with index=False"
    return f'df.drop(columns="{name}") after reset_index(), or write with index=False'


def _unknown(
    forms: Forms, index_of: dict[str, int], meant: set[str], where: str
) -> Iterator[Fault]:
    extra = [name for name in index_of if name not in meant]
    index = [name for name in extra if name in _INDEX_NAMES or name.startswith("Unnamed: ")]
    if index:
        yield fault(
            "column-index",
            where,
            f"an index column {shown(index[0])}",
            forms.expected,
            _index_fix(index[0]),
            len(index),
        )
    pairs = [name for name in extra if name in forms.records]
    if pairs:
        yield fault(
            "column-pair",
            where,
            f"column(s) {', '.join(pairs)}",
            "`id` alone, which names the pair",
            "remove them; take `id` from the test table, which lists the pairs to predict",
            len(pairs),
        )
    reported = {*index, *pairs}
    extra = [name for name in extra if name not in reported]
    classes = {*forms.others, *forms.classes}
    kind = [name for name in extra if name in classes]
    if kind:
        found = f"column(s) {', '.join(shown(name, 30) for name in kind[:5])}"
        yield fault(
            "column-kind", where, found, forms.expected, forms.other_kind_fix(kind), len(kind)
        )
        reported = set(kind)
        extra = [name for name in extra if name not in reported]
    if extra:
        yield fault(
            "column-unknown",
            where,
            f"{len(extra)} column(s) that are not part of a submission",
            forms.expected,
            "remove them",
            len(extra),
            [shown(name) for name in extra[:5]],
        )
