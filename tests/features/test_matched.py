"""Words that both records of a pair have."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from challenge.task import Task
from tests.toy import build_toy

_DIGEST = """
import hashlib, sys
from pathlib import Path
from challenge.features.matched import MatchedWords
from challenge.task import read_task
from challenge.task.frames import read_train
task = read_task(Path(sys.argv[1]))
words = MatchedWords(task).fit_transform(read_train(task))
print(words.shape, hashlib.sha256(words.indices.tobytes() + words.data.tobytes()).hexdigest())
"""


def digest_under(seed: int, task: Task) -> str:
    done = subprocess.run(
        [sys.executable, "-c", _DIGEST, str(task.public)],
        env=os.environ | {"PYTHONHASHSEED": str(seed)},
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout


@pytest.mark.slow
def test_the_table_does_not_depend_on_the_seed_of_hashes(tmp_path: Path) -> None:
    task = build_toy(tmp_path, "matching", n=80, images=False)
    assert len({digest_under(seed, task) for seed in (0, 1, 2)}) == 1
