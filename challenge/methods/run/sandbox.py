"""What a method's process may see and use: its environment, its sandbox, its caps.

`bwrap`: no network, the public folder and the interpreter read-only, one scratch folder, nothing
else of the disk. `none`: the caps alone, for code that is your own.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Literal

import challenge
from challenge.errors import Fault, MissingRequirement

__all__ = ["Caps", "Ended", "Isolation", "has_bwrap", "machine_memory_mb", "run_process"]

Isolation = Literal["none", "bwrap"]
Stop = Literal["", "time", "memory", "output", "call"]
_LOG_BYTES = 1 << 20
_LOOK_S = 0.2
_MEMORY_SHARE = 0.8


@dataclass(frozen=True)
class Caps:
    """What a cell may use: wall seconds, resident memory, and bytes of any file it writes.

    `memory_mb` None is 80 % of the memory of the machine it runs on, shared by the cells that run
    there at once: the method goes before the machine does.
    """

    seconds: float = 6 * 3600
    memory_mb: int | None = None
    file_mb: int = 4096

    def on_this_machine(self, at_once: int = 1, machine_mb: int | None = None) -> Caps:
        """Return the caps with their memory as a number; `machine_mb` None asks the machine."""
        if self.memory_mb is not None:
            return self
        whole = machine_memory_mb() if machine_mb is None else machine_mb
        return replace(self, memory_mb=int(_MEMORY_SHARE * whole / max(1, at_once)))


@dataclass(frozen=True)
class Ended:
    """How a process ended: exit code (negative: the signal), or which cap (or call) stopped it."""

    code: int
    seconds: float
    peak_mb: int
    stopped_by: Stop = ""


def run_process(
    arguments: list[str],
    folder: Path,
    log: Path,
    *,
    threads: int,
    caps: Caps,
    isolation: Isolation = "none",
    readable: tuple[Path, ...] = (),
    hidden: tuple[Path, ...] = (),
    environment: Mapping[str, str] | None = None,
    on_line: Callable[[str], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Ended:
    """Run Python with `arguments` in `folder`; kill the whole group at a cap, or when `cancelled`.

    `readable` paths can be read inside `bwrap`, `hidden` ones are empty folders there. Of this
    process's variables it has the few that programs need, and those in `environment`. Lines of
    the standard output go to `on_line`, the standard error to `log` (its first megabyte). The
    standard input stays open for as long as this process lives, and says nothing.
    """
    command = [sys.executable, *arguments]
    if isolation == "bwrap":
        command = [*_sandbox(folder, readable, hidden), *command]
    caps = caps.on_this_machine()
    began = time.monotonic()
    with tempfile.TemporaryFile() as spill:
        process = subprocess.Popen(  # noqa: S603
            command,
            cwd=folder,
            env={**_environment(threads, folder), **(environment or {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=spill,
            start_new_session=True,
        )
        reader = threading.Thread(target=_read_lines, args=(process, on_line), daemon=True)
        reader.start()
        peak = 0
        stopped_by: Stop = ""
        try:
            while process.poll() is None:
                peak = max(peak, _resident_mb(process.pid))
                spent = time.monotonic() - began
                if spent > caps.seconds:
                    stopped_by = "time"
                elif caps.memory_mb is not None and peak > caps.memory_mb:
                    stopped_by = "memory"
                elif os.fstat(spill.fileno()).st_size > caps.file_mb << 20:
                    stopped_by = "output"
                elif cancelled is not None and cancelled():
                    stopped_by = "call"
                if stopped_by:
                    break
                try:
                    process.wait(_LOOK_S)
                except subprocess.TimeoutExpired:
                    continue
        finally:
            _kill_group(process)
            assert process.stdin is not None
            process.stdin.close()
        reader.join(timeout=5)
        if process.stdout is not None and not reader.is_alive():
            process.stdout.close()
        spill.seek(0)
        log.write_bytes(spill.read(_LOG_BYTES))
    seconds = time.monotonic() - began
    return Ended(process.returncode, seconds, peak, stopped_by)


@cache
def has_bwrap() -> bool:
    """Return whether bubblewrap is installed and may make its sandbox on this machine."""
    program = shutil.which("bwrap")
    if program is None:
        return False
    # Kernels and containers can forbid user namespaces although the program is there.
    trial = [program, "--unshare-all", "--ro-bind", "/", "/", "true"]
    return subprocess.run(trial, capture_output=True, check=False).returncode == 0  # noqa: S603


def _sandbox(folder: Path, readable: tuple[Path, ...], hidden: tuple[Path, ...]) -> list[str]:
    if not has_bwrap():
        raise MissingRequirement(
            Fault(
                "isolation bwrap",
                "bubblewrap is missing or may not make user namespaces",
                "a working `bwrap`",
                "apt-get install bubblewrap, or --isolation none for code of your own",
                code="bwrap-missing",
            )
        )
    sandbox = [str(shutil.which("bwrap")), "--unshare-all", "--die-with-parent", "--new-session"]
    sandbox += ["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"]  # noqa: S108
    for system in ("/usr", "/bin", "/lib", "/lib64", "/etc/ld.so.cache", "/etc/alternatives"):
        path = Path(system)
        if path.is_symlink():
            sandbox += ["--symlink", str(path.readlink()), system]
        elif path.exists():
            sandbox += ["--ro-bind", system, system]
    own = (Path(sys.prefix), Path(sys.base_prefix), Path(challenge.__file__).parent)
    bound: list[Path] = []
    for path in sorted({*own, *readable}):
        if not any(path.is_relative_to(other) for other in (*bound, Path("/usr"))):
            sandbox += ["--ro-bind", str(path), str(path)]
            bound.append(path)
    for path in hidden:
        sandbox += ["--tmpfs", str(path)]
    return [*sandbox, "--bind", str(folder), str(folder), "--chdir", str(folder)]


def _environment(threads: int, folder: Path) -> dict[str, str]:
    kept = {
        name: os.environ[name] for name in ("PATH", "LANG", "LD_LIBRARY_PATH") if name in os.environ
    }
    # Products here are small: more than one thread of BLAS only waits for the other.
    pools = {"OMP": threads, "OPENBLAS": 1, "MKL": 1, "VECLIB_MAXIMUM": 1, "NUMEXPR": threads}
    return {
        **kept,
        **{f"{pool}_NUM_THREADS": str(number) for pool, number in pools.items()},
        # Threads that spin while they wait are slow beyond measure on a busy machine.
        "OMP_WAIT_POLICY": "PASSIVE",
        # What `n_jobs=-1` means to joblib and scikit-learn, and the pools of Rust.
        "LOKY_MAX_CPU_COUNT": str(threads),
        "RAYON_NUM_THREADS": str(threads),
        "POLARS_MAX_THREADS": str(threads),
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": str(Path(challenge.__file__).parents[1]),
        "HOME": str(folder),
        "TMPDIR": str(folder),
    }


def _read_lines(process: subprocess.Popen[bytes], on_line: Callable[[str], None] | None) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if on_line is not None:
            on_line(line.decode("utf-8", "replace").rstrip("\n")[:500])


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    # The group may have ended by itself; a straggler in it must not outlive the cell.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def machine_memory_mb() -> int:
    """Return the memory that this process may use: the machine's, or less in a container."""
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") >> 20
    for limit in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        with suppress(OSError, ValueError):
            pages = min(pages, int(Path(limit).read_text()) >> 20)
    return pages


def _resident_mb(root: int) -> int:
    """Return the resident memory of a process, of all below it and of its session.

    0 where /proc is not there. sandbox put a session of their own between the two, hence the tree.
    """
    pages: dict[int, int] = {}
    below: dict[int, list[int]] = {}
    found = [root]
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        process = int(stat.parent.name)
        pages[process] = int(fields[21])
        below.setdefault(int(fields[1]), []).append(process)
        if int(fields[3]) == root:
            found.append(process)
    seen: set[int] = set()
    while found:
        process = found.pop()
        if process not in seen:
            seen.add(process)
            found += below.get(process, [])
    return sum(pages.get(process, 0) for process in seen) * os.sysconf("SC_PAGE_SIZE") >> 20
