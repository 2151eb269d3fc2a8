"""What can be predicted and how it is judged, as objects that everything else asks.

No other room tests for the name of a kind or of a metric. Light to import: a kind loads its
numerics when its metrics are asked for.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from challenge.errors import Fault, WrongUse, nearest

__all__ = ["Kind", "LabelType", "Metric", "Need"]

LabelType = Literal["class", "match", "number"]
"""What the truth of a row is: one of k classes, whether a pair matches, or a number."""

Need = Literal["labels", "probabilities", "scores"]
"""What a file must hold for a metric to be defined."""


@dataclass(frozen=True)
class Metric:
    """One number by which predictions are judged.

    `bounds` are the least and the largest value, infinite where there is none. `primary` metrics
    may decide a task, `averaged` ones (higher is better, within [0, 1]) also a track.
    """

    name: str
    title: str
    needs: Need = "labels"
    higher_is_better: bool = True
    bounds: tuple[float, float] = (0.0, 1.0)
    primary: bool = False
    units: str = ""
    """Diagnostic that counts the clusters on which the metric rests; all of them when empty."""

    @property
    def averaged(self) -> bool:
        """Whether a track may average it over tasks."""
        return self.primary and self.higher_is_better and self.bounds[1] == 1.0

    @property
    def within_unit(self) -> bool:
        """Whether all values lie in [0, 1], so that they can share an axis."""
        return self.bounds == (0.0, 1.0)

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
    (`left_*`, `right_*`), which may be split by entity. `label` is the type of the truth,
    `diagnostic_titles` are those of figures that no rank depends on.
    """

    name: str
    title: str
    row: str
    label: LabelType
    default_metric: str
    load_metrics: Callable[[], tuple[Metric, ...]]
    paired: bool = False
    diagnostic_titles: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        """Return the name, as messages and files write it."""
        return self.name

    def __reduce__(self) -> tuple[Callable[[str], Kind], tuple[str]]:
        """Return how another process gets the kind: by its name."""
        from challenge.kinds import kind_of

        return kind_of, (self.name,)

    @property
    def metrics(self) -> Mapping[str, Metric]:
        """The metrics by name, in the order in which they are shown."""
        return {metric.name: metric for metric in self.load_metrics()}

    @property
    def primary_metrics(self) -> tuple[str, ...]:
        """Names of the metrics that may be a task's primary one."""
        return tuple(metric.name for metric in self.load_metrics() if metric.primary)

    def ladder_units(self, score: Any) -> int:
        """Return the number of clusters on which the primary metric of a score rests."""
        units = self.metric(score.metric).units
        return int((units and score.diagnostics.get(units)) or score.n_clusters)

    @property
    def has_classes(self) -> bool:
        """Whether a row belongs to one of k named classes."""
        return self.label == "class"

    def metric(self, name: str) -> Metric:
        """Return a metric by name; raise WrongUse with the nearest one when there is none."""
        metrics = self.metrics
        if name not in metrics:
            guess = nearest(name, list(metrics))
            raise WrongUse(
                Fault(
                    f"metric {name!r}",
                    f"{self.title} has no such metric",
                    f"one of {', '.join(metrics)}",
                    f"did you mean {guess}?" if guess else "choose one of these",
                    code="metric-unknown",
                )
            )
        return metrics[name]

    def size_text(self, document: Mapping[str, Any]) -> str:
        """Return what a card says of the truth's size: `72 classes`, `matching of pairs`."""
        if self.has_classes:
            return f"{len(document['classes'])} classes"
        return self.title
