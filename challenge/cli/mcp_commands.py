"""The commands as tools of an agent: `challenge mcp` speaks the Model Context Protocol on stdio.

Tools are made from the table of commands, so they take the same options and give the same answers.
Each call runs the command in a process of its own.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import typer

from challenge.cli.app import app, load_commands, start_of
from challenge.errors import Fault, MissingRequirement, WrongUse, meant
from challenge.version import __version__

__all__ = ["PANELS", "call", "tools"]

PANELS = ("Take part", "Organise", "Run methods", "Over the network")
"""What ends or mends a contest is left to people."""

_HIDDEN = frozenset({"json", "help", "submit"})
"""`submit` is the option of `run`: it would store a submission that no note marks."""


@app.command(epilog="Example: challenge -C contest mcp")
def mcp(ctx: typer.Context) -> None:
    """Offer the commands that answer as JSON as tools of an agent, on standard input and output.

    A submission of a tool has the note "By an agent." Needs the extra `mcp`.
    """
    try:
        from mcp.server.lowlevel import Server
        from mcp.server.stdio import stdio_server
    except ModuleNotFoundError as error:
        raise MissingRequirement(
            Fault(
                "challenge mcp",
                f"the package {error.name!r} is missing",
                "the extra `mcp`",
                "pip install 'multimodal-challenge[mcp]'",
                code="extra-missing",
            )
        ) from None
    import asyncio

    import mcp_types

    load_commands()
    folder = start_of(ctx)

    async def list_tools(context: Any, request: Any) -> Any:
        offered = [mcp_types.Tool.model_validate(tool) for tool in tools()]
        return mcp_types.ListToolsResult(tools=offered)

    async def call_tool(context: Any, request: Any) -> Any:
        try:
            done, text = await asyncio.to_thread(
                call, folder, request.name, request.arguments or {}
            )
        except WrongUse as error:
            done, text = False, str(error)
        content = [mcp_types.TextContent(text=text)]
        return mcp_types.CallToolResult.model_validate({"content": content, "isError": not done})

    async def serve() -> None:
        server = Server(
            "challenge", version=__version__, on_list_tools=list_tools, on_call_tool=call_tool
        )
        async with stdio_server() as (reading, writing):
            await server.run(reading, writing, server.create_initialization_options())

    asyncio.run(serve())


def tools() -> list[dict[str, Any]]:
    """Return the tools as plain values: name, description and the JSON schema of the input."""
    return [
        {
            "name": name,
            "description": command.help or "",
            "inputSchema": {
                "type": "object",
                "properties": {option.name: _schema(option) for option in _options(command)},
                "required": [option.name for option in _options(command) if option.required],
                "additionalProperties": False,
            },
        }
        for name, command in _offered()
    ]


def call(folder: Path, name: str, values: Mapping[str, Any]) -> tuple[bool, str]:
    """Run one tool in `folder`; return whether it did its work, and its answer.

    Faults of a file are an answer like any other. Raises WrongUse for a tool or an input that
    there is not.
    """
    from challenge.ledger.store.records import AGENT_NOTE

    commands = dict(_offered())
    if name not in commands:
        raise _unknown("tool", name, commands)
    options = {option.name: option for option in _options(commands[name])}
    words, places = [], []
    if "note" in options:
        values = {**values, "note": f"{AGENT_NOTE} {values.get('note', '')}".strip()}
    for key, value in values.items():
        if key not in options:
            raise _unknown(f"input of {name}", key, options)
        if value is None:
            continue
        option, many = options[key], value if isinstance(value, list) else [value]
        if option.param_type_name == "argument":
            places += [str(one) for one in many]
        elif getattr(option, "is_flag", False):
            words += [option.opts[0]] if value else []
        else:
            words += [f"{option.opts[0]}={one}" for one in many]
    # Nothing in a value can be taken for an option.
    line = ["-C", str(folder), name, *words, "--json", "--", *places]
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-m", "challenge", *line],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode in (0, 1), done.stdout.strip() or done.stderr.strip()


def _offered() -> Iterator[tuple[str, Any]]:
    """Yield the commands that answer as JSON, and that an agent may run."""
    group: Any = typer.main.get_command(app)
    for name, command in group.commands.items():
        panel = getattr(command, "rich_help_panel", "")
        is_json = any("--json" in option.opts for option in getattr(command, "params", ()))
        if is_json and panel in PANELS:
            yield name, command


def _options(command: Any) -> list[Any]:
    return [option for option in command.params if option.name not in _HIDDEN]


def _schema(option: Any) -> dict[str, Any]:
    """Return the JSON schema of an option; its text is checked by the command itself."""
    about = {"description": option.help or ""}
    if getattr(option, "is_flag", False):
        return {"type": "boolean", **about}
    one = {"type": ["string", "number"]}
    if getattr(option, "multiple", False) or option.nargs != 1:
        return {"type": "array", "items": one, **about}
    return {**one, **about}


def _unknown(what: str, found: str, known: Mapping[str, Any]) -> WrongUse:
    expected = f"one of {', '.join(known)}"
    fix = meant(found, known, "take one of these")
    return WrongUse(Fault(what, json.dumps(found), expected, fix, code="unknown-name"))
