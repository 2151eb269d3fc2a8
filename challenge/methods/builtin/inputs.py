"""The inputs of the models of the reference entry: a table for trees, blocks for a regression.

Single records: numbers, categories, and principal components of texts and images. Pairs:
comparisons of the two sides, and for the regression also the words that they share or not.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from challenge.errors import Fault, WrongUse, meant
from challenge.features.blocks import TableBlocks
from challenge.features.context import candidate_context
from challenge.features.matched import MatchedWords
from challenge.features.pair_features import PairFeatures
from challenge.features.text import number_values, text_values
from challenge.methods.builtin.candidate_choice import CandidateChoice, choose_context
from challenge.methods.builtin.chosen_regression import ChosenRegression
from challenge.methods.builtin.folds import label_codes
from challenge.methods.builtin.word_bayes import WordCounts
from challenge.methods.protocol import Progress

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from challenge.task import Task

__all__ = ["PARTS", "Inputs", "PairInputs", "TableInputs", "make_inputs", "nothing_to_read"]

PARTS = ("text embedding", "images", "pair features")
"""Parts that can be left out, to measure their contribution."""

_REGRESSION_COMPONENTS = 128
_AS_COLUMNS = ("number ", "category ", "datetime ")
"""Prefixes of blocks that trees do not read; they read the column itself."""
_FREQUENT = 64
"""Number of most frequent values of a category that become columns for trees."""
_CHARACTERS = 256
"""Characters of a text that frugal inputs read."""
_FAR = 5.0
"""Standard deviations at which scaled values are cut off."""


@dataclass(frozen=True)
class Inputs:
    """The same rows: columns for trees, and blocks (dense or sparse) for a regression.

    `names` is how near their texts are to the names of the classes (rows x classes), None where
    that is not known. `words` are sparse TF-IDF of words and categories, None where there are none.
    """

    trees: pd.DataFrame
    blocks: Mapping[str, Any]
    names: NDArray[Any] | None = None
    words: Any = None


def make_inputs(
    task: Task,
    *,
    seed: int,
    threads: int,
    components: int,
    frugal: bool,
    without: Collection[str],
    context: bool,
    progress: Progress,
) -> TableInputs | PairInputs:
    """Return the unfitted inputs of a task; `without` names parts (PARTS) that are not read.

    In tables, trees read `components` principal components of a text or an image, 128 at most.
    Matching without pair features reads both records as one row. `frugal` uses no packaged
    network, no matched words and no joined texts. It reads the first 256 characters of a text.

    Raises WrongUse for an unknown part, and for a context of candidates in a task without pairs.
    """
    for name in without:
        if name not in PARTS:
            raise WrongUse(
                Fault(
                    "part",
                    repr(name),
                    f"one of {', '.join(PARTS)}",
                    meant(name, PARTS, "leave it out"),
                    code="unknown-part",
                )
            )
    options: Any = {
        "weights": not frugal,
        "embedding": "text embedding" not in without,
        "images": "images" not in without,
        "threads": threads,
        "progress": progress,
    }
    if task.kind.paired and "pair features" not in without:
        return PairInputs(task, seed=seed, context=context, frugal=frugal, **options)
    if context:
        raise WrongUse(
            Fault(
                f"task {task.id}",
                f"{task.kind.title} has no candidates",
                "a matching task",
                "take autogluon",
                code="no-candidates",
            )
        )
    return TableInputs(task, seed=seed, components=components, frugal=frugal, **options)


def nothing_to_read(task: Task) -> WrongUse:
    """Return the fault of a task in which no column distinguishes two rows."""
    return WrongUse(
        Fault(
            f"task {task.id}",
            "no column whose values differ between rows of train",
            "at least one",
            "run trivial or linear, or add a column whose values differ",
            code="nothing-to-read",
        )
    )


def _starts_of_texts(task: Task, table: pd.DataFrame) -> pd.DataFrame:
    table = table.copy(deep=False)
    for column in task.columns_of("text"):
        table[column.name] = table[column.name].str[:_CHARACTERS]
    return table


def _names_of_starts(task: Task, frugal: bool) -> tuple[str, ...]:
    return (
        (f"first {_CHARACTERS} characters of texts",) if frugal and task.columns_of("text") else ()
    )


class TableInputs:
    """Rows of a table, column by column."""

    candidates: CandidateChoice | None = None

    def __init__(
        self, task: Task, *, seed: int, components: int, frugal: bool, **options: Any
    ) -> None:
        self._task, self._components, self._frugal = task, components, frugal
        self._blocks = TableBlocks(
            task,
            seed=seed,
            axes=_REGRESSION_COMPONENTS,
            whole_texts=not frugal,
            class_names=task.kind.has_classes,
            **options,
        )
        numbers = task.kind.label == "number"
        self.regression = ChosenRegression(
            (1.0, 0.3), (0.5, 1.0, 2.0, 4.0), whole=True, numbers=numbers
        )
        self._words = WordCounts(task) if task.kind.has_classes and not frugal else None
        self._frequent: dict[str, NDArray[Any]] = {}

    @property
    def used(self) -> tuple[str, ...]:
        """The families of features, as shown on the row of a submission."""
        return (*self._blocks.used, *_names_of_starts(self._task, self._frugal))

    def fit(self, train: pd.DataFrame) -> Inputs:
        """Learn scales and components, and return the training rows."""
        import numpy as np

        train = self._read(train)
        blocks = self._blocks.fit_transform(train)
        for column in self._task.columns_of("categorical"):
            sizes = blocks[f"category {column.name}"].sum(axis=0)
            self._frequent[column.name] = np.sort(np.argsort(-sizes, kind="stable")[:_FREQUENT])
        return self._inputs(train, blocks, self._words and self._words.fit_transform(train))

    def transform(self, table: pd.DataFrame) -> Inputs:
        """Return other rows."""
        table = self._read(table)
        words = self._words and self._words.transform(table)
        return self._inputs(table, self._blocks.transform(table), words)

    def _read(self, table: pd.DataFrame) -> pd.DataFrame:
        return _starts_of_texts(self._task, table) if self._frugal else table

    def _inputs(self, frame: pd.DataFrame, blocks: dict[str, NDArray[Any]], words: Any) -> Inputs:
        import pandas as pd

        likeness = [blocks.pop(name) for name in list(blocks) if name.startswith("names ")]
        columns: list[Any] = []
        for column in self._task.columns_of("numeric"):
            columns.append(number_values(frame[column.name]))
        for column in self._task.columns_of("datetime"):
            # AutoGluon derives features from a point in time by itself.
            columns.append(frame[column.name].reset_index(drop=True))
        for column in self._task.columns_of("categorical"):
            values = [value or None for value in text_values(frame[column.name])]
            columns.append(pd.Categorical(values))
            rows = blocks[f"category {column.name}"]
            columns += [rows[:, index] for index in self._frequent[column.name]]
        for name, rows in blocks.items():
            if not name.startswith(_AS_COLUMNS):
                columns += [rows[:, index] for index in range(min(self._components, rows.shape[1]))]
        names = sum(likeness[1:], start=likeness[0]) if likeness else None
        return Inputs(pd.DataFrame(dict(enumerate(columns))), blocks, names, words)


class PairInputs:
    """Pairs of records, by comparisons; with `context` also by their candidates if that helps.

    After `fit`, `candidates` has that choice, None without `context`.
    """

    candidates: CandidateChoice | None = None

    def __init__(
        self, task: Task, *, seed: int, context: bool, frugal: bool, **options: Any
    ) -> None:
        self._task, self._context, self._frugal = task, context, frugal
        self._seed, self._report = seed, options["progress"]
        self._pairs = PairFeatures(task, joined=not frugal, **options)
        self._words = None if frugal else MatchedWords(task)
        self.regression = ChosenRegression((1.0,), (0.1, 0.3, 1.0), start=0.3)
        self._scale: Any = None

    @property
    def used(self) -> tuple[str, ...]:
        """The families of features, as shown on the row of a submission."""
        candidates = ("context of candidates",) if self._context else ()
        words = ("matched words",) if self._words else ()
        return (*self._pairs.used, *words, *candidates, *_names_of_starts(self._task, self._frugal))

    def fit(self, train: pd.DataFrame) -> Inputs:
        """Learn token rarities, scales and words, and return the training pairs."""
        from sklearn.impute import SimpleImputer
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        self._pairs.fit(self._read(train))
        if self._context:
            self.candidates = self._choose_context(train)
            self._context = self.candidates.helps
        table = self._table(train)
        if table.empty:
            raise nothing_to_read(self._task)
        imputer = SimpleImputer(strategy="median", keep_empty_features=True)
        self._scale = make_pipeline(imputer, StandardScaler()).fit(table.to_numpy())
        return self._inputs(table, self._words and self._words.fit_transform(train))

    def transform(self, table: pd.DataFrame) -> Inputs:
        """Return other pairs."""
        words = self._words and self._words.transform(table)
        return self._inputs(self._table(table), words)

    def _read(self, pairs: pd.DataFrame) -> pd.DataFrame:
        return _starts_of_texts(self._task, pairs) if self._frugal else pairs

    def _choose_context(self, train: pd.DataFrame) -> CandidateChoice:
        compared, context = self._with_context(train)
        if compared.empty:
            raise nothing_to_read(self._task)
        self._report("choosing whether to look at candidates")
        truth = label_codes(train, self._task)
        return choose_context(
            self._task, train, compared.to_numpy(), context.to_numpy(), truth, self._seed
        )

    def _table(self, pairs: pd.DataFrame) -> pd.DataFrame:
        import pandas as pd

        if not self._context:
            return self._pairs.transform(self._read(pairs))
        return pd.concat(self._with_context(pairs), axis=1)

    def _with_context(self, pairs: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Return the comparisons of the pairs, and their context of candidates."""
        import pandas as pd

        from challenge.task.frames import read_test, read_train

        # Candidates are the pairs of both train and test.
        parts = [pairs, read_train(self._task), read_test(self._task)]
        everything = pd.concat(parts, ignore_index=True).drop_duplicates("id", ignore_index=True)
        compared = self._pairs.transform(self._read(everything))
        context = candidate_context(self._task, everything, compared)
        return compared.iloc[: len(pairs)], context.iloc[: len(pairs)]

    def _inputs(self, table: pd.DataFrame, words: Any) -> Inputs:
        from scipy.sparse import csr_matrix

        scaled = self._scale.transform(table.to_numpy()).clip(-_FAR, _FAR)
        if words is None:
            return Inputs(table, {"pairs": scaled.astype("float64")})
        return Inputs(table, {"pairs": csr_matrix(scaled), "words": words})
