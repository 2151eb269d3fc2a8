"""What can be predicted and how it is judged, as objects that everything else asks.

No other room tests for the name of a kind or of a metric. Light to import: a kind loads its
numerics when its metrics are asked for.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from typing import Any, Literal

from challenge.errors import Fault, WrongUse, counted, meant

__all__ = [
    "KINDS",
    "Interval",
    "Kind",
    "LabelType",
    "Metric",
    "Need",
    "Scale",
    "Undefined",
    "kind_of",
]

LabelType = Literal["class", "match", "number", "thing"]
"""What the label of a row is: one of k classes, whether a pair matches, a number, or which thing it
shows: a name that no other task has, and that test rows do not share with train."""

Need = Literal["labels", "probabilities", "scores", "vectors"]
"""What a file must hold for a metric to be defined."""

Scale = Literal["share", "correlation", "loss", "identity"]
"""How an interval is made: as of a share, as of a correlation, on the logarithm, or as it is."""

Interval = tuple[float, float]


@dataclass(frozen=True)
class Undefined:
    """A metric that has no value, with the reason."""

    reason: str


@dataclass(frozen=True)
class Metric:
    """One number by which predictions are judged: adding a metric is adding one of these.

    `value` maps the outcome of a kind (see `Kind.outcome`) to the figure. Everything else has a
    default. `bounds` are the least and the largest value, infinite where there is none; `scale`
    is how the interval is made, by default what fits the bounds. `primary` metrics may decide a
    task; those that are no `task_only` (higher is better, at most 1) may also be averaged by a
    track. `classes_weigh_alike` where a rare class counts as much as a common one. `units` names
    the diagnostic that counts the clusters on which the metric rests; all of them when empty.

    A figure that is a mean of ratios says so in `ratios`; for another one `vector` is a fast form
    of leaving out one cluster after another. `rests_on` are the rows, all by default, that say
    how much a value at an end of its bounds is worth, `largest` is the most that a row can add to
    a loss without bound. `baseline` is the score of the trivial answer where that is not its
    value, `resolution` what one row is worth, None where a row has no worth of its own (medians,
    ranks). `no_interval` is the reason why there is never an interval. `meaning` says what it
    measures, for a reader who does not know the metric.
    """

    name: str
    title: str
    value: Callable[[Any], float | Undefined]
    needs: Need = "labels"
    higher_is_better: bool = True
    bounds: Interval = (0.0, 1.0)
    primary: bool = False
    task_only: bool = False
    classes_weigh_alike: bool = False
    units: str = ""
    scale: Scale | None = None
    ratios: Callable[[Any], Any] | None = None
    vector: Callable[[Any], Any] | None = None
    rests_on: Callable[[Any], Any] | None = None
    largest: float | None = None
    baseline: float | Callable[[Any], float] | None = None
    resolution: Callable[[Any], float] | None = None
    no_interval: str = ""
    meaning: str = ""

    @property
    def averaged(self) -> bool:
        """Whether a track may average it over tasks."""
        at_most_1 = self.higher_is_better and self.bounds[1] == 1.0
        return self.primary and at_most_1 and not self.task_only

    @property
    def within_unit(self) -> bool:
        """Whether all values lie in [0, 1], so that they can share an axis."""
        return self.bounds == (0.0, 1.0)

    @property
    def interval_scale(self) -> Scale:
        """The scale of its interval: the stated one, else the one that fits the bounds."""
        if self.scale:
            return self.scale
        fitting: dict[Interval, Scale] = {(0.0, 1.0): "share", (-1.0, 1.0): "correlation"}
        return fitting.get(self.bounds, "loss" if self.bounds[0] == 0.0 else "identity")

    def merit(self, value: float) -> float:
        """Return a number that is larger the better the value is."""
        return value if self.higher_is_better else -value

    def holds(self, value: float) -> bool:
        """Return whether a value lies within the bounds."""
        return math.isfinite(value) and self.bounds[0] <= value <= self.bounds[1]


@dataclass(frozen=True, eq=False)
class Kind:
    """What is predicted and how it is judged.

    `title` names the kind on pages, `row` one row of its tables. `paired` rows hold two records
    (`left_*`, `right_*`), which may be split by entity. `label` is the type of the truth.
    `log_columns` are numbers in [0, 1] that train has beside the label, and test hides as it hides
    the label. The label of a kind that has some is what was done, not what should be answered.
    A new task gets `default_metric`, or `even_metric` where all classes are about equally large.
    `diagnostic_titles` are those of figures that no rank depends on; `flags` names those of them
    that say yes (1) or no (0). `load_outcome` returns the
    class that holds the truth beside the predictions, for the metrics to share what they need.
    `forms` returns what a submission may look like, from the classes and the primary metric of a
    task; `won` is how a comparison names the better of two answers to a row, `class_noun` what a
    class is called. `first_method` is the built-in method that a newcomer tries.
    """

    name: str
    title: str
    row: str
    label: LabelType
    default_metric: str
    load_metrics: Callable[[], tuple[Metric, ...]]
    load_outcome: Callable[[], Any]
    forms: Callable[[tuple[str, ...], Metric], Any]
    won: str = "right"
    class_noun: str = "class"
    first_method: str = "linear"
    paired: bool = False
    log_columns: tuple[str, ...] = ()
    even_metric: str | None = None
    diagnostic_titles: Mapping[str, str] = field(default_factory=dict)
    flags: tuple[str, ...] = ()

    def __eq__(self, other: object) -> bool:
        """A kind equals itself and its name: `task.kind == "regression"` is what people write."""
        return self is other or (isinstance(other, str) and other == self.name)

    def __hash__(self) -> int:
        """Return the hash of the name."""
        return hash(self.name)

    def __str__(self) -> str:
        """Return the name, as messages and files write it."""
        return self.name

    def __reduce__(self) -> tuple[Callable[[str], Kind], tuple[str]]:
        """Return how another process gets the kind: by its name."""
        return kind_of, (self.name,)

    @property
    def metrics(self) -> Mapping[str, Metric]:
        """The metrics by name, in the order in which they are shown."""
        return {metric.name: metric for metric in self.load_metrics()}

    @property
    def primary_metrics(self) -> tuple[str, ...]:
        """Names of the metrics that may be a task's primary one."""
        return tuple(metric.name for metric in self.load_metrics() if metric.primary)

    @property
    def outcome(self) -> Any:
        """The class whose instances hold the rows that count and the answers to them."""
        return self.load_outcome()

    def ladder_units(self, score: Any) -> int:
        """Return the number of clusters on which the primary metric of a score rests."""
        units = self.metric(score.metric).units
        return int((units and score.diagnostics.get(units)) or score.n_clusters)

    @property
    def has_classes(self) -> bool:
        """Whether a row belongs to one of k named classes."""
        return self.label == "class"

    @property
    def has_things(self) -> bool:
        """Whether rows are queries and a gallery, each with a vector, in which things are found."""
        return self.label == "thing"

    @property
    def has_decisions(self) -> bool:
        """Whether an answer to a row is a class or a decision, which a position can stand for."""
        return self.label in ("class", "match")

    @property
    def has_right_answers(self) -> bool:
        """Whether an answer to a row is right or wrong: not for numbers, not for logs."""
        return self.label != "number" and not self.log_columns

    def metric(self, name: str) -> Metric:
        """Return a metric by name; raise WrongUse with the nearest one when there is none."""
        metrics = self.metrics
        if name not in metrics:
            raise WrongUse(
                Fault(
                    f"metric {name!r}",
                    f"{self.title} has no such metric",
                    f"one of {', '.join(metrics)}",
                    meant(name, list(metrics), "choose one of these"),
                    code="metric-unknown",
                )
            )
        return metrics[name]

    def size_text(self, document: Mapping[str, Any]) -> str:
        """Return what a card says of the truth's size: `72 classes`, `matching of pairs`."""
        if self.has_classes:
            return counted(len(document["classes"]), self.class_noun)
        if self.has_things:
            return f"{self.title}, {counted(document['dimensions'], 'dimension')}"
        return self.title


KINDS = ("classification", "matching", "regression", "bandit", "retrieval")
"""Names of all kinds, which are also the names of their modules."""


@cache
def kind_of(name: str) -> Kind:
    """Return a kind by name; raise WrongUse with the nearest name when there is none."""
    if name not in KINDS:
        raise WrongUse(
            Fault(
                f"kind {name!r}",
                "no such kind",
                f"one of {', '.join(KINDS)}",
                meant(str(name), KINDS, "choose one of these"),
                code="kind-unknown",
            )
        )
    kind: Kind = import_module(f"challenge.kinds.{name}").KIND
    return kind
