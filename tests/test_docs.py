"""What the documentation says is what the product does."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import TypeAdapter

from challenge.task.declarations import tomllib
from docs import task_toml
from docs.architecture import PAGE, direct, rendered

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"<!-- runs: (?P<name>[a-z]+) -->\s*```bash\n(?P<code>.*?)```", re.S)
BLOCKS = {match["name"]: match["code"] for match in BLOCK.finditer(README)}


def test_the_page_of_commands_is_what_the_commands_say() -> None:
    made = subprocess.run(
        [
            sys.executable,
            "-c",
            "import runpy; print(runpy.run_path('docs/commands.py')['render']())",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    page = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    assert made.strip() == page.strip(), "run `python docs/commands.py`"


def test_the_page_of_task_toml_is_what_the_models_say() -> None:
    assert task_toml.PAGE.read_text("utf-8") == task_toml.render(), "run `python -m docs.task_toml`"


def test_every_key_of_task_toml_has_a_meaning_and_an_example_that_it_takes() -> None:
    found = dict(task_toml.keys())
    assert set(found) == set(task_toml.EXAMPLES)
    for name, field in found.items():
        assert field.description or field.title, f"{name} has no docstring"
        value = tomllib.loads(f"value = {task_toml.EXAMPLES[name]}")["value"]
        kind: Any = Annotated[(field.annotation, *field.metadata, name)]
        TypeAdapter(kind).validate_python(value)


def test_the_diagram_of_the_architecture_is_drawn_from_the_imports() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert rendered(page) == page, "run `python -m docs.architecture`"


def test_an_arrow_that_follows_from_two_others_is_not_drawn() -> None:
    imports: dict[str, set[str]] = {"c": {"a", "b"}, "b": {"a"}, "a": set()}
    assert direct(imports) == [("c", "b"), ("b", "a")]


def test_the_readme_has_the_first_minutes_of_all_three_users() -> None:
    assert list(BLOCKS) == ["organiser", "participant", "inbox", "reader"]
    assert "make demo" in README
    assert "make test" in README


def test_the_first_minutes_of_the_readme_run_as_they_stand(tmp_path: Path) -> None:
    # One shell for all three: the participant gets what the organiser exported.
    shell = shutil.which("bash")
    assert shell is not None
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    script = "set -euo pipefail\n" + "\n".join(BLOCKS.values())
    done = subprocess.run(
        [shell, "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("page", [*sorted(ROOT.glob("docs/*.md")), ROOT / "README.md"], ids=str)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?:|#|mailto:)([^)#]+)", page.read_text(encoding="utf-8"))
    missing = [target for target in targets if not (page.parent / target).exists()]
    assert missing == []
