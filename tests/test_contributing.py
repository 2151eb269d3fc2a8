"""The examples of CONTRIBUTING.md, applied to a copy of the package and used there."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from tests.toy import declare_toy, toy_rows

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
EXAMPLE = re.compile(
    r"^(?P<what>In|New file|At the end of) `(?P<path>[^`]+)`:\n\n```\w+\n(?P<code>.*?)^```$",
    re.M | re.S,
)
TOPICS = [
    "metric",
    "kind",
    "modality",
    "converter",
    "split rule",
    "leak check",
    "method",
    "board column",
    "page",
    "command",
    "execution engine",
    "datasheet question",
]
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("contributing")]
Run = Callable[[str], str]


def patched(source: str, diff: str) -> str:
    """Return the source after a diff: lines with a blank, - or + before them; @@ parts hunks."""
    for hunk in diff.split("@@\n"):
        lines = hunk.splitlines()
        old, new = (
            "".join(f"{line[1:]}\n" for line in lines if not line.startswith(sign)) for sign in "+-"
        )
        assert source.count(old) == 1, f"these lines are not in the file, or twice:\n{old}"
        source = source.replace(old, new)
    return source


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package with every example of the page in it."""
    folder = tmp_path_factory.mktemp("copy")
    shutil.copytree(
        ROOT / "challenge", folder / "challenge", ignore=shutil.ignore_patterns("__pycache__")
    )
    for example in EXAMPLE.finditer(PAGE):
        path, code = folder / example["path"], example["code"]
        if example["what"] == "New file":
            assert not path.exists()
        else:
            source = path.read_text(encoding="utf-8")
            code = patched(source, code) if example["what"] == "In" else f"{source}\n\n{code}"
        path.write_text(code, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def root(copy: Path) -> Path:
    """A challenge directory with a toy task, to be used with the copy."""
    root = copy / "contest"
    for name in ("datasets", "submissions"):
        (root / name).mkdir(parents=True)
    (root / "challenge.toml").write_text('format = 1\ntitle = "Toys"\nreveal = "all"\n')
    declare_toy(root / "datasets" / "toy", raw=toy_rows(200, images=False))
    return root


@pytest.fixture
def run(copy: Path, root: Path) -> Run:
    """Run Python code in the challenge directory with the copy of the package."""

    def run(code: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=root,
            env=os.environ | {"PYTHONPATH": str(copy)},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


def command(*words: str) -> str:
    """Return code that runs a command of the package."""
    return f"import sys; sys.argv[1:] = {list(words)}; from challenge.cli import main; main()"


def test_every_topic_has_an_example() -> None:
    parts = dict(re.findall(r"^### An? (.+?)\n(.*?)(?=^##|\Z)", PAGE, re.M | re.S))
    assert list(parts) == TOPICS
    assert [topic for topic in TOPICS if not EXAMPLE.search(parts[topic])] == []


def test_a_diff_that_does_not_fit_is_refused() -> None:
    assert patched("a\nb\n", " a\n-b\n+c\n") == "a\nc\n"
    with pytest.raises(AssertionError, match="not in the file"):
        patched("a\nb\n", " a\n-x\n")


def test_the_linter_accepts_the_examples(copy: Path) -> None:
    for words in (["ruff", "check"], ["ruff", "format", "--check"]):
        config = ["--config", str(ROOT / "pyproject.toml")]
        done = subprocess.run(
            [sys.executable, "-m", *words, *config, str(copy / "challenge")],
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout


def test_the_metric_agrees_with_scikit_learn_and_its_interval_holds_it(run: Run) -> None:
    found = run(
        "import numpy as np\n"
        "from sklearn.metrics import jaccard_score\n"
        "from challenge.kinds.metrics.labels import macro_jaccard, tally\n"
        "random = np.random.default_rng(1)\n"
        "truth, predicted = random.integers(0, 4, 300), random.integers(0, 4, 300)\n"
        "expected = jaccard_score(truth, predicted, average='macro')\n"
        "print(abs(float(macro_jaccard(tally(truth, predicted, 4))) - expected) < 1e-12)\n"
    )
    assert found == "True\n"
    run(command("convert", "toy"))
    shown = run(
        "import json, subprocess, sys\n"
        "from pathlib import Path\n"
        "from challenge.scoring import read_predictions, score_predictions\n"
        "from challenge.task import find_task\n"
        "task = find_task('toy', Path('.'))\n"
        "file = task.public / 'sample_submission.csv'\n"
        "score = score_predictions(task, read_predictions(task, file), 'all')\n"
        "one = score.as_json()['metrics']['macro_jaccard']\n"
        "print(one['low'] <= one['value'] <= one['high'])\n"
    )
    assert shown == "True\n"


def test_the_kind_is_known_and_its_metric_counts(run: Run) -> None:
    found = run(
        "import numpy as np\n"
        "from challenge.kinds import KINDS, kind_of\n"
        "from challenge.kinds.scored_rows import Answers, ScoredRows\n"
        "from challenge.kinds.statistics.grouping import Grouping\n"
        "kind = kind_of('counts')\n"
        "labels = np.array([0.0, np.e - 1])\n"
        "rows = ScoredRows(np.arange(2), 2, labels, (), None)\n"
        "metric = kind.metric(kind.default_metric)\n"
        "print(metric.value(kind.outcome(rows, Answers(numbers=np.zeros(2)))))\n"
    )
    # The errors of log(1 + n) are 0 and 1.
    assert float(found) == pytest.approx(0.5**0.5)


def test_the_modality_has_its_type_in_croissant(run: Run, root: Path) -> None:
    folder = root / "datasets" / "links"
    declare_toy(folder, raw=toy_rows(200, images=False))
    toml = folder / "task.toml"
    words = '[columns.words]\nmodality = "text"'
    text = toml.read_text(encoding="utf-8")
    assert words in text
    toml.write_text(text.replace(words, words.replace("text", "url")), encoding="utf-8")
    run(command("convert", "links"))
    card = json.loads((folder / "public" / "croissant.json").read_bytes())
    types = [one["dataType"] for group in card["recordSet"] for one in group["field"]]
    assert "sc:URL" in types


def test_the_split_rule_hides_its_share(run: Run, root: Path) -> None:
    folder = root / "datasets" / "drawn"
    declare_toy(folder, raw=toy_rows(200, images=False), split='by = "random"\nseed = 1')
    run(command("convert", "drawn"))
    document = json.loads((folder / "public" / "task.json").read_bytes())
    assert (document["n_train"], document["n_test"]) == (140, 60)
    assert document["split"]["by"] == "random"


def test_the_converter_makes_a_row_of_each_image(run: Run, root: Path) -> None:
    folder = root / "datasets" / "animals"
    for index in range(60):
        label = ("cat", "dog")[index % 2]
        path = folder / "raw" / label / f"{index}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.frombytes("RGB", (8, 8), random.Random(index).randbytes(8 * 8 * 3)).save(path)
    (folder / "task.toml").write_text(
        'format = 1\nid = "animals"\nkind = "classification"\ntitle = "Animals"\n'
        'metric = "accuracy"\n[[source]]\npath = "raw"\n[raw]\nformat = "folders"\n'
        '[split]\nseed = 1\n[columns.image]\nmodality = "image"\n'
    )
    run(command("convert", "animals"))
    assert "cat, dog" in run(command("show", "animals"))


def test_the_leak_check_finds_a_column_of_one_value(run: Run, root: Path) -> None:
    raw = toy_rows(200, images=False)
    colours = raw.column_names.index("colour")
    same = raw.set_column(colours, "colour", [["red"] * raw.num_rows])
    declare_toy(root / "datasets" / "same", raw=same)
    run(command("convert", "same"))
    assert "one value in every row of train: colour" in run(command("audit", "same"))


def test_the_method_predicts(run: Run) -> None:
    run(command("convert", "toy"))
    found = run(
        "from pathlib import Path\n"
        "from challenge import load_task\n"
        "from challenge.methods import resolve_method\n"
        "loaded = load_task('toy')\n"
        "method = resolve_method('nearest').make()\n"
        "method.fit(loaded.train, loaded.task)\n"
        "found = method.predict(loaded.train)\n"
        "print((found['label'] == loaded.train['label']).mean())\n"
    )
    # Each training row is nearest to itself, ties of equal numbers aside.
    assert float(found) > 0.9


def test_the_column_the_page_and_the_question_are_on_the_site(run: Run, root: Path) -> None:
    run(command("convert", "toy"))
    file = str(root / "datasets" / "toy" / "public" / "sample_submission.csv")
    run(command("submit", "toy", file, "--team", "Owls", "--method", "sample"))
    run(command("leaderboard"))
    board = (root / "leaderboard" / "task" / "toy" / "board.csv").read_text(encoding="utf-8")
    header, row = (line.split(",") for line in board.splitlines()[:2])
    assert row[header.index("method_length")] == str(len("sample"))
    page = (root / "leaderboard" / "task" / "toy" / "index.html").read_text(encoding="utf-8")
    assert 'title="The number of characters of the method’s name."' in page
    assert "Is it about people?" in page
    assert ": 60 test rows</li>" in (root / "leaderboard" / "sizes.html").read_text("utf-8")


def test_the_command_runs_and_is_in_its_panel(run: Run, root: Path) -> None:
    assert run(command("where")).strip() == str(root)
    assert "where" in run(command("--help"))


def test_the_engine_is_made_and_refuses_jobs(run: Run) -> None:
    found = run(
        "from challenge.errors import WrongUse\n"
        "from challenge.methods.run.engines import ENGINES, engine_named\n"
        "print(callable(engine_named('serial', None, None, 1)))\n"
        "try:\n    engine_named('serial', None, 4, 1)\n"
        "except WrongUse as error:\n    print(error)\n"
    )
    assert found.startswith("True\n")
    assert "no --address and no --jobs" in found
