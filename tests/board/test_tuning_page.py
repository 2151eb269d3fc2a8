"""The page of a search: plots follow the direction of the metric, and no other file is needed."""

from __future__ import annotations

import re
from typing import Any

from challenge.board.pages.tuning_page import tuning_page
from challenge.kinds import kind_of


def search_of(values: list[float | None], n_looks: int = 2) -> dict[str, Any]:
    trials = [
        {
            "number": number,
            "options": {"strength": 0.5, "name": "<b>"},
            "fold_scores": [] if value is None else [value, value],
            "seconds": 1.25,
            "reason": "ran out of <memory>" if value is None else "",
        }
        for number, value in enumerate(values, 1)
    ]
    best = trials[-1]
    looks = [{"number": n + 1, "bound": 0.5 / (n + 1), "error": 0.1} for n in range(n_looks)]
    return {
        "task": "toy",
        "method": "linear",
        "space": {"strength": {}, "name": {}},
        "defaults": {"strength": 1.0},
        "stop": "regret",
        "stopped": True,
        "n_allowed": 60,
        "n_trials": len(trials),
        "seconds": 5.0,
        "would_stop": {"regret": 2, "stagnation": None},
        "best": {**best, "value": values[-1], "error": 0.1},
        "gain": 0.25,
        "looks": looks,
        "trials": trials,
    }


def heights(page: str) -> list[float]:
    """Return the vertical coordinates of the line of the best so far."""
    [path] = re.findall(r'<path class="curve best" d="M([^"]*)"', page)
    return [float(point.split()[1]) for point in path.split("L")]


def test_the_best_so_far_climbs_or_falls_with_the_metric() -> None:
    kind = kind_of("classification")
    up = heights(tuning_page(search_of([0.5, 0.4, 0.7]), kind.metric("accuracy")))
    assert up[0] == up[1] > up[2]
    down = heights(tuning_page(search_of([12.5, 13.0, 9.5]), kind.metric("log_loss")))
    assert down[0] == down[1] < down[2]


def test_failed_trials_are_named_and_everything_is_escaped() -> None:
    metric = kind_of("classification").metric("accuracy")
    search = search_of([0.5, None, 0.7])
    page = tuning_page(search, metric)
    assert "failed: ran out of &lt;memory&gt;" in page
    assert page.count('<path class="failed"') == 1
    assert "&lt;b&gt;" in page
    assert "<b>" not in re.sub(r"<b>0\.7000</b>", "", page)
    assert "regret: 2" in page
    assert "http" not in page.replace("http-equiv", "")
    assert page == tuning_page(search, metric)


def test_without_looks_there_is_no_second_plot() -> None:
    page = tuning_page(search_of([0.5], 0), kind_of("classification").metric("accuracy"))
    assert "Too few trials have finished for a bound." in page
    assert page.count("<svg") == 1
