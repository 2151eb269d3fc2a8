"""Commands that run methods: on a task, on a track, with and without submitting."""

from __future__ import annotations

from pathlib import Path

import pytest

from challenge.task import Challenge
from tests.cli.shell import shell
from tests.toy import build_toy, declare_toy, toy_rows

TOML = """format = 1
title = "Toys"
reveal = "all"
[[track]]
id = "classes"
title = "Classes"
kind = "classification"
metric = "macro_f1"
tasks = ["toy"]
"""

METHOD = """
class Constant:
    def fit(self, train, task):
        self.label = sorted(train["label"])[0]

    def predict(self, test):
        return test[["id"]].assign(label=self.label)
"""

AGAIN = """
from pathlib import Path
import pandas as pd

class Again:
    def __init__(self, earlier=None):
        self.earlier = Path(earlier)

    def fit(self, train, task):
        assert len(pd.read_parquet(self.earlier / "out-of-fold.parquet")) == len(train)

    def predict(self, test):
        return pd.read_parquet(self.earlier / "predictions.parquet")
"""


@pytest.fixture(scope="module")
def challenge(tmp_path_factory: pytest.TempPathFactory) -> Challenge:
    root = tmp_path_factory.mktemp("methods") / "c"
    (root / "datasets").mkdir(parents=True)
    (root / "challenge.toml").write_text(TOML)
    (root / "constant.py").write_text(METHOD)
    (root / "broken.py").write_text(METHOD.replace("label=self.label", "label='nonsense'"))
    declare_toy(root / "datasets" / "toy", raw=toy_rows(80, images=False))
    assert shell(root, "convert", "toy").code == 0
    return Challenge(root.resolve())


def test_a_builtin_runs_on_a_track_and_is_a_baseline(challenge: Challenge) -> None:
    done = shell(challenge.root, "run", "majority", "--track", "classes", "--submit")
    assert done.code == 0, done.err
    assert "macro_f1" in done.out
    rows = shell(challenge.root, "submissions", "--json").json()["submissions"]
    assert [row["team"] for row in rows] == ["Majority"]


def test_a_method_from_a_file_predicts_into_a_folder(challenge: Challenge, tmp_path: Path) -> None:
    method = f"{challenge.root / 'constant.py'}:Constant"
    done = shell(challenge.root, "run", method, "--task", "toy", "--to", str(tmp_path))
    assert done.code == 0, done.err
    files = list((tmp_path / "toy").iterdir())
    assert len(files) == 1
    assert shell(challenge.root, "check", "toy", str(files[0])).code == 0


def test_a_method_whose_predictions_have_faults_is_reported(challenge: Challenge) -> None:
    method = f"{challenge.root / 'broken.py'}:Constant"
    done = shell(challenge.root, "run", method, "--task", "toy")
    assert done.code == 1
    assert "toy failed:" in done.err and "nonsense" in done.err and "fix:" in done.err


def test_a_grid_answers_scripts_cell_by_cell(challenge: Challenge, tmp_path: Path) -> None:
    broken, constant = (f"{challenge.root / name}.py:Constant" for name in ("broken", "constant"))
    words = ("run", "majority", broken, constant, "--all", "--submit", "--team", "Owls")
    done = shell(challenge.root, *words, "--to", str(tmp_path), "--jobs", "2", "--json")
    assert done.code == 1, done.err
    document = done.json()
    assert (document["format"], document["ok"]) == (1, False)
    majority, failed, good = document["cells"]
    assert [cell["outcome"] for cell in document["cells"]] == ["submitted", "failed", "submitted"]
    assert (majority["method"], majority["task"]) == ("majority", "toy")
    assert failed["faults"][0]["code"] == "label-unknown" and failed["score"] is None
    assert good["seconds"] > 0 and good["cpu_s"] > 0 and good["peak_mb"] > 10
    assert set(good["score"]) == {"metric", "value", "low", "high"}
    assert 0 < good["score"]["value"] < 1
    assert good["isolation"] == "none" and good["file"] == str(
        tmp_path / "constant-Constant" / "toy" / "predictions.parquet"
    )
    again = shell(challenge.root, *words, "--json").json()["cells"]
    assert [(cell["outcome"], cell["reused"]) for cell in again] == [
        ("identical", True),
        ("failed", False),
        ("identical", True),
    ]
    rows = shell(challenge.root, "matrix", "--json").json()["rows"]
    states = {row["method"]: row["cells"][0] for row in rows if row["team"] == "Owls"}
    assert [states[name]["state"] for name in ("majority", "constant:Constant")] == ["scored"] * 2
    assert states["constant:Constant"]["seconds"] == good["seconds"]
    assert (states["broken:Constant"]["state"], states["broken:Constant"]["fault"]) == (
        "failed",
        "label-unknown",
    )
    assert shell(challenge.root, "run", "majority", "--task", "toy", "--submit").code == 0
    shown = shell(challenge.root, "matrix").out
    assert "failed (label-unknown)" in shown and "with another team's method" in shown


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("run", "majority", "--task", "toy", "--engine", "dusk"), "did you mean 'dask'?"),
        (("run", "majority", "--task", "toy", "--engine", "dask"), "--address"),
        (("run", "majority", "--task", "toy", "--address", "tcp://x:1"), "--engine dask"),
        (("run", "majority", "--task", "toy", "--isolation", "wrap"), "did you mean 'bwrap'?"),
        (("run", "autogluon-pc", "--task", "toy", "--earlier", "nowhere"), "--to nowhere --cv"),
        (
            ("run", "majority", "--task", "toy", "--earlier", "nowhere", "--engine", "dask"),
            "--engine dask",
        ),
        (("run", "majorty", "--task", "toy"), "majority"),
        (("run", "majority", "--task", "toys"), "did you mean 'toy'?"),
        (("run", "majority", "--track", "clases"), "did you mean 'classes'?"),
        (("run", "majority"), "fix: add --task and one of: toy"),
        (("run", "majority", "--task", "toy", "--all"), "fix: leave one of the two out"),
        (("run", "nowhere.py:Method", "--task", "toy"), "nowhere.py"),
        (("run", "{root}/constant.py:Constant", "--task", "toy", "--submit"), "--team"),
    ],
)
def test_wrong_words_are_refused_with_a_fix(
    challenge: Challenge, words: tuple[str, ...], said: str
) -> None:
    done = shell(challenge.root, *(word.format(root=challenge.root) for word in words))
    assert done.code == 2, done
    assert said in done.err and "fix: " in done.err, done.err


@pytest.mark.slow
@pytest.mark.parametrize("isolation", ["none", "bwrap"])
def test_a_method_gets_the_files_of_an_earlier_run(
    challenge: Challenge, isolation: str, tmp_path: Path
) -> None:
    from challenge.methods.run.sandbox import sandbox_fault

    if isolation == "bwrap" and sandbox_fault():
        pytest.skip("no sandbox here")
    (tmp_path / "again.py").write_text(AGAIN)
    run = ("run", "majority", "--task", "toy", "--to", str(tmp_path / "old"))
    assert shell(challenge.root, *run).code == 0
    assert shell(challenge.root, *run, "--cv").code == 0
    method = ("run", f"{tmp_path / 'again.py'}:Again", "--task", "toy", "--isolation", isolation)
    given = ("--earlier", str(tmp_path / "old"), "--to", str(tmp_path / "new"))
    done = shell(challenge.root, *method, *given)
    assert done.code == 0, done.err
    old, new = (tmp_path / name / "toy" / "predictions.parquet" for name in ("old", "new"))
    assert old.read_bytes() == new.read_bytes()


@pytest.fixture(scope="module")
def kinds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a challenge with a classification, a log and a retrieval."""
    root = tmp_path_factory.mktemp("kinds")
    (root / "challenge.toml").write_text(
        'format = 1\ntitle = "Kinds"\nreveal = "all"\n[[track]]\nid = "things"\n'
        'title = "Things"\nkind = "retrieval"\nmetric = "map"\ntasks = ["toy-retrieval"]\n'
    )
    for kind, n in (("classification", 60), ("bandit", 120), ("retrieval", 120)):
        build_toy(root, kind, n, images=False)
    return root


@pytest.mark.slow
def test_all_leaves_out_what_a_method_cannot_do(kinds: Path) -> None:
    done = shell(kinds, "run", "linear", "uniform", "old-vectors", "majority", "--all", "--json")
    assert done.code == 0, done.err
    assert [(cell["method"], cell["task"]) for cell in done.json()["cells"]] == [
        ("linear", "toy-bandit"),
        ("linear", "toy-classification"),
        ("uniform", "toy-bandit"),
        ("old-vectors", "toy-retrieval"),
        ("majority", "toy-bandit"),
        ("majority", "toy-classification"),
        ("old-vectors", "toy-retrieval"),
    ]
    assert [line for line in done.err.splitlines() if "left out" in line] == [
        "note: linear cannot do the kind of toy-retrieval: left out",
        "note: uniform cannot do the kind of toy-classification, toy-retrieval: left out",
        "note: old-vectors cannot do the kind of toy-bandit, toy-classification: left out",
    ]


@pytest.mark.parametrize(
    ("words", "code"),
    [(("--task", "toy-retrieval"), 1), (("--track", "things", "--cv"), 2)],
    ids=["named", "nothing-else"],
)
def test_a_task_that_a_method_cannot_do_fails_where_it_is_named_or_alone(
    kinds: Path, words: tuple[str, ...], code: int
) -> None:
    done = shell(kinds, "run", "linear", *words)
    assert done.code == code, done.err
    assert "rows need a vector" in done.err and "fix: run old-vectors, naive-vectors" in done.err


@pytest.mark.slow
def test_a_method_of_ones_own_is_tried_on_every_kind(kinds: Path, tmp_path: Path) -> None:
    (tmp_path / "constant.py").write_text(METHOD)
    done = shell(kinds, "run", f"{tmp_path}/constant.py:Constant", "--all", "--json")
    outcomes = [cell["outcome"] for cell in done.json()["cells"]]
    assert outcomes == ["predicted", "predicted", "failed"] and done.code == 1


@pytest.mark.slow
def test_a_cluster_that_is_not_there_is_told(challenge: Challenge) -> None:
    # With the extra the scheduler is missing, without it the package: the machine's fault both.
    words = ("run", "majority", "--task", "toy", "--seed", "99", "--json")
    done = shell(challenge.root, *words, "--engine", "dask", "--address", "tcp://127.0.0.1:1")
    assert done.code == 3
    assert done.fault() in ("dask-address", "dask-missing")


def test_a_class_that_the_file_does_not_have_names_the_nearest(challenge: Challenge) -> None:
    done = shell(challenge.root, "run", f"{challenge.root}/constant.py:Constnt", "--task", "toy")
    assert done.code == 1
    assert "did you mean 'Constant'?" in done.err


def test_a_run_whose_file_goes_nowhere_says_so(challenge: Challenge, tmp_path: Path) -> None:
    words = ("run", "majority", "--task", "toy")
    nowhere = shell(challenge.root, *words)
    assert nowhere.code == 0 and "add --to DIR to keep it, or --submit" in nowhere.err
    for more in (("--to", str(tmp_path)), ("--submit",), ("--cv",)):
        done = shell(challenge.root, *words, *more)
        assert done.code == 0 and "no file was kept" not in done.err, more
