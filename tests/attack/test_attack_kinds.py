"""Weaknesses that are planted: each attack must report that it succeeded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from challenge.attack import file_worker, hostile_methods
from challenge.attack.bad_files import BadFile, bad_files
from challenge.attack.method_attack import method_attacks
from challenge.attack.planted_leaks import leak_attacks
from challenge.attack.trivial_answers import trivial_attacks
from challenge.errors import ChallengeError, Fault
from challenge.ledger import open_ledger
from challenge.methods.run import sandbox
from challenge.prepare.audit import tells
from challenge.scoring.attacks import Attack
from tests.ledger.toy import make_challenge
from tests.scoring.scored import make_scored_task
from tests.toy import build_toy

pytestmark = pytest.mark.slow

N = 600
needs_sandbox = pytest.mark.skipif(sandbox.sandbox_fault() != "", reason="no sandbox here")


def guessed(
    folder: Path, test: list[str], train: list[str], metric: str = "accuracy"
) -> dict[str, Attack]:
    task = make_scored_task(
        folder / "t",
        test,
        metric=metric,
        subsets=["private"] * len(test),
        train={"label": train},
    )
    return {one.name: one for one in trivial_attacks(task, 60.0)}


def drawn(seed: int, share: float, n: int = N) -> list[str]:
    return ["a" if one < share else "b" for one in np.random.default_rng(seed).random(n)]


def test_labels_by_chance_hold(tmp_path: Path) -> None:
    found = guessed(tmp_path, drawn(0, 0.5), drawn(1, 0.5))
    assert not [one for one in found.values() if one.state == "fell"], found


def test_other_classes_in_test_than_in_train_fall_to_a_constant(tmp_path: Path) -> None:
    found = guessed(tmp_path, drawn(0, 0.95), drawn(1, 0.4))
    assert found["constant answer"].state == "fell"
    assert found["constant answer"].gain > 0.3


def test_labels_in_the_order_of_the_rows_fall_to_the_same_position(tmp_path: Path) -> None:
    found = guessed(tmp_path, sorted(drawn(0, 0.5)), sorted(drawn(1, 0.5)))
    assert found["label of the same position"].state == "fell"
    assert found["constant answer"].state == "held"


def leaning(seed: int, share: float, slope: float, n: int) -> list[str]:
    """Return labels whose first class becomes more frequent from the first row to the last."""
    shares = share + slope * np.linspace(-1, 1, n)
    return [
        "a" if one < p else "b"
        for one, p in zip(np.random.default_rng(seed).random(n), shares, strict=True)
    ]


def without_methods(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the attack that runs a method."""

    def refused(*_: object, **__: object) -> None:
        raise ChallengeError(Fault("here", "no method", "none", "none"))

    monkeypatch.setattr("challenge.attack.trivial_answers.run_method", refused)


def test_a_weak_leak_by_position_falls_though_the_majority_scores_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_methods(monkeypatch)
    n = 10_000
    found = guessed(tmp_path, leaning(0, 0.7, 0.25, n), leaning(1, 0.7, 0.25, n))
    attack = found["label of the same position"]
    assert attack.state == "fell"
    assert attack.gain < 0.06, "a share of the best constant answer would hide it"
    assert "4 standard errors" in attack.how


@pytest.mark.parametrize(("share", "metric"), [(0.5, "accuracy"), (0.03, "macro_f1")])
def test_false_alarms_are_rare_on_small_tasks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, share: float, metric: str
) -> None:
    without_methods(monkeypatch)
    fell = [
        (seed, one)
        for seed in range(40)
        for one in guessed(
            tmp_path / str(seed),
            drawn(2 * seed, share, 300),
            drawn(2 * seed + 1, share, 300),
            metric=metric,
        ).values()
        if one.state == "fell"
    ]
    assert fell == []


def test_an_audit_that_misses_a_planted_leak_falls(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = build_toy(tmp_path, n=200)
    (held,) = leak_attacks(task)
    assert held.state == "held" and held.tried >= 4, held.how
    monkeypatch.setattr(tells, "ALONE", 2.0)
    (fell,) = leak_attacks(task)
    assert (fell.state, fell.gain) == ("fell", 1)
    assert "missed: label in a column" in fell.how


def test_a_file_that_is_accepted_or_ends_with_another_error_falls(tmp_path: Path) -> None:
    challenge = make_challenge(tmp_path / "c")
    task, ledger = challenge.task("toy"), open_ledger(challenge)
    good = (task.public / "sample_submission.csv").read_bytes()

    def handed_in(name: str, data: bytes = good, *, by_path: bool = True) -> str:
        def write(path: Path) -> None:
            path.write_bytes(data)

        file = BadFile(name, write, by_path=by_path)
        return file_worker._handed_in(ledger, task, file)

    assert handed_in("good.csv") == "check: accepted"
    assert handed_in("good.csv", by_path=False).startswith("inbox: accepted")
    assert handed_in("bad.csv", good[:-3]) == ""
    quoting = f"id,{file_worker.CANARY}\n".encode()
    assert "quotes a private file" in handed_in("quoting.csv", quoting)
    names = [file.name for file in bad_files(good.decode(), tmp_path)]
    assert len(names) == len(set(names)) > 60


@needs_sandbox
def test_a_hole_in_the_sandbox_falls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    task = build_toy(tmp_path, n=60, images=False)
    monkeypatch.setattr(hostile_methods, "__all__", ["LooksAround", "FaultIsALink"])
    (held,) = method_attacks(task)
    assert (held.state, held.tried) == ("held", 2), held.how
    command = sandbox._command

    def with_a_hole(folder: Path, readable: tuple[Path, ...], *others: object) -> list[str]:
        private = next(path for path in readable if path.name == "public").parent / "private"
        made: list[str] = command(folder, (*readable, private), *others)  # type: ignore[arg-type]
        return made

    monkeypatch.setattr(sandbox, "_command", with_a_hole)
    (fell,) = method_attacks(task)
    assert fell.state == "fell"
    assert "read the solution" in fell.how
