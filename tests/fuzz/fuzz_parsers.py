"""Fuzzing of small parsers: `python -m tests.fuzz.fuzz_parsers svg|answer -max_total_time=60`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path


def main() -> None:
    """Run until the time is over or something is found."""
    import atheris

    with atheris.instrument_imports(include=["challenge.task.svg", "challenge.methods.run"]):
        from tests.fuzz.parsers import SEEDS, TARGETS
    name = sys.argv.pop(1)
    with tempfile.TemporaryDirectory() as found:
        (Path(found) / "seed").write_bytes(SEEDS[name])
        atheris.Setup([*sys.argv, "-max_len=600", found], TARGETS[name])
        atheris.Fuzz()


if __name__ == "__main__":
    main()
