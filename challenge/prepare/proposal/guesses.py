"""Guesses about a whole raw table: label, key, group, metric and features.

Each guess appends a note to `notes` when a person should look at it.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from challenge.errors import Fault, TaskError, counted
from challenge.kinds import Kind, kind_with
from challenge.prepare.audit.tells import ALONE, auc_of_column, exceeds
from challenge.prepare.build.label_numbers import number_ranges
from challenge.prepare.build.table_checks import missing_column
from challenge.prepare.proposal.notes import Code, Note, note
from challenge.prepare.proposal.profiles import Profile
from challenge.prepare.readers.column_readings import variants_of
from challenge.prepare.readers.image_files import ImageFolder
from challenge.prepare.readers.raw_file import RawFile
from challenge.prepare.splits.clusters import LARGEST_SHARE
from challenge.task.columns import RESERVED
from challenge.task.modalities import modality_of
from challenge.task.number_texts import MISSING, NUMBER_FORMATS, read_number

__all__ = [
    "guess_group",
    "guess_key",
    "guess_kind",
    "guess_label",
    "guess_metric",
    "guess_missing",
    "guess_variants",
    "images_by_key",
    "label_ranges",
    "look_at_labels",
    "look_at_size",
    "look_for_leaks",
    "sort_columns",
    "take_sides",
]

_LABEL_NAMES = ("label", "target", "class", "category", "gold", "y", "outcome", "species", "type")
_AMOUNT_NAMES = ("price", "cost", "amount", "salary", "sales", "revenue", "rating")
_GROUP_NAME = re.compile(
    r"(user|customer|patient|subject|person|author|group|family|parent|session|product|item|shop|"
    r"store|company|household|base|series|owner|seller|site)",
    re.IGNORECASE,
)

PUBLIC_ROWS = 300
"""Fewest public test rows with which a running contest shows scores; the ledger's own limit."""
_SHARED = 0.02
"""Share of the rows that must be variants of another one before the split considers them."""
_FEW_NUMBERS = 12
"""Different whole numbers up to which a label is one of classes; a rating, say."""
_ROWS_A_CODE = 5
"""Rows that a class has on average where classes are numbered without a gap."""
_VARIANTS = 5
"""Rows that a thing may have on average, for its rows to be variants."""
_RARE = 5
"""A class of fewer rows may be missing from a side of the split."""
_ONE_SIDED = 0.1
"""Share of the classes that may lie within one group each, for a split by group."""


def guess_label(
    table: RawFile,
    profiles: dict[str, Profile],
    label: str | None,
    kind: Kind | None,
    notes: list[Note],
) -> str:
    """Return the label column: the one named, else by its name, else the last that fits."""
    if label is not None:
        if label not in profiles:
            # How the file was read may be why the name is not there.
            expected, fix = "the column to predict", "; ".join(("name one of these", *table.notes))
            if "sheet" in table.stated:
                fix += "; name another sheet with --raw sheet=…"
            elif len(table.names) == 1:
                fix = "write `delimiter` under [raw], or --raw delimiter=… with `challenge add`"
            raise TaskError(missing_column(table.path.name, label, profiles, expected, fix))
        return label
    amounts = [name for name, one in profiles.items() if _is_amount(one)]
    if kind is not None and kind.label == "number":
        fitting, among = amounts, amounts
    else:
        fitting = [
            name
            for name, one in profiles.items()
            if modality_of(one.modality).is_categorical and 2 <= one.n_distinct <= 200
            if not one.is_id and not one.is_key
        ]
        among = list(profiles)
    folded = {name.casefold(): name for name in among}
    named = [folded[name] for name in _LABEL_NAMES if name in folded]
    if not named and (fitting == amounts or not fitting):
        by_amount = {name.casefold(): name for name in amounts}
        named = [by_amount[name] for name in _AMOUNT_NAMES if name in by_amount]
    if not named and not fitting:
        raise TaskError(
            Fault(table.path.name, "no column that looks like a label", "the column to predict",
                  "name it with --label", "label-unknown")
        )  # fmt: skip
    chosen = named[0] if named else fitting[-1]
    others = tuple(name for name in fitting if name != chosen)[:4]
    notes.append(
        note(Code.LABEL_AMONG, column=chosen, others=others)
        if others
        else note(Code.LABEL, column=chosen)
    )
    return chosen


def _is_amount(profile: Profile) -> bool:
    """Whether a column holds numbers, dates aside."""
    return profile.why.code in (Code.NUMBERS, Code.WHOLE_NUMBERS)


def guess_kind(profile: Profile, values: list[str | None], notes: list[Note]) -> Kind:
    """Return the kind that suits a label: numbers where there are many, else classes.

    Whole numbers from 0 or 1 without a gap that all recur are taken for codes of classes.
    """
    of_classes, of_numbers = kind_with("class"), kind_with("number")
    if not _is_amount(profile):
        return of_classes
    found = (_number_of(text, profile.form) for text in values)
    numbers = [one for one in found if one is not None]
    n = len(set(numbers))
    codes = (
        all(one.is_integer() for one in numbers)
        and min(numbers) in (0, 1)
        and max(numbers) - min(numbers) == n - 1
        and len(numbers) >= _ROWS_A_CODE * n
    )
    if n <= _FEW_NUMBERS or codes:
        notes.append(note(Code.NUMBER_CLASSES, n=n, kind=of_classes.name, other=of_numbers.name))
        return of_classes
    notes.append(note(Code.NUMBER_KIND, n=n, kind=of_numbers.name, other=of_classes.name))
    return of_numbers


def _number_of(text: str | None, form: str | None = None) -> float | None:
    """Return the number of a text, None where there is none or it is not finite."""
    try:
        number = read_number(text or "", form or NUMBER_FORMATS[0])
    except ValueError:
        return None
    return None if number is None else float(number)


def label_ranges(values: list[str | None], form: str | None = None) -> list[str | None]:
    """Return the range of each label that is a number, as a text; rows of one range are alike."""
    numbers = [_number_of(text, form) for text in values]
    ranges = iter(number_ranges(np.array([one for one in numbers if one is not None])).tolist())
    return [None if one is None else str(next(ranges)) for one in numbers]


def _look_at_numbers(
    label: str, values: list[str | None], form: str | None, notes: list[Note]
) -> None:
    """Raise TaskError for labels of which some are no numbers, or all are equal."""
    words = sorted({text for text in values if text and text.strip().casefold() in MISSING})
    present = [text for text in values if text is not None and text not in words]
    bad = [text for text in present if _number_of(text, form) is None]
    if bad:
        raise TaskError(
            Fault(f"column {label}",
                  f"{len(bad):,} of {len(present):,} labels are no finite numbers",
                  "a finite number in every row that has a label",
                  "correct them, or name another column with --label", "label-unknown", n=len(bad),
                  first=tuple(repr(text) for text in bad[:5]))
        )  # fmt: skip
    if len({_number_of(text, form) for text in present}) < 2:
        found = f"{present[0]} in all of {counted(len(present), 'row')}" if present else "no number"
        raise TaskError(
            Fault(f"column {label}", found, "at least two different numbers",
                  "name another column with --label", "one-number")
        )  # fmt: skip
    if words:
        notes.append(note(Code.LABEL_MISSING, texts=tuple(map(repr, words))))


def look_at_labels(
    label: str,
    values: list[str | None],
    kind: Kind,
    notes: list[Note],
    form: str | None = None,
) -> None:
    """Raise TaskError for labels that make no task; note rare and missing ones, and variants."""
    counts = Counter(value for value in values if value is not None)
    n = sum(counts.values())
    if kind.label == "number":
        _look_at_numbers(label, values, form, notes)
        if n < len(values):
            notes.append(note(Code.UNLABELLED_ROWS, n=len(values) - n))
        return
    if len(counts) < 2:
        raise TaskError(
            Fault(f"column {label}", counted(len(counts), "class"), "at least two classes",
                  "name another column with --label", "one-class")
        )  # fmt: skip
    if kind.paired and not set(counts) <= {"0", "1", "true", "false", "True", "False"}:
        raise TaskError(
            Fault(f"column {label}", f"labels {', '.join(sorted(counts)[:5])}", "1 and 0",
                  "translate them, or name another column with --label", "label-unknown")
        )  # fmt: skip
    if len(counts) > 50 and len(counts) > n / 5:
        bad = [name for name in counts if _number_of(name) is None]
        mostly = len(bad) < len(counts) / 2
        amounts = f"; if these are amounts, not codes, write --kind {kind_with('number').name}"
        amounts += " and correct the values that are no numbers" if bad else ""
        raise TaskError(
            Fault(f"column {label}",
                  f"{counted(len(counts), 'different value')} in {counted(n, 'row')}"
                  + (f", of which {len(bad):,} are no finite numbers" if mostly and bad else ""),
                  "classes that recur, or a number in every row",
                  "name another column with --label" + (amounts if mostly else ""),
                  "label-unknown", n=len(bad) if mostly else 1,
                  first=tuple(repr(name) for name in bad[:5]) if mostly else ())
        )  # fmt: skip
    notes += variant_notes(label, counts)
    if blank := sorted(name for name in counts if name.strip().casefold() in MISSING):
        notes.append(note(Code.LABEL_WORDS, texts=tuple(map(repr, blank))))
    rare = [name for name, times in counts.items() if times < _RARE]
    if rare:
        notes.append(note(Code.RARE_CLASSES, n=len(rare), of=len(counts)))
    if n < len(values):
        notes.append(note(Code.UNLABELLED_ROWS, n=len(values) - n))


def variant_notes(column: str, counts: Mapping[str, int]) -> list[Note]:
    """Return a note where values of classes or groups differ only in their form."""
    groups = variants_of(counts)
    if not groups:
        return []
    shown = " and ".join(f"{text!r} ({counted(n, 'row')})" for text, n in groups[0].items())
    return [note(Code.VARIANT_FORMS, column=column, n=len(groups), example=shown)]


def look_at_size(n: int, notes: list[Note]) -> None:
    """Note that the public subset will be too small to show a score while a contest runs."""
    n_public = round(0.3 * 0.3 * n)
    if n_public < PUBLIC_ROWS:
        notes.append(note(Code.FEW_PUBLIC_ROWS, n=n_public, least=PUBLIC_ROWS))


def guess_metric(kind: Kind, values: list[str | None], notes: list[Note]) -> str:
    """Return the metric that suits the sizes of the classes."""
    if kind.even_metric is None:
        return kind.default_metric
    counts = Counter(value for value in values if value is not None)
    largest = max(counts.values()) / sum(counts.values())
    if largest * len(counts) > 1.4:
        notes.append(note(Code.METRIC_UNEVEN, metric=kind.default_metric, share=largest))
        return kind.default_metric
    notes.append(note(Code.METRIC_EVEN, metric=kind.even_metric))
    return kind.even_metric


def guess_missing(
    profiles: dict[str, Profile], values: dict[str, list[str | None]], notes: list[Note]
) -> str | None:
    """Return the word that means no value among numbers, when texts have it too."""
    words = Counter(word for one in profiles.values() for word in one.missing_words)
    for word, _ in words.most_common(1):
        others = tuple(
            name
            for name, one in profiles.items()
            if word not in one.missing_words and word in values[name]
        )
        if others:
            notes.append(note(Code.MISSING_WORD, word=word, columns=others))
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
    notes: list[Note],
) -> str | None:
    """Return the column whose values several rows share as rows of one thing do."""
    best: tuple[int, str] | None = None
    for name, one in profiles.items():
        modality = modality_of(one.modality)
        if name in (label, key) or modality.is_ordered or modality.is_image or one.n_missing:
            continue
        if one.counts_up:
            continue
        named = bool(_GROUP_NAME.search(name))
        if not (one.is_id or (named and one.n_distinct > 50)):
            continue
        if not one.n / 200 <= one.n_distinct <= 0.9 * one.n or one.n_distinct < 10:
            continue
        if _parts_classes(values[name], values[label]):
            continue
        score = (2 if named else 0) + (1 if one.is_id else 0)
        if best is None or score > best[0]:
            best = (score, name)
    if best is None:
        return None
    one = profiles[best[1]]
    notes.append(note(Code.GROUP, column=best[1], n=one.n_distinct, of=one.n))
    notes += variant_notes(best[1], one.counts)
    return best[1]


def _parts_classes(groups: list[str | None], labels: list[str | None]) -> bool:
    """Whether a split by group would keep a good part of the classes to one side.

    A class of five or more rows must be in two groups to be on both sides.
    """
    of_class: defaultdict[str | None, Counter[str | None]] = defaultdict(Counter)
    for group, label in zip(groups, labels, strict=True):
        if label is not None:
            of_class[label][group] += 1
    within = [len(one) for one in of_class.values() if one.total() >= _RARE]
    return sum(n < 2 for n in within) > _ONE_SIDED * len(within)


def guess_variants(
    profiles: dict[str, Profile],
    values: dict[str, list[str | None]],
    label: str,
    key: str | None,
    notes: list[Note],
) -> str | None:
    """Return a text or image that some rows share, nearly always with one label.

    Such rows are variants of one thing: on both sides of the split they would reveal the label.
    """
    n = len(values[label])
    totals = Counter(values[label])
    chance = sum(times**2 for times in totals.values()) / n**2
    best: tuple[int, str] | None = None
    for name, one in profiles.items():
        if name in (label, key) or one.n_missing or one.n_distinct < n / _VARIANTS:
            continue
        modality = modality_of(one.modality)
        if not (modality.is_text or modality.is_image) or one.why.code is Code.IMAGES_INSIDE:
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
    notes.append(note(Code.VARIANTS, column=best[1], n=best[0]))
    notes += variant_notes(best[1], profiles[best[1]].counts)
    return best[1]


def sort_columns(
    profiles: dict[str, Profile], taken: set[str | None], key: str | None, group: str | None
) -> tuple[dict[str, Profile], dict[str, str], dict[str, Note]]:
    """Return features, converter options for them, and what is left out with the reason."""
    columns: dict[str, Profile] = {}
    options: dict[str, str] = {}
    left_out: dict[str, Note] = {}
    for name, one in profiles.items():
        if name == key:
            left_out[name] = note(Code.ROW_KEY)
        elif name == group:
            left_out[name] = note(Code.SPLIT_GROUP)
        elif name in taken:
            continue
        elif one.empty:
            left_out[name] = one.why
        elif one.is_key and one.is_id:
            left_out[name] = note(Code.UNIQUE_VALUES)
        else:
            shown = f"{name}_value" if name in RESERVED else name
            columns[shown] = replace(one, name=shown)
            if shown != name:
                options[f"from_{shown}"] = name
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
            known = attributes.setdefault(attribute, replace(one, name=attribute))
            if known.modality != one.modality:
                attributes[attribute] = replace(known, modality="text", integer=False, form=None)
            elif known.integer and not one.integer:
                attributes[attribute] = replace(known, integer=False)
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
    notes: list[Note],
) -> None:
    """Add a column of images that are named by the key, where no column names them.

    Raises TaskError when the key does not either.
    """
    for name in [key] if key else []:
        hits = sum(value is not None and images.find(value) is not None for value in values[name])
        if hits:
            n = len(values[name])
            columns["image"] = Profile(
                "image", "image", n, n - hits, hits, note(Code.IMAGES_BY_KEY, key=name)
            )
            if hits < n:
                notes.append(note(Code.KEY_IMAGES_MISSING, n=n - hits, of=n, key=name))
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


def look_for_leaks(
    columns: dict[str, Profile],
    values: dict[str, list[str | None]],
    label: str,
    kind: Kind,
    notes: list[Note],
) -> None:
    """Note columns that alone predict the label, measured as the audit of the built task does.

    `values` of the label are classes, or the ranges of labels that are numbers.
    """
    import pyarrow as pa

    known = [row for row, text in enumerate(values[label]) if text is not None]
    answers = pa.array([values[label][row] for row in known]).dictionary_encode()
    order = np.argsort(np.argsort(answers.dictionary.to_pylist()))
    labels = order[answers.indices.to_numpy()]
    for name, one in columns.items():
        modality = modality_of(one.modality)
        if modality.is_image or name not in values:
            continue
        texts = pa.array([values[name][row] for row in known], pa.string())
        cells = modality.read_cells(texts, one.form)
        auc = auc_of_column(cells, labels, len(order), ordered=kind.label == "number")
        if auc is not None and exceeds(auc, ALONE):
            notes.append(note(Code.PREDICTS_LABEL, column=name, auc=auc[0]))
        elif modality.is_categorical and one.n_distinct <= one.n / 5:
            # What the audit cannot measure: few rows of a class, or values that are often missing.
            found = {(value, row) for value, row in zip(cells.to_pylist(), labels, strict=True)}
            named = {value for value, _ in found if value is not None}
            if 1 < len(named) == sum(value is not None for value, _ in found):
                notes.append(note(Code.DECIDES_LABEL, column=name))
