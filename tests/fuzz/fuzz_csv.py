"""Coverage-guided fuzzing of the CSV readers: `python -m tests.fuzz.fuzz_csv -max_total_time=60`.

Needs atheris (`pip install atheris`). New inputs go to a temporary corpus; a finding is written as
`crash-*` into the current folder: copy it to `corpus/csv-<what>` when it is mended.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path


def main() -> None:
    """Run until the time is over or something is found."""
    import atheris

    with atheris.instrument_imports(include=["challenge.scoring"]):
        from tests.fuzz.targets import CORPUS, Target
    target = Target()
    with tempfile.TemporaryDirectory() as found:
        for seed in CORPUS.glob("csv-*"):
            (Path(found) / seed.name).write_bytes(seed.read_bytes())
        atheris.Setup([*sys.argv, "-max_len=400", found], target.run)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
