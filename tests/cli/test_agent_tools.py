"""The tools of an agent are the commands: the same names, options and answers."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest
import typer

from challenge.cli.app import app, load_commands
from challenge.cli.mcp_commands import call, tools
from challenge.errors import WrongUse
from challenge.task.frames import read_test
from tests.cli.shell import shell
from tests.toy import build_parcels

load_commands()
OFFERED = {tool["name"]: tool for tool in tools()}


@pytest.fixture
def contest(tmp_path: Path) -> Path:
    task = build_parcels(tmp_path)
    rows = read_test(task)[["id"]].assign(label=task.classes[0])
    rows.to_csv(tmp_path / "mine.csv", index=False)
    return tmp_path


def test_a_tool_has_the_options_of_its_command() -> None:
    commands: Any = typer.main.get_command(app)
    assert {"tasks", "show", "check", "submit", "score", "compare", "run"} <= set(OFFERED)
    for name, tool in OFFERED.items():
        options = {option.name: option for option in commands.commands[name].params}
        schema = tool["inputSchema"]
        left_out = set(options) - set(schema["properties"])
        assert left_out <= {"json", "help", "submit"}, name
        assert set(schema["required"]) == {key for key, one in options.items() if one.required}
        assert tool["description"]


def test_what_ends_or_mends_a_contest_is_no_tool() -> None:
    assert not {"close", "rescore", "restore", "rename", "collect", "attack"} & set(OFFERED)


def test_an_answer_is_that_of_the_command(contest: Path) -> None:
    done, text = call(contest, "show", {"task": "parcels"})
    assert done and json.loads(text) == shell(contest, "show", "parcels", "--json").json()


def test_an_option_that_is_null_is_left_out(contest: Path) -> None:
    done, text = call(contest, "submissions", {"task": None, "team": None})
    assert done and json.loads(text) == shell(contest, "submissions", "--json").json()


def test_faults_of_a_file_are_an_answer(contest: Path) -> None:
    file = contest / "mine.csv"
    file.write_text(file.read_text().replace("class 0", "class 99"))
    done, text = call(contest, "check", {"task": "parcels", "file": str(file)})
    assert done and json.loads(text)["ok"] is False


def test_a_submission_is_marked(contest: Path) -> None:
    values = {"task": "parcels", "file": str(contest / "mine.csv"), "method": "m", "team": "Owls"}
    done, text = call(contest, "submit", {**values, "note": "constant"})
    assert done and json.loads(text)["ok"]
    (row,) = shell(contest, "submissions", "--json").json()["submissions"]
    assert row["note"] == "By an agent. constant"


def test_no_value_is_taken_for_an_option(contest: Path) -> None:
    done, text = call(contest, "check", {"task": "--help", "file": "mine.csv"})
    assert not done or json.loads(text)["ok"] is False
    assert "Usage" not in text


@pytest.mark.parametrize(
    ("name", "values", "said"),
    [
        ("chek", {}, "did you mean 'check'?"),
        ("close", {}, "one of tasks"),
        ("show", {"tsk": "parcels"}, "did you mean 'task'?"),
    ],
)
def test_unknown_names_are_refused(
    contest: Path, name: str, values: dict[str, str], said: str
) -> None:
    with pytest.raises(WrongUse) as refused:
        call(contest, name, values)
    assert said in str(refused.value)


@pytest.mark.slow
def test_a_client_of_the_protocol_lists_and_calls(contest: Path) -> None:
    from mcp import StdioServerParameters
    from mcp.client.client import Client

    line = ["-m", "challenge", "-C", str(contest), "mcp"]

    async def talk() -> tuple[list[str], Any, Any]:
        async with Client(StdioServerParameters(command=sys.executable, args=line)) as client:
            listed = await client.list_tools()
            good = await client.call_tool("tasks", {})
            bad = await client.call_tool("chek", {})
            return [tool.name for tool in listed.tools], good, bad

    names, good, bad = asyncio.run(talk())
    assert names == list(OFFERED)
    assert json.loads(good.content[0].text)["tasks"][0]["id"] == "parcels" and not good.is_error
    assert bad.is_error and "did you mean 'check'?" in bad.content[0].text
