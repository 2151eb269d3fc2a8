"""Structure-aware mutation of Parquet files: `python -m tests.fuzz.fuzz_parquet SECONDS [SEED]`.

Arrow's reader is not instrumented, so files are damaged by hand at chosen and at random places.
A finding is kept as `corpus/parquet-<seed>-<number>`.
"""

from __future__ import annotations

import sys
import time
from random import Random

from tests.fuzz.targets import CORPUS, Target, mutate_parquet


def main(seconds: float, seed: int) -> None:
    """Run for so long; stop at the first finding and keep it."""
    target, rng = Target(), Random(seed)
    end, number = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        data = mutate_parquet(rng)
        kept = CORPUS / f"parquet-{seed}-{number}"
        # Written first: a crash of the process itself leaves the file that made it.
        kept.write_bytes(data)
        target.run(data)
        kept.unlink()
        number += 1
    print(f"{number:,} files, nothing found")  # noqa: T201


if __name__ == "__main__":
    main(float(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0)
