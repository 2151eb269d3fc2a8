"""A method that an installed package offers by name: found, run in its own process, identified."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from challenge.methods import method_names, resolve_method, run_method
from challenge.methods.run.sandbox import Isolation, sandbox_fault
from challenge.task import Task
from tests.toy import build_toy

METHOD = """
from oakwood.acorns import choose

class Forest:
    def __init__(self, seed):
        self.details = {"forest": seed}
    def fit(self, train, task):
        self.label = choose(task.classes)
    def predict(self, test):
        return test[["id"]].assign(label=self.label)
"""


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> Task:
    return build_toy(tmp_path_factory.mktemp("installed"), n=60, images=False)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of the path with an installed package in it, as an installer leaves it."""
    site = tmp_path / "site"
    package, facts = site / "oakwood", site / "oakwood-1.0.dist-info"
    package.mkdir(parents=True)
    facts.mkdir()
    (package / "__init__.py").write_text("")
    (package / "forest.py").write_text(METHOD)
    (package / "acorns.py").write_text("def choose(names):\n    return names[0]\n")
    (facts / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: oakwood\nVersion: 1.0\nRequires-Dist: no-such-thing>=2\n"
    )
    (facts / "entry_points.txt").write_text("[challenge.methods]\nforest = oakwood.forest:Forest\n")
    monkeypatch.syspath_prepend(str(site))
    importlib.invalidate_caches()
    return site


@pytest.mark.parametrize("isolation", ["none", "bwrap"])
def test_a_method_of_a_package_runs_by_its_name(
    site: Path, task: Task, tmp_path: Path, isolation: Isolation
) -> None:
    if isolation == "bwrap" and sandbox_fault():
        pytest.skip("bubblewrap may not make its sandbox here")
    assert "forest" in method_names()
    done = run_method("forest", task, tmp_path / "out", seed=7, threads=1, isolation=isolation)
    assert (done.method, done.title, done.details["forest"]) == ("forest", "forest", 7)


def test_any_code_of_the_package_and_its_version_make_another_method(site: Path) -> None:
    digests = [resolve_method("forest").digest]
    (site / "oakwood" / "acorns.py").write_text("def choose(names):\n    return names[-1]\n")
    digests.append(resolve_method("forest").digest)
    facts = site / "oakwood-1.0.dist-info" / "METADATA"
    facts.write_text(facts.read_text().replace("1.0", "1.1"))
    importlib.invalidate_caches()
    digests.append(resolve_method("forest").digest)
    assert len(set(digests)) == 3
    assert resolve_method("forest").digest == digests[-1]
