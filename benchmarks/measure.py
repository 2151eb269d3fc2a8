"""Measure work side by side: ratios of medians, in both orders, CPU time beside wall time.

Absolute times mean little on a shared machine, so a benchmark names a yardstick that runs in the
same rounds, and reports ratios to it. Targets are printed, never asserted.
"""

from __future__ import annotations

import gc
import json
import math
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

__all__ = ["Timing", "measure", "peak_memory_mb", "report", "slope"]


@dataclass(frozen=True)
class Timing:
    """Medians over the rounds, in seconds; CPU time counts all threads of this process."""

    cpu_s: float
    wall_s: float


def measure(work: Mapping[str, Callable[[], object]], rounds: int = 5) -> dict[str, Timing]:
    """Time each piece of work `rounds` times, in turn, every second round in reverse order.

    One run of each goes before and is not counted.
    """
    for run in work.values():
        run()
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in work}
    for number in range(rounds):
        names = list(work)
        for name in names if number % 2 == 0 else reversed(names):
            gc.collect()
            cpu, wall = time.process_time(), time.perf_counter()
            result = work[name]()
            times[name].append((time.process_time() - cpu, time.perf_counter() - wall))
            del result
    return {
        name: Timing(median(cpu for cpu, _ in each), median(wall for _, wall in each))
        for name, each in times.items()
    }


def slope(sizes: Sequence[float], seconds: Sequence[float]) -> float:
    """Return the exponent of growth: 1 is linear, 2 is quadratic (least squares on logarithms).

    >>> slope([10, 100, 1000], [1, 10, 100])
    1.0
    """
    xs = [math.log(size) for size in sizes]
    ys = [math.log(max(value, 1e-9)) for value in seconds]
    x_mean, y_mean = sum(xs) / len(xs), sum(ys) / len(ys)
    rise = sum((x - x_mean) * (y - y_mean) for x, y in zip(xs, ys, strict=True))
    return round(rise / sum((x - x_mean) ** 2 for x in xs), 3)


def peak_memory_mb(run: Callable[[], object]) -> float:
    """Return how far `run` raises the peak memory of a fresh child process, in MB.

    What is imported before the call is in the base line. Not on Windows.
    """
    import resource

    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        base = _resident_kb()
        code = 1
        try:
            run()
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            os.write(write, f"{max(peak - base, 0) / 1024}".encode())
            code = 0
        finally:
            os._exit(code)
    os.close(write)
    with os.fdopen(read) as pipe:
        text = pipe.read()
    os.waitpid(child, 0)
    return float(text) if text else math.nan


def _resident_kb() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 1024


def report(
    row: int | str,
    work: str,
    target: str,
    reached: Mapping[str, float | str],
    *,
    met: bool | None,
    timings: Mapping[str, Timing] | None = None,
) -> None:
    """Print one row for people, and append it as a line of JSON to the file in BENCH_JSON.

    `met` None means that the row has no target.
    """
    figures = ", ".join(
        f"{name} {value:.3g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in reached.items()
    )
    verdict = {True: "met", False: "NOT MET", None: "no target"}[met]
    print(f"row {row}: {work}\n  target {target}\n  reached {figures}: {verdict}")
    for name, timing in (timings or {}).items():
        print(f"    {name:44} CPU {timing.cpu_s:8.4f} s   wall {timing.wall_s:8.4f} s")
    sys.stdout.flush()
    if "BENCH_JSON" in os.environ:
        line = {
            "row": row,
            "work": work,
            "target": target,
            "reached": dict(reached),
            "met": met,
            "timings": {name: asdict(timing) for name, timing in (timings or {}).items()},
        }
        with Path(os.environ["BENCH_JSON"]).open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, sort_keys=True) + "\n")
