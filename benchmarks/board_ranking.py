"""How long a board takes: 100k submissions of 10k teams, from the stored ledger to ranked rows.

    python -m benchmarks.board_ranking [--submissions 100000] [--teams 10000] [--rounds 5]

Three figures: reading the ledger and ranking every team by score (target: at most 1 s of CPU); the
ranking alone; with the intervals of all ranks and the tied group. Smaller sizes
run first, so that the growth can be told: steeper than n log n would be a fault.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.measure import Timing, measure, report, slope
from challenge.board.rules.task_board import task_board
from challenge.kinds.statistics.vector import Vector
from challenge.ledger import Ledger, open_ledger, read_snapshot
from challenge.ledger.store import schema
from challenge.ledger.store.clock import micros, read_time
from challenge.task import Challenge

TOML = """format = 1
title = "Benchmark"
reveal = "all"

[[track]]
id = "main"
title = "Main"
kind = "classification"
metric = "accuracy"
tasks = ["task"]
"""
CLUSTERS = 1000
TARGET_S = 1.0
READ, RANK, TIES = "ledger read and ranking", "ranking alone", "ranking with ties"


def fill(folder: Path, n_submissions: int, n_teams: int, seed: int = 0) -> Ledger:
    """Write a ledger with scores of one task straight into its tables."""
    folder.mkdir(parents=True)
    (folder / "challenge.toml").write_text(TOML, encoding="utf-8")
    ledger = open_ledger(Challenge(folder))
    generator = np.random.default_rng(seed)
    start = micros(read_time("2026-01-01T00:00:00Z", "start"))
    skill = generator.normal(0.7, 0.05, n_teams)
    team = generator.integers(0, n_teams, n_submissions)
    team[:n_teams] = generator.permutation(n_teams)
    value = np.clip(skill[team] + generator.normal(0, 0.02, n_submissions), 0, 1)
    at = start + np.sort(generator.integers(0, 120 * 86_400_000_000, n_submissions))
    document = json.dumps({"id": "task", "title": "Task", "kind": "classification",
                           "metric": "accuracy"})  # fmt: skip
    digests = {"data_digest": "d", "solution_digest": "s"}
    with ledger.store.writing() as connection:
        ledger.record_settings_in(connection, read_time("2026-01-01T00:00:00Z", "start"))
        connection.execute(schema.cards.insert(), [
            {"at": start, "task": "task", "card_digest": "c", "task_json": document,
             "card_json": "{}", **digests}])  # fmt: skip
        connection.execute(schema.scoring_versions.insert(), [
            {"id": 1, "at": start, "task": "task", "scorer_version": 1, "n_public": 3000,
             **digests}])  # fmt: skip
        connection.execute(schema.baseline_scores.insert(), [
            {"at": start, "scoring_version": 1, "subset": "all", "value": 0.1}])  # fmt: skip
        connection.execute(schema.teams.insert(), [
            {"id": i + 1, "at": start, "slug": f"team-{i}", "baseline": False}
            for i in range(n_teams)])  # fmt: skip
        connection.execute(schema.team_names.insert(), [
            {"at": start, "team": i + 1, "name": f"Team {i}", "folded": f"team {i}",
             "skeleton": f"team {i}"}
            for i in range(n_teams)])  # fmt: skip
        connection.execute(schema.submissions.insert(), [
            {"id": i + 1, "at": int(at[i]), "team": int(team[i]) + 1, "task": "task",
             "method": f"method {i % 97}", "note": "", "sha256": f"{i:064x}",
             "content": f"{i:064x}",
             "file_sha256": f"{i:064x}", "form": "labels", "details": "{}", "notes": "[]",
             "baseline": False, "isolation": "none"}
            for i in range(n_submissions)])  # fmt: skip
        connection.execute(schema.scores.insert(), [
            {"id": i + 1, "at": int(at[i]), "submission": i + 1,
             "scoring_version": 1, "subset": "all",
             "metric": "accuracy", "value": float(value[i]), "low": float(value[i]) - 0.01,
             "high": float(value[i]) + 0.01, "public_value": None, "released": True, "step": 0.0,
             "n": 10_000, "n_clusters": 1000, "grouping_hash": "w", "resolution": 1e-4,
             "metrics": json.dumps({"accuracy": {"value": float(value[i])}}), "diagnostics": "{}"}
            for i in range(n_submissions)])  # fmt: skip
        order = np.argsort(-value, kind="stable")
        best = order[np.unique(team[order], return_index=True)[1]]
        shared = generator.normal(0, 0.004 / CLUSTERS**0.5, CLUSTERS)
        connection.execute(schema.vectors.insert(), [
            {"score": int(i) + 1,
             "vector": Vector(shared + generator.normal(0, 0.003 / CLUSTERS**0.5, CLUSTERS))
             .to_bytes()}
            for i in best])  # fmt: skip
    return ledger


def time_board(n_submissions: int, n_teams: int, rounds: int) -> dict[str, Timing]:
    """Time each part for one size of board."""
    with tempfile.TemporaryDirectory() as folder:
        ledger = fill(Path(folder) / "challenge", n_submissions, n_teams)
        snapshot = read_snapshot(ledger)
        assert len(task_board(snapshot, "task", None).rows) == n_teams
        compared = task_board(snapshot, "task", snapshot.vectors).n_compared
        assert compared == n_teams
        return measure(
            {
                READ: lambda: task_board(read_snapshot(ledger), "task", None),
                RANK: lambda: task_board(snapshot, "task", None),
                TIES: lambda: task_board(snapshot, "task", snapshot.vectors),
            },
            rounds,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--submissions", type=int, default=100_000)
    parser.add_argument("--teams", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    wanted = parser.parse_args()
    sizes, seconds = [], []
    timings: dict[str, Timing] = {}
    for share in (0.1, 0.3, 1.0):
        n = int(wanted.submissions * share)
        timings = time_board(n, max(1, int(wanted.teams * share)), wanted.rounds)
        sizes.append(float(n))
        seconds.append(timings[READ].cpu_s)
    report(
        8,
        f"board of {wanted.submissions:,} submissions of {wanted.teams:,} teams",
        f"ledger read and ranking at most {TARGET_S} s; growth no steeper than n log n",
        {
            "CPU seconds": timings[READ].cpu_s,
            "growth": slope(sizes, seconds),
            "intervals of all ranks, CPU seconds": timings[TIES].cpu_s - timings[RANK].cpu_s,
        },
        met=timings[READ].cpu_s <= TARGET_S and slope(sizes, seconds) < 1.2,
        timings=timings,
    )


if __name__ == "__main__":
    main()
