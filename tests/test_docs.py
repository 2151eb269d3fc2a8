"""What the documentation says is what the product does."""

from __future__ import annotations

import ast
import dataclasses
import html
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import pytest
import typer
from pydantic import BaseModel, TypeAdapter

from challenge.kinds import KINDS, kind_of
from challenge.prepare.sources.archives import Caps
from challenge.task.declarations import tomllib
from challenge.task.findings import FINDINGS
from challenge.task.settings import Limits, RosterTeam, Settings, Track
from docs import fault_codes, metrics, skill, task_toml
from docs.architecture import PAGE, direct, rendered
from docs.limits import LIMITS, PACKAGES
from docs.limits import rows as limit_rows

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


def test_the_skill_of_agents_has_every_command_and_runs_as_it_is_written() -> None:
    page = skill.PAGE.read_text("utf-8")
    assert skill.rendered(page) == page, "run `python -m docs.skill`"
    # What https://agentskills.io/specification asks of the head.
    head = re.match(r"---\nname: (?P<name>[a-z0-9-]{1,64})\ndescription: (?P<text>.+)\n---\n", page)
    assert head is not None and head["name"] == skill.PAGE.parent.name
    assert len(head["text"]) <= 1024 and ": " not in head["text"]
    for line in commands_of(skill.PAGE):
        assert f"`challenge {line[0]}`" in page


def test_the_page_of_task_toml_is_what_the_models_say() -> None:
    assert task_toml.PAGE.read_text("utf-8") == task_toml.render(), "run `python -m docs.task_toml`"


def test_the_page_of_metrics_says_what_each_measures() -> None:
    page = metrics.PAGE.read_text("utf-8")
    assert page == metrics.render(), "run `python -m docs.metrics`"
    for kind in map(kind_of, KINDS):
        for metric in kind.metrics.values():
            assert metric.meaning.endswith("."), f"{kind.name}, {metric.name}: no meaning"
            assert f"| `{metric.name}` | {metric.title} | {metric.meaning} |" in page


def test_the_page_of_codes_has_every_code_of_a_fault() -> None:
    page = fault_codes.PAGE.read_text("utf-8")
    assert page == fault_codes.render(), "run `python -m docs.fault_codes`"
    assert sum(map(len, fault_codes.codes().values())) > 150


def test_the_page_of_challenge_toml_has_every_key() -> None:
    page = (ROOT / "docs" / "challenge-toml.md").read_text("utf-8")
    parts = page.split("\n## ")[1:]
    models: list[type[BaseModel]] = [Settings, Limits, Track, RosterTeam]
    for part, model in zip(parts, models, strict=True):
        keys = set(re.findall(r"^\| `(\w+)` \|", part, re.M))
        assert keys == set(model.model_fields) - {"limits", "track", "team"}, model


def test_every_kind_is_on_the_page_of_scores() -> None:
    page = (ROOT / "docs" / "scoring.md").read_text("utf-8")
    assert {kind for kind in KINDS if f"\n| {kind} |" not in page} == set()


def test_every_command_has_a_heading() -> None:
    from challenge.cli.app import app, load_commands

    load_commands()
    page = (ROOT / "docs" / "commands.md").read_text("utf-8")
    group: Any = typer.main.get_group(app)
    names = []
    for name, command in group.commands.items():
        inside = getattr(command, "commands", None)
        names += [name] if inside is None else [f"{name} {one}" for one in inside]
    assert set(names) == set(re.findall(r"^## (.+)$", page, re.M))


def test_every_key_of_task_toml_has_a_meaning_and_an_example_that_it_takes() -> None:
    found = dict(task_toml.keys())
    assert set(found) == set(task_toml.EXAMPLES)
    for name, field in found.items():
        assert field.description or field.title, f"{name} has no docstring"
        value = tomllib.loads(f"value = {task_toml.EXAMPLES[name]}")["value"]
        kind: Any = Annotated[(field.annotation, *field.metadata, name)]
        TypeAdapter(kind).validate_python(value)


def test_the_page_of_task_toml_lists_every_limit() -> None:
    # A constant with such a name, or a field of the caps of archives, is a limit.
    named = re.compile(r"_?(MAX|MOST|LONGEST|LARGEST|DEEPEST|PRELUDE|SHORT_TEXTS|TEXT_BUDGET)")
    found = {f"prepare.sources.archives:Caps.{field.name}" for field in dataclasses.fields(Caps)}
    for package in PACKAGES:
        for path in sorted((ROOT / "challenge" / package).rglob("*.py")):
            module = ".".join(path.relative_to(ROOT / "challenge").with_suffix("").parts)
            found |= {f"{module}:{name}" for name in constants(path) if named.match(name)}
    assert found - set(LIMITS) == set()
    page = task_toml.PAGE.read_text("utf-8")
    for value, limit in limit_rows():
        assert limit.beyond and f"| {limit.meaning} | {value} | {limit.beyond} |" in page


def constants(path: Path) -> Iterator[str]:
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        targets = [node.target] if isinstance(node, ast.AnnAssign) else targets
        for target in targets:
            parts = target.elts if isinstance(target, ast.Tuple) else [target]
            yield from (part.id for part in parts if isinstance(part, ast.Name))


def test_the_page_of_task_toml_lists_every_finding_of_the_audit() -> None:
    # What a finding is named by, in the code that makes it: "seen-records", f"label-in-{column}".
    name = re.compile(r"[a-z]+(-[a-z]+)+-?")
    starts = [form.start for form in FINDINGS]
    page = task_toml.PAGE.read_text("utf-8")
    assert all(f"| `{form.pattern}` | {form.meaning} | " in page for form in FINDINGS)
    found = set()
    for path in (ROOT / "challenge" / "prepare" / "audit").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and name.fullmatch(str(node.value)):
                found.add(str(node.value))
    assert {start for start in starts if not {start, f"{start}-"} & found} <= MADE_OF_PARTS
    assert found - {form for start in starts for form in (start, f"{start}-")} == {
        "telling-file-",
        "audit-high",  # the code of a fault
    }


MADE_OF_PARTS = {
    *(f"telling-file-{fact}" for fact in ("size", "date", "shape", "name")),
    *(f"telling-{name}" for name in ("order", "id", "left-id", "right-id")),
}
"""Findings whose names are put together from words that are no names themselves."""


def test_the_images_of_the_docs_are_small() -> None:
    images = [path for end in ("png", "jpg", "svg") for path in (ROOT / "docs").glob(f"*.{end}")]
    assert sum(path.stat().st_size for path in images) <= 200_000, "run `make picture`"


def test_the_diagram_of_the_architecture_is_drawn_from_the_imports() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert rendered(page) == page, "run `python -m docs.architecture`"


def test_an_arrow_that_follows_from_two_others_is_not_drawn() -> None:
    imports: dict[str, set[str]] = {"c": {"a", "b"}, "b": {"a"}, "a": set()}
    assert direct(imports) == [("c", "b"), ("b", "a")]


def test_the_readme_has_the_first_minutes_of_all_three_users() -> None:
    assert list(BLOCKS) == ["organiser", "participant", "submit", "collect", "reader"]
    assert "pip install ." in README
    assert "make demo" in README
    assert "make test" in README


def test_the_readme_has_the_scores_of_the_page_of_tasks() -> None:
    page = (ROOT / "docs" / "tasks.md").read_text(encoding="utf-8")
    row = re.compile(r"^\| `[a-z-]+`, (?:macro-)?F1.*$", re.MULTILINE)
    assert row.findall(README) == row.findall(page)
    assert len(row.findall(README)) == 8


@pytest.mark.slow
def test_the_first_minutes_of_the_readme_run_as_they_are(tmp_path: Path) -> None:
    # Each block in a folder that has what its reader has, and nothing else.
    def run(block: str, **given: Path) -> Path:
        folder = tmp_path / block
        folder.mkdir(exist_ok=True)
        for name, source in given.items():
            copy = shutil.copytree if source.is_dir() else shutil.copyfile
            copy(source, folder / (source.name if name == "file" else name))
        return run_block(BLOCKS[block], folder)

    contest = run("organiser") / "contest"
    own = run("participant", file=contest / "parcels.zip")
    assert not (own / "parcels" / "parcels").exists(), "the zip has its folder already"
    share = run("submit", mine=own / "mine") / "inbox"
    shutil.copytree(share, contest / "inbox", dirs_exist_ok=True)
    run_block(BLOCKS["collect"], contest)
    assert (
        "Owls" in (contest / "inbox/Owls/parcels/linear.parquet.receipt.json").read_text()
        or (contest / "inbox/Owls/parcels/linear.parquet.receipt.txt").is_file()
    )
    run("reader", leaderboard=contest / "leaderboard")


def run_block(code: str, folder: Path) -> Path:
    shell = shutil.which("bash")
    assert shell is not None
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        [shell, "-c", f"set -euo pipefail\n{code}"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def commands_of(page: Path) -> list[list[str]]:
    """Return the words of each `challenge` command in the blocks of a page that a reader copies."""
    found = []
    for code in re.findall(r"```bash\n(.*?)```", page.read_text(encoding="utf-8"), re.S):
        for line in code.replace("\\\n", " ").splitlines():
            words = shlex.split(line.split("&&")[-1].split("|")[0].split(">")[0], comments=True)
            if words and words[0].endswith("challenge"):
                found.append(words[1:])
    return found


@pytest.mark.parametrize(
    "page", [*sorted(ROOT.glob("docs/*.md")), ROOT / "README.md", skill.PAGE], ids=str
)
def test_commands_of_pages_are_commands_with_these_options(page: Path) -> None:
    from challenge.cli.app import app, load_commands

    load_commands()
    root = typer.main.get_group(app)
    for words in commands_of(page):
        given = root.make_context("challenge", list(words), resilient_parsing=True)
        rest = [*given._protected_args, *given.args]
        command = root.get_command(given, rest[0]) if rest else None
        if rest:
            if (inside := getattr(command, "commands", None)) is not None and len(rest) > 1:
                # A group, such as `token new`.
                command, rest = inside.get(rest[1]), rest[1:]
            assert command is not None, f"{page.name}: {words}"
            known = {name for one in command.params for name in (*one.opts, *one.secondary_opts)}
            used = {word.split("=")[0] for word in rest[1:] if word.startswith("--")}
            assert used <= {*known, "--help"}, f"{page.name}: {words}"


@pytest.mark.slow
@pytest.mark.parametrize("state", ["benchmark", "running", "closed"])
def test_the_commands_of_the_home_page_run_as_they_are(state: str, tmp_path: Path) -> None:
    from tests.cli.shell import shell
    from tests.toy import declare_toy, toy_rows

    root = tmp_path / "contest"
    (root / "datasets").mkdir(parents=True)
    contest = "closes = 2099-01-01T00:00:00Z" if state != "benchmark" else 'reveal = "all"'
    (root / "challenge.toml").write_text(f'format = 1\ntitle = "T"\n{contest}\n')
    declare_toy(root / "datasets" / "toy", raw=toy_rows(80, images=False))
    assert shell(root, "convert", "toy").code == 0
    if state == "closed":
        done = shell(root, "run", "majority", "--all", "--submit")
        assert done.code == 0, done.err
        assert shell(root, "close", now="2099-01-02T00:00:00Z").code == 0
    assert shell(root, "leaderboard", now="2099-01-03T00:00:00Z").code == 0
    page = (root / "leaderboard" / "index.html").read_text(encoding="utf-8")
    code = re.search(r"<pre[^>]*><code>(.*?)</code></pre>", page, re.S)
    assert code is not None
    commands = html.unescape(re.sub(r"<[^>]+>", "", code[1]))
    assert shell(root, "run", "majority", "--all", "--to", str(tmp_path / "mine")).code == 0
    import pyarrow.csv
    import pyarrow.parquet as pq

    table = pq.read_table(tmp_path / "mine" / "toy" / "predictions.parquet")
    pyarrow.csv.write_csv(table, root / "predictions.csv")
    # A contest hands out the zip.
    assert shell(root, "export", "toy", "--to", str(root / "toy.zip")).code == 0
    run_block(commands, root)
    if state == "benchmark":
        assert "Your-Team" in shell(root, "submissions").out


@pytest.mark.parametrize("page", [*sorted(ROOT.glob("docs/*.md")), ROOT / "README.md"], ids=str)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?:|#|mailto:)([^)#]+)", page.read_text(encoding="utf-8"))
    missing = [target for target in targets if not (page.parent / target).exists()]
    assert missing == []
