"""Which column of a predictions file is what, and every fault that its header alone shows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from challenge.errors import Fault, nearest
from challenge.scoring.predictions import Form
from challenge.scoring.reading.faults import fault, shown
from challenge.task import Task

__all__ = ["Layout", "expected_columns", "read_layout"]

_MOST_COMPARED = 200
_INDEX_NAMES = ("", "index", "level_0", "__index_level_0__")
_NEEDS_SCORE = ("average_precision", "roc_auc")


@dataclass(frozen=True)
class Layout:
    """Positions of the columns that count; None or empty where there is none.

    `numbers` are the positions of the probability columns in the order of the classes (-1 where
    one is missing), or of `score` alone.
    """

    width: int
    id: int | None
    label: int | None
    numbers: tuple[int, ...]
    number_names: tuple[str, ...]
    form: Form | None


def expected_columns(task: Task) -> str:
    """Say in one line which columns a submission to the task has."""
    if task.kind.paired:
        need = "score" if task.metric in _NEEDS_SCORE else "label (1 or 0) or score, or both"
        return f"id and {need}"
    return f"id and label, or id and one column per class ({len(task.classes)} classes)"


def read_layout(task: Task, names: Sequence[str], where: str) -> tuple[Layout, list[Fault]]:
    """Return what each column is, and the faults of the header."""
    faults: list[Fault] = []
    place: dict[str, int] = {}
    twice: dict[str, None] = {}
    for position, name in enumerate(names):
        if name not in place:
            place[name] = position
        else:
            twice[name] = None
    if twice:
        faults.append(
            fault(
                "column-duplicate",
                where,
                f"{len(twice)} column name(s) more than once",
                "each column once",
                "remove the columns that are not meant",
                len(twice),
                [shown(name) for name in [*twice][:5]],
            )
        )
    wanted, meant = _wanted(task, place)
    faults += _mend_spelling(place, wanted, where)
    faults += _unknown(task, place, meant, where)
    faults += _missing(task, place, meant, where)
    return _layout(task, place, meant, len(names)), faults


def _wanted(task: Task, place: dict[str, int]) -> tuple[tuple[str, ...], set[str]]:
    """Return all names that a column may have, and those that this file seems to use."""
    if task.kind.paired:
        return ("id", "label", "score"), {"id", "label", "score"}
    wanted = ("id", "label", *task.classes)
    classes = set(task.classes)
    n_classes = sum(name in classes for name in place)
    by_class = n_classes > 0 and ("label" not in place or n_classes == len(classes))
    if n_classes == 0 and "label" not in place:
        folded = {name.strip().casefold() for name in task.classes}
        by_class = any(name.strip().casefold() in folded for name in place)
    return wanted, {"id", *classes} if by_class else {"id", "label"}


def _mend_spelling(place: dict[str, int], wanted: Sequence[str], where: str) -> Iterator[Fault]:
    """Report columns that are nearly a wanted one, and take them for it from here on."""
    free = [name for name in wanted if name not in place]
    if not free or len(free) > 5000:
        return
    known = set(wanted)
    by_folded: dict[str, list[str]] = {}
    for one in free:
        by_folded.setdefault(one.strip().casefold(), []).append(one)
    compared = 0
    for name in [name for name in place if name not in known]:
        if name in _INDEX_NAMES or name.startswith("Unnamed"):
            continue
        alike = by_folded.get(name.strip().casefold(), ())
        guess = next((one for one in alike if one not in place), None)
        # Likeness is slow to find: a header of a hundred thousand names gets its answer, too.
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
        place[guess] = place.pop(name)
        free.remove(guess)


def _unknown(task: Task, place: dict[str, int], meant: set[str], where: str) -> Iterator[Fault]:
    extra = [name for name in place if name not in meant]
    index = [name for name in extra if name in _INDEX_NAMES or name.startswith("Unnamed: ")]
    if index:
        yield fault(
            "column-index",
            where,
            f"an index column {shown(index[0])}",
            expected_columns(task),
            "write with index=False",
            len(index),
        )
    pairs = [name for name in extra if task.kind.paired and name in ("left_id", "right_id")]
    if pairs:
        yield fault(
            "column-pair",
            where,
            f"column(s) {', '.join(pairs)}",
            "`id` alone, which names the pair",
            "remove them; take `id` from the test table, whose pairs are the only ones asked for",
            len(pairs),
        )
    told = {*index, *pairs}
    extra = [name for name in extra if name not in told]
    classes = set(task.classes)
    kind = [name for name in extra if name in ("label", "score") or name in classes]
    if kind:
        yield _of_other_kind(task, kind, where)
        told = set(kind)
        extra = [name for name in extra if name not in told]
    if extra:
        yield fault(
            "column-unknown",
            where,
            f"{len(extra)} column(s) that are not part of a submission",
            expected_columns(task),
            "remove them",
            len(extra),
            [shown(name) for name in extra[:5]],
        )


def _of_other_kind(task: Task, names: list[str], where: str) -> Fault:
    found = f"column(s) {', '.join(shown(name, 30) for name in names[:5])}"
    if task.kind.paired:
        fix = "give the probability of class 1 in a column `score`, and remove the class columns"
    elif "score" in names:
        fix = (
            f"`score` is for matching; this task is classification and {task.metric} needs "
            "`label`, or one probability per class"
        )
    else:
        fix = (
            "submit either `label` or the class columns; from the class columns the most probable "
            f"class is taken for {task.metric}"
        )
    return fault("column-kind", where, found, expected_columns(task), fix, len(names))


def _missing(task: Task, place: dict[str, int], meant: set[str], where: str) -> Iterator[Fault]:
    if "id" not in place:
        yield fault(
            "column-missing",
            where,
            "no column `id`",
            expected_columns(task),
            "add the ids of the test table as `id`",
        )
    if task.kind.paired:
        if "label" not in place and "score" not in place:
            fix = "add `label` with 1 or 0, or `score` with the probability of a match"
            if task.metric in _NEEDS_SCORE:
                fix = "add `score`, the probability of a match"
            yield fault(
                "column-missing",
                where,
                "neither `label` nor `score`",
                expected_columns(task),
                fix,
            )
        elif "score" not in place and task.metric in _NEEDS_SCORE:
            yield fault(
                "column-kind",
                where,
                "decisions only (`label`)",
                f"a column `score`: {task.metric} ranks the pairs, and decisions do not rank",
                "add `score`, a probability of a match in [0, 1]",
            )
        return
    if meant == {"id", "label"}:
        if "label" not in place:
            yield fault(
                "column-missing",
                where,
                "neither `label` nor a column of any class",
                expected_columns(task),
                "add `label`, or one probability column per class",
            )
        return
    absent = [name for name in task.classes if name not in place]
    if absent:
        yield fault(
            "column-missing",
            where,
            f"no column for {len(absent)} of {len(task.classes)} classes",
            "one probability column per class",
            "add them; 0 is a probability, too",
            len(absent),
            [shown(name) for name in absent[:5]],
        )


def _layout(task: Task, place: dict[str, int], meant: set[str], width: int) -> Layout:
    form: Form | None = None
    label: int | None = None
    names: tuple[str, ...] = ()
    if task.kind.paired:
        label = place.get("label")
        names = ("score",) if "score" in place else ()
        if label is not None:
            form = "labels+scores" if names else "labels"
        elif names:
            form = "scores"
    elif "label" in meant:
        label = place.get("label")
        form = "labels" if label is not None else None
    else:
        names = task.classes
        form = "probabilities"
    numbers = tuple(place.get(name, -1) for name in names)
    return Layout(width, place.get("id"), label, numbers, names, form)
