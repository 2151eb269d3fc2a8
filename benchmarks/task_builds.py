"""What it costs to build each task of this repository from nothing, its downloads being cached.

    python -m benchmarks.task_builds                       # all of them
    python -m benchmarks.task_builds --tasks icon-tag

Each build is a process of its own in a fresh challenge, so that nothing is there before, not even
the unpacked archives, and its peak memory is its own. Downloads come from the cache of this
repository (or CHALLENGE_CACHE); `challenge convert --all` fills it.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.measure import report

ROOT = Path(__file__).resolve().parents[1]
MOST_SECONDS = {"patent-class": 180}
"""What a build may take; the others 60."""


def copy_definitions(folder: Path) -> None:
    """Make a challenge with the definitions and converters of all tasks."""
    (folder / "challenge.toml").write_text('format = 1\ntitle = "Builds"\n', encoding="utf-8")
    definitions = sorted((ROOT / "datasets").glob("*/task.toml"))
    for definition in definitions:
        target = folder / "datasets" / definition.parent.name
        target.mkdir(parents=True)
        for path in [definition, *definition.parent.glob("*.py")]:
            shutil.copy(path, target)


def build(folder: Path, task: str, cache: Path) -> tuple[float, float, float]:
    """Build the task; return wall and CPU seconds and the peak memory in MB."""
    command = [sys.executable, "-m", "challenge", "-C", str(folder), "convert", task]
    began = time.perf_counter()
    child = subprocess.Popen(
        command, env=os.environ | {"CHALLENGE_CACHE": str(cache)}, stderr=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(child.pid, 0)
    seconds = time.perf_counter() - began
    if status:
        raise SystemExit(f"{task} was not built")
    return seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", nargs="+", help="default: all")
    wanted = parser.parse_args().tasks
    kept = Path(os.environ.get("CHALLENGE_CACHE", ROOT / ".cache")) / "downloads"
    for task in wanted or sorted(path.parent.name for path in ROOT.glob("datasets/*/task.toml")):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            copy_definitions(folder)
            cache = folder / "cache"
            cache.mkdir()
            (cache / "downloads").symlink_to(kept.resolve())
            seconds, cpu, memory = build(folder, task, cache)
        most = MOST_SECONDS.get(task, 60)
        report(
            "task builds",
            task,
            f"under {most} s (CPU, so that neighbours do not count) and 2,048 MB",
            {"s": seconds, "CPU s": cpu, "MB": memory},
            met=cpu < most and memory < 2048,
        )


if __name__ == "__main__":
    main()
