"""Row 9: how long commands take to start, against an empty Python."""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from benchmarks.measure import Timing, report
from benchmarks.scoring_files import make_task, write_labels

__all__ = ["main"]


def time_processes(commands: dict[str, Sequence[str]], rounds: int = 9) -> dict[str, Timing]:
    """Time whole processes in turn, every second round in reverse order."""
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
    for number in range(-1, rounds):
        for name in list(commands)[:: 1 if number % 2 == 0 else -1]:
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            wall = time.perf_counter()
            subprocess.run(commands[name], check=True, capture_output=True)
            wall = time.perf_counter() - wall
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            if number >= 0:
                times[name].append((cpu, wall))
    return {
        name: Timing(median(cpu for cpu, _ in each), median(wall for _, wall in each))
        for name, each in times.items()
    }


def main(full: bool) -> None:
    """Print row 9; there is one size only."""
    with tempfile.TemporaryDirectory() as name:
        task = make_task(Path(name) / "task", 2000)
        path = Path(name) / "p.csv"
        write_labels(task, path)
        call = "import sys; from challenge.cli import main; sys.argv[0] = 'challenge'; main()"
        times = time_processes(
            {
                "empty Python": [sys.executable, "-c", ""],
                "challenge --help": [sys.executable, "-c", call, "--help"],
                "challenge check": [
                    sys.executable,
                    "-c",
                    call,
                    "check",
                    str(task.folder),
                    str(path),
                ],
            },
            rounds=15 if full else 7,
        )
    empty, usage, check = (timing.cpu_s for timing in times.values())
    report(
        9,
        "start of commands, 2,000 rows",
        "--help at most 10 x, check at most 22 x an empty Python",
        {"--help x": usage / empty, "check x": check / empty},
        met=usage <= 10 * empty and check <= 22 * empty,
        timings=times,
    )


if __name__ == "__main__":
    main("--full" in sys.argv)
