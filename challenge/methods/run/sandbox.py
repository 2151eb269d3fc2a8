"""The sandbox of a method's process, and a test that it works on this machine.

`bwrap`: no network, no capabilities, a filter of system calls, the public folder and the
interpreter read-only, one scratch folder, nothing else of the disk. `none`: only the caps, for your
own code.
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Literal

from challenge.errors import Fault, MissingRequirement
from challenge.methods.run.interpreter import program, visible_interpreter
from challenge.task.call_filter import refuse_dangerous

__all__ = ["MEMORY_DISKS", "Isolation", "require_sandbox", "sandbox_command", "sandbox_fault"]

Isolation = Literal["none", "bwrap"]

MEMORY_DISKS = ("/tmp", "/dev/shm")  # noqa: S108
"""The disks inside that are memory; what is on them is counted as memory of the method."""

_SYSTEM = ("/usr", "/bin", "/lib", "/lib64", "/etc/ld.so.cache", "/etc/alternatives")
_MEMORY_DISK_BYTES = 256 << 20
_PROBE_S = 30.0
_PROBE_BYTES = 4096
_PROBE = r"""
import ctypes, json, os, socket, sys

public, private, outside, scratch, port = sys.argv[1:]
libc = ctypes.CDLL(None, use_errno=True)
RDONLY, REMOUNT, BIND = 1, 32, 4096
succeeded = []


def attempt(name, action):
    try:
        action()
    except OSError:
        return
    succeeded.append(name)


def call(function, *arguments):
    if getattr(libc, function)(*arguments) != 0:
        raise OSError(ctypes.get_errno(), function)


def write(path):
    with open(path, "a") as file:
        file.write("x")


def remount(path):
    call("mount", None, path.encode(), None, REMOUNT | BIND, None)
    write(os.path.join(path, "probe"))


def nested_namespace():
    if os.fork() == 0:
        os._exit(libc.unshare(0x10000000) != 0)
    if os.waitstatus_to_exitcode(os.wait()[1]) != 0:
        raise OSError("no namespace")


attempt("remounted the public folder writable", lambda: remount(public))
attempt("remounted the root writable", lambda: remount("/"))
attempt("mounted a disk", lambda: call("mount", b"x", scratch.encode(), b"tmpfs", 0, None))
attempt("wrote to the public folder", lambda: write(public + "/table"))
attempt("added to the public folder", lambda: write(public + "/probe"))
attempt("wrote to the root", lambda: write("/probe"))
attempt("wrote to /dev", lambda: write("/dev/probe"))
attempt("read the private folder", lambda: open(private + "/secret").read())
attempt("opened a setting of the kernel", lambda: os.open("/proc/sys/kernel/core_pattern", 1))
attempt("opened a switch of the kernel", lambda: os.open("/proc/sysrq-trigger", 1))
attempt("changed the host name", lambda: call("sethostname", b"probe", 5))
attempt("made a user namespace", nested_namespace)
attempt("reached a port of the host", lambda: socket.create_connection(("127.0.0.1", port), 2))
try:
    # What it finds here is a disk of its own; the process that asked looks at the real one.
    write(outside + "/probe")
except OSError:
    pass
status = dict(line.split(":", 1) for line in open("/proc/self/status") if ":" in line)
for name in ("CapEff", "CapPrm", "CapBnd", "CapAmb"):
    if int(status[name], 16):
        succeeded.append("kept capabilities")
        break
if status.get("Seccomp", "").strip() != "2":
    succeeded.append("had no filter of system calls")
attempt("wrote to its scratch folder", lambda: write(scratch + "/probe"))
print(json.dumps(succeeded))
"""


@contextmanager
def sandbox_command(
    folder: Path, readable: tuple[Path, ...] = (), writable: Mapping[Path, Path] | None = None
) -> Iterator[tuple[list[str], tuple[int, ...]]]:
    """Give the command of Python in `bwrap`, without arguments, and the descriptors that it needs.

    It starts in `folder`, a real path. `readable` paths can be read, the keys of `writable` are
    real folders that lead to its values. Raises MissingRequirement as `require_sandbox` does.
    """
    require_sandbox()
    with _open_filter() as opened:
        yield [*_command(folder, readable, writable or {}, opened), str(program())], opened


def require_sandbox() -> None:
    """Raise MissingRequirement unless a probe fails to leave the sandbox on this machine."""
    if fault := sandbox_fault():
        raise MissingRequirement(
            Fault(
                "isolation bwrap",
                fault,
                "a sandbox that a probe cannot leave",
                "apt-get install bubblewrap (0.8 or newer) and allow user namespaces, or "
                "--isolation none for your own code",
                code="bwrap-missing",
            )
        )


@cache
def sandbox_fault() -> str:
    """Return why the sandbox does not work on this machine; empty when it does.

    Once per process, a small program in the sandbox tries to leave it.
    """
    if shutil.which("bwrap") is None:
        return "bubblewrap is not installed"
    with tempfile.TemporaryDirectory(prefix="challenge-probe-") as name:
        home = Path(name).resolve()
        public, private, scratch = (home / part for part in ("public", "private", "scratch"))
        for folder in (public, private, scratch):
            folder.mkdir()
        (public / "table").write_text("public")
        (private / "secret").write_text("private")
        before = _content(home, without=scratch)
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = str(server.getsockname()[1])
            arguments = [*map(str, (public, private, home, scratch)), port]
            with _open_filter() as opened:
                command = [*_command(scratch, (public,), {}, opened), str(program())]
                answer, code = _run_probe(command, arguments, opened)
        if _content(home, without=scratch) != before:
            return "a program inside changed files outside"
    if code != 0:
        return f"bubblewrap may not make its sandbox (exit code {code})"
    try:
        found = json.loads(answer)
    except ValueError:
        return "the probe inside gave no answer"
    tolerated = {"wrote to its scratch folder"}
    if not refuse_dangerous():
        tolerated.add("had no filter of system calls")
    if "wrote to its scratch folder" not in found:
        return "a program inside cannot write to its scratch folder"
    escaped = [str(action) for action in found if action not in tolerated]
    return f"a program inside {', '.join(escaped)}" if escaped else ""


def _run_probe(
    command: list[str], arguments: list[str], opened: tuple[int, ...]
) -> tuple[bytes, int]:
    with tempfile.TemporaryFile() as answer:
        try:
            done = subprocess.run(  # noqa: S603
                [*command, "-I", "-c", _PROBE, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=answer,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                pass_fds=opened,
                timeout=_PROBE_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return b"", 0
        answer.seek(0)
        return answer.read(_PROBE_BYTES), done.returncode


def _content(home: Path, without: Path) -> dict[str, bytes]:
    return {
        str(path): path.read_bytes() if path.is_file() else b""
        for path in sorted(home.rglob("*"))
        if not path.is_relative_to(without)
    }


@cache
def _supports(option: str) -> bool:
    program = str(shutil.which("bwrap"))
    done = subprocess.run([program, "--help"], capture_output=True, check=False)  # noqa: S603
    return option in (done.stdout + done.stderr).decode("utf-8", "replace")


@contextmanager
def _open_filter() -> Iterator[tuple[int, ...]]:
    """Give a descriptor from which `bwrap` reads the filter of calls; none where there is none."""
    program = refuse_dangerous()
    if not program:
        yield ()
        return
    with tempfile.TemporaryFile() as file:
        file.write(program)
        file.seek(0)
        yield (file.fileno(),)


def _command(
    folder: Path,
    readable: tuple[Path, ...],
    writable: Mapping[Path, Path],
    filters: tuple[int, ...],
) -> list[str]:
    sandbox = [str(shutil.which("bwrap")), "--unshare-all", "--unshare-user", "--cap-drop", "ALL"]
    sandbox += ["--die-with-parent", "--new-session", "--hostname", "sandbox"]
    if _supports("--disable-userns"):
        sandbox += ["--disable-userns"]
    for opened in filters:
        sandbox += ["--seccomp", str(opened)]
    sandbox += ["--proc", "/proc", "--dev", "/dev"]
    size = ["--size", str(_MEMORY_DISK_BYTES)] if _supports("--size") else []
    for in_memory in MEMORY_DISKS:
        sandbox += [*size, "--tmpfs", in_memory]
    for system in _SYSTEM:
        path = Path(system)
        if path.is_symlink():
            sandbox += ["--symlink", str(path.readlink()), system]
        elif path.exists():
            sandbox += ["--ro-bind", system, system]
    visible = visible_interpreter()
    for path in readable:
        visible.add(path)
    shown = [Path(system) for system in _SYSTEM]
    for path in sorted(visible.paths):
        if not any(path.is_relative_to(other) for other in shown):
            sandbox += ["--ro-bind", str(path), str(path)]
            shown.append(path)
    for way in sorted(visible.folders):
        if not any(way.is_relative_to(other) for other in shown):
            sandbox += ["--dir", str(way)]
    for link, target in sorted(visible.links.items()):
        if not any(link.is_relative_to(other) for other in shown):
            sandbox += ["--symlink", str(target), str(link)]
    for path, inside in writable.items():
        sandbox += ["--bind", str(inside), str(path)]
    sandbox += ["--bind", str(folder), str(folder), "--chdir", str(folder)]
    # Root may write to settings of the kernel below /proc even without capabilities.
    return [*sandbox, *(part for path in ("/proc", "/dev", "/") for part in ("--remount-ro", path))]
