"""What fuzzing found stays mended, and a few hundred fresh files are tried in every run."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from tests.fuzz.parsers import SEEDS, TARGETS
from tests.fuzz.targets import CORPUS, Target, mutate_parquet


@pytest.fixture(scope="module")
def target() -> Target:
    return Target()


@pytest.mark.parametrize("path", sorted(CORPUS.iterdir()), ids=lambda path: path.name)
def test_a_file_of_the_corpus_is_read_or_reported(path: Path, target: Target) -> None:
    run = TARGETS.get(path.name.partition("-")[0], target.run)
    run(path.read_bytes())


@pytest.mark.parametrize("seed", range(4))
def test_damaged_parquet_is_read_or_reported(seed: int, target: Target) -> None:
    rng = Random(seed)
    for _ in range(50):
        target.run(mutate_parquet(rng))


@pytest.mark.parametrize("name", sorted(SEEDS))
def test_seeds_whole_and_damaged_are_read_or_reported(name: str) -> None:
    rng = Random(0)
    for seed in SEEDS[name]:
        TARGETS[name](seed)
        for _ in range(100 // len(SEEDS[name])):
            data = bytearray(seed)
            data[rng.randrange(len(data))] = rng.randrange(256)
            TARGETS[name](bytes(data))
