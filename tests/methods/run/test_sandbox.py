"""The probe refuses every sandbox that leaves a way out."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from challenge.errors import MissingRequirement
from challenge.methods.run import sandbox

pytestmark = pytest.mark.skipif(
    sandbox.sandbox_fault() != "", reason="bubblewrap may not make its sandbox here"
)
only_root = pytest.mark.skipif(os.geteuid() != 0, reason="root alone has capabilities to keep")
Weaken = Callable[[list[str]], list[str]]


def without(*parts: str) -> Weaken:
    """Return what takes these options, with their values, out of a command."""

    def weaken(command: list[str]) -> list[str]:
        found = list(command)
        for index in range(len(found) - len(parts), -1, -1):
            if tuple(found[index : index + len(parts)]) == parts:
                del found[index : index + len(parts)]
        return found

    return weaken


def writable(command: list[str]) -> list[str]:
    """Bind for writing whatever is bound for reading."""
    return ["--bind" if part == "--ro-bind" else part for part in command]


def with_host_network(command: list[str]) -> list[str]:
    """Share the network of the host."""
    return [*command, "--share-net"]


def with_capabilities(command: list[str]) -> list[str]:
    """Keep all capabilities inside, and the way to more."""
    kept = without("--disable-userns")(without("--cap-drop", "ALL")(command))
    return [*kept, "--cap-add", "ALL"]


def with_one_capability(command: list[str]) -> list[str]:
    """Keep one capability, which opens no file by itself."""
    return [*command, "--cap-add", "CAP_NET_BIND_SERVICE"]


def with_private_folder(command: list[str]) -> list[str]:
    """Bind the private folder of the probe too."""
    at = command.index("--chdir")
    private = str(Path(command[at + 1]).parent / "private")
    return [*command[:at], "--ro-bind", private, private, *command[at:]]


@pytest.mark.parametrize(
    ("weaken", "found"),
    [
        (writable, "changed files outside"),
        (with_host_network, "reached a port of the host"),
        pytest.param(with_capabilities, "changed files outside", marks=only_root),
        pytest.param(with_one_capability, "kept capabilities", marks=only_root),
        (with_private_folder, "read the private folder"),
        (without("--remount-ro", "/"), "wrote to the root"),
        (without("--remount-ro", "/dev"), "wrote to /dev"),
    ],
)
def test_a_sandbox_with_a_way_out_is_refused(
    monkeypatch: pytest.MonkeyPatch, weaken: Weaken, found: str
) -> None:
    whole = sandbox._command
    monkeypatch.setattr(sandbox, "_command", lambda *parts: weaken(whole(*parts)))
    fault = sandbox.sandbox_fault.__wrapped__()
    assert found in fault
    monkeypatch.setattr(sandbox, "sandbox_fault", lambda: fault)
    with pytest.raises(MissingRequirement) as refused:
        sandbox.require_sandbox()
    assert found in str(refused.value) and "expected: " in str(refused.value)
    assert "fix: " in str(refused.value)
