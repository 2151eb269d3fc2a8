"""Guesses about a whole raw table: which column is what, and what that may get wrong.

Each guess appends a sentence to `unsure` when a person should look at it.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import replace

from challenge.errors import Fault, TaskError, nearest
from challenge.kinds import Kind
from challenge.prepare.proposal.profiles import Profile
from challenge.prepare.readers.image_files import ImageFolder
from challenge.prepare.readers.table_files import RawFile
from challenge.prepare.splits.split_rules import LARGEST_SHARE
from challenge.task.columns import RESERVED

__all__ = [
    "guess_group",
    "guess_key",
    "guess_label",
    "guess_metric",
    "guess_missing",
    "guess_variants",
    "images_by_key",
    "look_at_labels",
    "look_at_size",
    "look_for_tells",
    "sort_columns",
    "take_sides",
]

_LABEL_NAMES = ("label", "target", "class", "category", "gold", "y", "outcome", "species", "type")
_GROUP_NAME = re.compile(
    r"(user|customer|patient|subject|person|author|group|family|parent|session|product|item|shop|"
    r"store|company|household|base|series|owner|seller|site)",
    re.IGNORECASE,
)

PUBLIC_ROWS = 300
"""Public test rows from which on a running contest shows scores; the ledger's own limit."""
_SHARED = 0.02
"""Share of the rows that have to be variants of another one before the split heeds them."""
_VARIANTS = 5
"""Rows that a thing may have on average, for its rows to be variants."""


def guess_label(
    table: RawFile, profiles: dict[str, Profile], label: str | None, unsure: list[str]
) -> str:
    """Return the label column: the one named, else by its name, else the last that fits."""
    if label is not None:
        if label not in profiles:
            guess = nearest(label, profiles)
            raise TaskError(
                Fault(
                    table.path.name,
                    f"no column {label!r} (there are: {', '.join(profiles)})",
                    "the column to predict",
                    f"did you mean {guess!r}?" if guess else "name one of these",
                    code="column-missing",
                )
            )
        return label
    folded = {name.casefold(): name for name in profiles}
    named = [folded[name] for name in _LABEL_NAMES if name in folded]
    fitting = [
        name
        for name, one in profiles.items()
        if one.modality == "categorical" and 2 <= one.n_distinct <= 200
        if not one.is_id and not one.is_key
    ]
    if not named and not fitting:
        raise TaskError(
            Fault(table.path.name, "no column that looks like a label", "the column to predict",
                  "name it with --label", "label-unknown")
        )  # fmt: skip
    chosen = named[0] if named else fitting[-1]
    others = [name for name in fitting if name != chosen][:4]
    also = f"; {', '.join(others)} would do as well" if others else ""
    unsure.append(f"label: taken to be {chosen}{also}")
    return chosen


def look_at_labels(label: str, values: list[str | None], kind: Kind, unsure: list[str]) -> None:
    """Raise TaskError for labels that make no task; note on rare and missing ones."""
    counts = Counter(value for value in values if value is not None)
    n = sum(counts.values())
    if len(counts) < 2:
        raise TaskError(
            Fault(f"column {label}", f"{len(counts)} classes", "at least two classes",
                  "name another column with --label", "one-class")
        )  # fmt: skip
    if kind.paired and not set(counts) <= {"0", "1", "true", "false", "True", "False"}:
        raise TaskError(
            Fault(f"column {label}", f"labels {', '.join(sorted(counts)[:5])}", "1 and 0",
                  "translate them, or name another column with --label", "label-unknown")
        )  # fmt: skip
    if len(counts) > 50 and len(counts) > n / 5:
        raise TaskError(
            Fault(
                f"column {label}",
                f"{len(counts):,} different values in {n:,} rows",
                "classes that recur",
                "name another column with --label; numbers to foretell are no task here yet",
                code="label-unknown",
            )
        )
    rare = [name for name, times in counts.items() if times < 5]
    if rare:
        unsure.append(
            f"label: {len(rare):,} of {len(counts):,} classes have fewer than 5 rows; merge or "
            "drop them, else a side of the split may lack them"
        )
    if n < len(values):
        unsure.append(f"label: {len(values) - n:,} rows have none and will be dropped")


def look_at_size(n: int, unsure: list[str]) -> None:
    """Note on tables whose public subset will be too small to show a score while a contest runs."""
    n_public = round(0.3 * 0.3 * n)
    if n_public < PUBLIC_ROWS:
        unsure.append(
            f"split: about {n_public:,} test rows will be public; a contest shows no score of "
            f"fewer than {PUBLIC_ROWS} before its close (raise test or public if it should)"
        )


def guess_metric(kind: Kind, values: list[str | None], unsure: list[str]) -> str:
    """Return the metric that suits the sizes of the classes."""
    if kind.even_metric is None:
        return kind.default_metric
    counts = Counter(value for value in values if value is not None)
    largest = max(counts.values()) / sum(counts.values())
    if largest * len(counts) > 1.4:
        why = f"since the largest of the classes has {largest:.0%}"
        unsure.append(f"metric: {kind.default_metric}, {why}")
        return kind.default_metric
    unsure.append(f"metric: {kind.even_metric}, since the classes are about equally large")
    return kind.even_metric


def guess_missing(
    profiles: dict[str, Profile], values: dict[str, list[str | None]], unsure: list[str]
) -> str | None:
    """Return the word that stands for no value in numbers, when texts have it too."""
    words = Counter(word for one in profiles.values() for word in one.missing_words)
    for word, _ in words.most_common(1):
        others = [
            name
            for name, one in profiles.items()
            if word not in one.missing_words and word in values[name]
        ]
        if others:
            unsure.append(
                f"missing: {word!r} stands for no number, so it was taken for nothing in "
                f"{', '.join(others)} too"
            )
            return word
    return None


def guess_key(profiles: dict[str, Profile], label: str) -> str | None:
    """Return the column that identifies rows, None when there is none."""
    keys = [name for name, one in profiles.items() if one.is_key and name != label]
    named = [name for name in keys if profiles[name].is_id]
    return next(iter(named or keys), None)


def guess_group(
    profiles: dict[str, Profile],
    values: dict[str, list[str | None]],
    label: str,
    key: str | None,
    unsure: list[str],
) -> str | None:
    """Return the column whose values several rows share as rows of one thing do."""
    best: tuple[int, str] | None = None
    for name, one in profiles.items():
        if name in (label, key) or one.modality in ("numeric", "image") or one.n_missing:
            continue
        if one.counts_up:
            continue
        named = bool(_GROUP_NAME.search(name))
        if not (one.is_id or (named and one.n_distinct > 50)):
            continue
        if not one.n / 200 <= one.n_distinct <= 0.9 * one.n or one.n_distinct < 10:
            continue
        score = (2 if named else 0) + (1 if one.is_id else 0)
        if best is None or score > best[0]:
            best = (score, name)
    if best is None:
        return None
    one = profiles[best[1]]
    unsure.append(
        f"split: rows that share {best[1]} ({one.n_distinct:,} values in {one.n:,} rows) are kept "
        'together; write by = "row" if they have nothing in common'
    )
    return best[1]


def guess_variants(
    profiles: dict[str, Profile],
    values: dict[str, list[str | None]],
    label: str,
    key: str | None,
    unsure: list[str],
) -> str | None:
    """Return a text or image that some rows share, nearly always with one label.

    Such rows are variants of one thing: on both sides of the split they would tell the label.
    """
    n = len(values[label])
    totals = Counter(values[label])
    chance = sum(times**2 for times in totals.values()) / n**2
    best: tuple[int, str] | None = None
    for name, one in profiles.items():
        if name in (label, key) or one.n_missing or one.n_distinct < n / _VARIANTS:
            continue
        if one.modality not in ("text", "image") or one.why.startswith("images in"):
            continue
        labels_of: dict[str | None, Counter[str | None]] = defaultdict(Counter)
        for value, own in zip(values[name], values[label], strict=True):
            labels_of[value][own] += 1
        shared = [owns for owns in labels_of.values() if owns.total() > 1]
        n_shared = sum(owns.total() for owns in shared)
        if (
            n_shared < max(4, _SHARED * n)
            or max(owns.total() for owns in shared) > n * LARGEST_SHARE
        ):
            continue
        agree = sum(len(owns) == 1 for owns in shared) / len(shared)
        if agree > (1 + chance) / 2 and (best is None or n_shared > best[0]):
            best = (n_shared, name)
    if best is None:
        return None
    unsure.append(
        f"split: {best[0]:,} rows have the {best[1]!r} of another row, nearly always together with "
        'its class; such variants are kept together (write by = "row" if they have nothing in '
        "common)"
    )
    return best[1]


def sort_columns(
    profiles: dict[str, Profile], taken: set[str | None], key: str | None, group: str | None
) -> tuple[dict[str, Profile], dict[str, str], dict[str, str]]:
    """Return features, converter options for them, and what is left out with the reason."""
    columns: dict[str, Profile] = {}
    options: dict[str, str] = {}
    left_out: dict[str, str] = {}
    for name, one in profiles.items():
        if name == key:
            left_out[name] = "Identifies the row"
        elif name == group:
            left_out[name] = "Forms the split"
        elif name in taken:
            continue
        elif one.empty:
            left_out[name] = one.why.capitalize()
        elif one.is_key and one.is_id:
            left_out[name] = "A value of its own in every row"
        else:
            shown = f"{name}_value" if name in RESERVED else name
            columns[shown] = replace(one, name=shown)
            if shown != name:
                options[f"from_{shown}"] = name
            if one.date:
                options[f"date_{shown}"] = one.date
    return columns, options, left_out


def take_sides(
    columns: dict[str, Profile], options: dict[str, str]
) -> tuple[dict[str, Profile], dict[str, str], dict[str, str]]:
    """Return left_* and right_* columns as attributes, with the sides that have them."""
    attributes: dict[str, Profile] = {}
    seen: dict[str, set[str]] = defaultdict(set)
    for name, one in columns.items():
        side, _, attribute = name.partition("_")
        if side in ("left", "right") and attribute and attribute != "id":
            attributes.setdefault(attribute, replace(one, name=attribute))
            seen[attribute].add(side)
    sides = {name: next(iter(both)) for name, both in seen.items() if len(both) == 1}
    kept = {
        name: value
        for name, value in options.items()
        if name.split("_", 1)[-1].startswith(("left_", "right_"))
    }
    return attributes, sides, kept


def images_by_key(
    columns: dict[str, Profile],
    images: ImageFolder,
    key: str | None,
    values: dict[str, list[str | None]],
    unsure: list[str],
) -> None:
    """Add a column of images that are named by the key, where no column names them.

    Raises TaskError when the key does not either.
    """
    for name in [key] if key else []:
        hits = sum(value is not None and images.find(value) is not None for value in values[name])
        if hits:
            n = len(values[name])
            columns["image"] = Profile(
                "image", "image", n, n - hits, hits, f"files named by {name}"
            )
            if hits < n:
                unsure.append(f"image: {n - hits:,} of {n:,} rows have no file named by {name}")
            return
    named = images.first()
    raise TaskError(
        Fault(
            "--images",
            f"no column holds names of its files, such as {named!r}" if named else "no image in it",
            "images that a column names: by path, by file name, or by the id of the row",
            "add such a column, or leave out --images",
            code="images-unnamed",
        )
    )


def look_for_tells(
    columns: dict[str, Profile], values: dict[str, list[str | None]], label: str, unsure: list[str]
) -> None:
    """Note on categories that decide the label: perhaps it under another name."""
    for name, one in columns.items():
        if one.modality != "categorical" or name not in values or one.n_distinct > one.n / 5:
            continue
        labels_of: dict[str, set[str]] = defaultdict(set)
        for value, own in zip(values[name], values[label], strict=True):
            if value is not None and own is not None:
                labels_of[value].add(own)
        if len(labels_of) > 1 and all(len(owns) == 1 for owns in labels_of.values()):
            unsure.append(f"{name}: each of its values has one label only; is it the label again?")
