"""Two submissions side by side: counts by hand, paired intervals, slices."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from challenge.scoring import compare_predictions, score_predictions
from tests.scoring.scored import make_scored_task, predict


def test_wins_and_losses_worked_out_by_hand(tmp_path: Path) -> None:
    task = make_scored_task(tmp_path / "t", ["a", "a", "a", "b", "b", "b"], metric="accuracy")
    a = predict(task, ["a", "a", "b", "b", "b", "a"])
    b = predict(task, ["a", "b", "a", "a", "b", "a"], sha256="e" * 64)
    found = compare_predictions(task, a, b, "all")
    # rows: both, a, b, a, both, neither
    outcomes = found.outcomes
    assert (outcomes.wins, outcomes.losses, outcomes.both_right, outcomes.both_wrong) == (
        2,
        1,
        2,
        1,
    )
    assert outcomes.p == 1.0
    assert found.primary.value == pytest.approx(4 / 6 - 3 / 6)
    assert found.primary.reason == "no interval: fewer than 12 independent clusters"
    assert [(kind, name, part.n, part.wins) for kind, name, part in found.slices] == [
        ("class", "a", 3, 1),
        ("class", "b", 3, 1),
    ]
    json.dumps(found.as_json(), allow_nan=False)


def test_a_paired_difference_is_known_better_than_either_score(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    labels = [str(code) for code in rng.integers(0, 3, 600)]
    task = make_scored_task(tmp_path / "t", labels, metric="accuracy")
    first = [word if rng.random() < 0.7 else "0" for word in labels]
    second = [word if i % 20 else "1" for i, word in enumerate(first)]
    a, b = predict(task, first), predict(task, second, sha256="e" * 64)
    found = compare_predictions(task, a, b, "all").primary
    alone = score_predictions(task, a, "all").primary
    assert found.low is not None and found.high is not None and found.value is not None
    assert alone.low is not None and alone.high is not None
    assert found.low < found.value < found.high
    assert found.high - found.low < 0.5 * (alone.high - alone.low)
    # 600 rows: the textbook error of a paired difference of shares
    right = [np.array(f) == np.array(labels) for f in (first, second)]
    paired = right[0].astype(float) - right[1]
    expected = 1.96 * paired.std(ddof=1) / np.sqrt(600)
    assert (found.high - found.low) / 2 == pytest.approx(expected, rel=0.1)


def test_swapping_both_turns_every_sign(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    truth = rng.integers(0, 2, 300)
    task = make_scored_task(
        tmp_path / "t", [str(t) for t in truth], kind="matching", metric="average_precision"
    )
    scores = [np.clip(0.3 + 0.4 * truth + rng.normal(0, s, 300), 0, 1) for s in (0.2, 0.4)]
    a, b = (predict(task, scores=s, sha256=c * 64) for s, c in zip(scores, "ab", strict=True))
    there, back = compare_predictions(task, a, b, "all"), compare_predictions(task, b, a, "all")
    for name, difference in there.differences.items():
        other = back.differences[name]
        assert difference.value == -other.value  # type: ignore[operator]
        assert difference.low == pytest.approx(-other.high)  # type: ignore[operator]
    assert there.primary.excludes_zero
    assert (there.outcomes.wins, there.outcomes.losses) == (
        back.outcomes.losses,
        back.outcomes.wins,
    )


def test_equal_files_differ_by_nothing_and_say_so(tmp_path: Path) -> None:
    labels = ["a", "b"] * 30
    task = make_scored_task(tmp_path / "t", labels)
    a, b = predict(task, labels[::-1]), predict(task, labels[::-1], sha256="e" * 64)
    found = compare_predictions(task, a, b, "all")
    assert found.primary.value == 0.0
    assert found.primary.reason == "no interval: both predict the same here"


def test_slices_by_missing_modality_seen_records_and_length(tmp_path: Path) -> None:
    columns = [
        {"name": "left_title", "modality": "text", "description": "", "integer": False},
        {"name": "right_price", "modality": "numeric", "description": "", "integer": False},
    ]
    test: dict[str, list[object]] = {
        "left_id": ["a", "b", "x", "y"],
        "right_id": ["b", "z", "b", "z"],
        "left_title": ["t", "tt", "tttt", None],
        "right_price": [1.0, None, 2.0, 3.0],
    }
    train = {"left_id": ["a"], "right_id": ["b"], "label": ["1"]}
    task = make_scored_task(
        tmp_path / "t",
        ["1", "0", "1", "0"],
        kind="matching",
        test=test,
        train=train,
        columns=columns,
    )
    a = predict(task, ["1", "0", "1", "0"])
    b = predict(task, ["1", "1", "1", "1"], sha256="e" * 64)
    found = compare_predictions(task, a, b, "all")
    parts = {name: (kind, part.n, part.wins) for kind, name, part in found.slices}
    assert parts["0"] == ("class", 2, 2)
    assert parts["text missing"] == ("missing", 1, 1)
    assert parts["text complete"] == ("missing", 3, 1)
    assert parts["numeric missing"] == ("missing", 1, 1)
    assert parts["both records in train"] == ("entity", 1, 0)
    assert parts["one record in train"] == ("entity", 2, 1)
    assert parts["no record in train"] == ("entity", 1, 1)
    assert sum(n for kind, n, _ in parts.values() if kind == "length") == 4
    assert any("a alone right 2" in line for line in found.lines())


def test_a_difference_stays_within_what_two_scores_can_differ_by(tmp_path: Path) -> None:
    labels = ["a", "b"] * 10
    task = make_scored_task(tmp_path / "t", labels, metric="accuracy")
    a = predict(task, ["b", *labels[1:]])
    b = predict(task, ["b" if one == "a" else "a" for one in labels], sha256="e" * 64)
    found = compare_predictions(task, a, b, "all").primary
    assert found.value == pytest.approx(0.95 - 0.0)
    assert found.low is not None and found.low < 0.95 and found.high == 1.0
    back = compare_predictions(task, b, a, "all").primary
    assert back.low == -1.0 and back.high == pytest.approx(-found.low)
