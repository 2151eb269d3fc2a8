"""The probe refuses every sandbox that leaves a way out."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from challenge.errors import MissingRequirement
from challenge.methods.run import sandbox
from tests.users import USERS, as_user

pytestmark = pytest.mark.skipif(
    sandbox.sandbox_fault() != "", reason="bubblewrap may not make its sandbox here"
)
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


def without_filter(command: list[str]) -> list[str]:
    """Apply no filter of calls."""
    at = command.index("--seccomp")
    return [*command[:at], *command[at + 2 :]]


def writable(command: list[str]) -> list[str]:
    """Bind for writing whatever is bound for reading."""
    return ["--bind" if part == "--ro-bind" else part for part in command]


def with_host_network(command: list[str]) -> list[str]:
    """Share the network of the host."""
    return [*command, "--share-net"]


def with_capabilities(command: list[str]) -> list[str]:
    """Keep all capabilities inside, and the way to more."""
    kept = without("--disable-userns")(without("--cap-drop", "ALL")(without_filter(command)))
    return [*kept, "--cap-add", "ALL"]


def with_one_capability(command: list[str]) -> list[str]:
    """Keep one capability, which opens no file by itself."""
    return [*command, "--cap-add", "CAP_NET_BIND_SERVICE"]


def with_private_folder(command: list[str]) -> list[str]:
    """Bind the private folder of the probe too."""
    at = command.index("--chdir")
    private = str(Path(command[at + 1]).parent / "private")
    return [*command[:at], "--ro-bind", private, private, *command[at:]]


# Root alone has capabilities to keep.
ONLY_ROOT = [
    (with_capabilities, "changed files outside"),
    (with_one_capability, "kept capabilities"),
]


@pytest.mark.parametrize(
    ("weaken", "found"),
    [
        *(ONLY_ROOT if os.geteuid() == 0 else []),
        (without_filter, "had no filter of system calls"),
        (writable, "changed files outside"),
        (with_host_network, "reached a port of the host"),
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


@pytest.mark.slow
@pytest.mark.parametrize("user", USERS[1:])
def test_the_same_holds_for_an_unprivileged_user(user: int) -> None:
    done = subprocess.run(
        [
            *as_user(user),
            *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"),
            *("-k", "not the_same_holds", str(Path(__file__))),
        ],
        cwd=Path(__file__).parents[3],
        env={**os.environ, "HOME": "/tmp"},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout.decode()
