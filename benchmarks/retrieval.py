"""Time and memory of the exact search of retrieval: `python -m benchmarks.retrieval`.

Drawn vectors: each query lies near one row of the gallery, and is right where it finds it first.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time

import numpy as np

from challenge.kinds.metrics.found_again import search

__all__ = ["main"]


def main() -> None:
    """Search once, and print how long it took and the most memory that the process had."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--queries", type=int, default=100_000)
    parser.add_argument("--gallery", type=int, default=100_000)
    parser.add_argument("--dimensions", type=int, default=128)
    given = parser.parse_args()
    random = np.random.default_rng(0)
    gallery = random.normal(0.0, 1.0, (given.gallery, given.dimensions))
    wanted = np.arange(given.queries) % given.gallery
    queries = random.normal(0.0, 1.5, (given.queries, given.dimensions))
    for row, thing in enumerate(wanted):
        queries[row] += gallery[thing]
    started, cpu = time.perf_counter(), time.process_time()
    found = search(queries, gallery, wanted, np.arange(given.gallery))
    took, used = time.perf_counter() - started, time.process_time() - cpu
    unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
    print(
        f"{given.queries:,} queries in {given.gallery:,} rows of {given.dimensions} dimensions: "
        f"{took:.0f} s ({used:.0f} s of processor), at most {peak:.0f} MB"
    )
    print(f"mAP {found.precision.mean():.4f}, recall@1 {found.within(1).mean():.4f}")


if __name__ == "__main__":
    main()
