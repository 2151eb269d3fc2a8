"""The tutorials run as they are written: one page, one folder, all its blocks in order."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted((ROOT / "docs").glob("tutorial-*.md"))
BLOCK = re.compile(r"<!-- (?P<what>runs|file: (?P<file>\S+)) -->\n```\w+\n(?P<code>.*?)```", re.S)
YAML = re.compile(r"<!-- yaml -->\n```yaml\n(?P<code>.*?)```", re.S)
GIVEN = {
    "tutorial-participant": "parcels.zip",
    "tutorial-method": "parcels.zip",
    "tutorial-contest": "contest",
    "tutorial-static-host": "contest",
    "tutorial-organiser": None,
}
"""What the reader of a page has: the zip of a task, a challenge directory, nothing."""


def run(code: str, folder: Path) -> None:
    shell = shutil.which("bash")
    assert shell is not None
    done = subprocess.run(
        [shell, "-c", f"set -euo pipefail\n{code}"],
        cwd=folder,
        env=os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a challenge directory of one built task, and the zip of the task."""
    folder = tmp_path_factory.mktemp("tutorials")
    run("challenge init contest && cd contest && challenge convert parcels", folder)
    run("challenge -C contest export parcels --to parcels.zip", folder)
    return folder


def test_each_tutorial_is_known_and_most_of_its_blocks_run() -> None:
    assert {page.stem for page in PAGES} == set(GIVEN)
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        blocks = len(re.findall(r"^```\w+$", text, re.M))
        run_or_read = len(BLOCK.findall(text)) + len(YAML.findall(text))
        # The close of a contest cannot run, and cron is another program.
        assert blocks - run_or_read <= 1, page.name


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.stem))
def test_a_tutorial_runs_as_it_is_written(page: Path, built: Path, tmp_path: Path) -> None:
    given = GIVEN[page.stem]
    if given == "contest":
        shutil.copytree(built / given, tmp_path, dirs_exist_ok=True)
    elif given is not None:
        shutil.copyfile(built / given, tmp_path / given)
    code = []
    for block in BLOCK.finditer(page.read_text(encoding="utf-8")):
        if block["file"]:
            (tmp_path / block["file"]).write_text(block["code"], encoding="utf-8")
        else:
            code.append(block["code"])
    run("\n".join(code), tmp_path)


@pytest.mark.slow
def test_the_recipes_for_ci_are_yaml_with_a_job() -> None:
    import yaml

    page = ROOT / "docs" / "tutorial-static-host.md"
    found = [yaml.safe_load(block["code"]) for block in YAML.finditer(page.read_text("utf-8"))]
    github, gitlab = found
    steps = github["jobs"]["board"]["steps"]
    assert {"run": "bash publish.sh"} in steps and gitlab["pages"]["script"] == ["bash publish.sh"]
    assert gitlab["pages"]["artifacts"]["paths"] == ["public"]
