"""Fuzzing of one parser: `python -m tests.fuzz.fuzz_parsers NAME -max_total_time=600`.

NAME is a key of `tests.fuzz.parsers.TARGETS`. An input that takes a minute or two gigabytes is a
finding too. A finding is written as `crash-*`, `timeout-*` or `oom-*` into the current folder: copy
it to `corpus/NAME-<what>` when it is fixed.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

_SPENT = ["-timeout=60", "-rss_limit_mb=2048"]


def main() -> None:
    """Run until the time is over or something is found."""
    import atheris

    with atheris.instrument_imports(include=["challenge", "tarfile", "zipfile", "openpyxl"]):
        from tests.fuzz.parsers import SEEDS, TARGETS
        from tests.fuzz.targets import CORPUS
    name = sys.argv.pop(1)
    found_before = [path.read_bytes() for path in sorted(CORPUS.glob(f"{name}-*"))]
    with tempfile.TemporaryDirectory() as found:
        seeds = [*SEEDS[name], *found_before]
        for number, seed in enumerate(seeds):
            (Path(found) / f"seed-{number}").write_bytes(seed)
        longest = 2 * max(map(len, seeds))
        atheris.Setup([*sys.argv, f"-max_len={longest}", *_SPENT, found], TARGETS[name])
        atheris.Fuzz()


if __name__ == "__main__":
    main()
