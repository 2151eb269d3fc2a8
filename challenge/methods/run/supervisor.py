"""Runs a method's process, and stops it with all its child processes at a cap.

Its output is read from pipes in bounded pieces; none of its files is opened by path.
"""

from __future__ import annotations

import os
import selectors
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import challenge
from challenge.methods.protocol import Progress, silent
from challenge.methods.run.handover import Scratch
from challenge.methods.run.sandbox import Isolation, sandbox_command

__all__ = ["Caps", "Ended", "machine_memory_mb", "run_process"]

Stop = Literal["", "time", "memory", "output", "files", "processes", "cancelled"]
_PIECE = 1 << 16
_KEPT_BYTES = 1 << 16
_LINE_BYTES = 500
_MOST_LINES = 10_000
_LOOK_S = 0.2
_DRAIN_S = 5.0
_COUNT_SHARE = 0.05
_MEMORY_SHARE = 0.8
_SIGNALLED = 128


@dataclass(frozen=True)
class Caps:
    """The caps of a cell.

    `seconds` is wall time. `file_mb` caps each file and the output, `folder_mb` and `files` cap all
    files together. `processes` counts threads too. `memory_mb` None is 80 % of the machine's
    memory, shared by the cells that run at once, so the method is stopped before memory is full.
    """

    seconds: float = 6 * 3600
    memory_mb: int | None = None
    file_mb: int = 4096
    folder_mb: int = 16384
    files: int = 100_000
    processes: int = 4096

    def on_this_machine(self, at_once: int = 1, machine_mb: int | None = None) -> Caps:
        """Return the caps with their memory as a number; `machine_mb` None measures the machine."""
        if self.memory_mb is not None:
            return self
        whole = machine_memory_mb() if machine_mb is None else machine_mb
        return replace(self, memory_mb=int(_MEMORY_SHARE * whole / max(1, at_once)))


@dataclass(frozen=True)
class Ended:
    """How a process ended: exit code (negative: the signal), or which cap stopped it.

    `log` is the end of its standard error.
    """

    code: int
    seconds: float
    peak_mb: int
    stopped_by: Stop
    log: str


def run_process(
    arguments: list[str],
    scratch: Scratch,
    *,
    threads: int,
    caps: Caps,
    isolation: Isolation,
    readable: tuple[Path, ...] = (),
    writable: Mapping[Path, Path] | None = None,
    environment: Mapping[str, str] | None = None,
    on_line: Progress = silent,
    cancelled: Callable[[], bool] | None = None,
) -> Ended:
    """Run Python with `arguments` in the scratch folder; kill it at a cap, or when `cancelled`.

    Inside `bwrap` the `readable` paths can be read, and each key of `writable` is a folder of the
    scratch. It gets the few variables of this process that programs need, and those in
    `environment`. Lines of the standard output go to `on_line`. The standard input stays open as
    long as this process lives, and is empty.
    """
    command = [sys.executable, *arguments]
    if isolation == "bwrap":
        command = [*sandbox_command(scratch.path, readable, writable or {}), *command]
    caps = caps.on_this_machine()
    began = time.monotonic()
    process = subprocess.Popen(  # noqa: S603
        command,
        cwd=scratch.path,
        env={**_environment(threads, scratch.path), **(environment or {})},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    pipes = _Pipes(process, on_line)
    watch = _Watch(process.pid, scratch, caps)
    stopped_by: Stop = ""
    try:
        while process.poll() is None and not stopped_by:
            pipes.read(_LOOK_S)
            if pipes.n_bytes > caps.file_mb << 20:
                stopped_by = "output"
            elif cancelled is not None and cancelled():
                stopped_by = "cancelled"
            else:
                stopped_by = watch.exceeded(time.monotonic() - began)
    finally:
        _kill_group(process)
        pipes.read(_DRAIN_S)
        pipes.close()
    seconds = time.monotonic() - began
    code = process.returncode
    if isolation == "bwrap" and code > _SIGNALLED:
        # The sandbox returns a status as a shell does.
        code = _SIGNALLED - code
    return Ended(code, seconds, watch.peak_mb, stopped_by, pipes.log())


class _Pipes:
    """Both outputs of a process: lines of the first are passed on, the end of the second is kept.

    Neither holds more than a few kilobytes here, whatever the process prints.
    """

    def __init__(self, process: subprocess.Popen[bytes], on_line: Progress) -> None:
        assert process.stdin and process.stdout and process.stderr
        self._process = process
        self._files = (process.stdin, process.stdout, process.stderr)
        self._on_line = on_line
        self._line, self._n_lines = b"", 0
        self._kept = b""
        self.n_bytes = 0
        self._selector = selectors.DefaultSelector()
        self._selector.register(process.stdout, selectors.EVENT_READ, self._pass_on)
        self._selector.register(process.stderr, selectors.EVENT_READ, self._keep)

    def read(self, seconds: float) -> None:
        """Read for at most this long, or until both pipes are closed and the process has ended."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if not self._selector.get_map():
                with suppress(subprocess.TimeoutExpired):
                    self._process.wait(left)
                return
            for key, _ in self._selector.select(left):
                piece = os.read(key.fd, _PIECE)
                self.n_bytes += len(piece)
                if piece:
                    key.data(piece)
                else:
                    self._selector.unregister(key.fileobj)

    def close(self) -> None:
        """Close this process's ends."""
        self._selector.close()
        for file in self._files:
            with suppress(OSError):
                file.close()

    def log(self) -> str:
        """Return the end of what was printed to the standard error."""
        return self._kept.decode("utf-8", "replace")

    def _keep(self, piece: bytes) -> None:
        self._kept = (self._kept + piece)[-_KEPT_BYTES:]

    def _pass_on(self, piece: bytes) -> None:
        first, *rest = piece.split(b"\n")
        self._line = (self._line + first[:_LINE_BYTES])[:_LINE_BYTES]
        for part in rest:
            self._n_lines += 1
            if self._n_lines <= _MOST_LINES:
                self._on_line(self._line.decode("utf-8", "replace"))
            self._line = part[:_LINE_BYTES]


class _Watch:
    """Reports which cap a process and all below it exceed."""

    def __init__(self, root: int, scratch: Scratch, caps: Caps) -> None:
        self._root, self._scratch, self._caps = root, scratch, caps
        self._next_count = 0.0
        self.peak_mb = 0

    def exceeded(self, spent: float) -> Stop:
        """Return the cap that is exceeded after this many seconds; empty when none is."""
        caps = self._caps
        memory_mb, n_threads, unnamed = _used_by(self._root, self._scratch.device)
        self.peak_mb = max(self.peak_mb, memory_mb)
        if spent > caps.seconds:
            return "time"
        if caps.memory_mb is not None and memory_mb > caps.memory_mb:
            return "memory"
        if n_threads > caps.processes:
            return "processes"
        began = time.monotonic()
        if began < self._next_count:
            return ""
        n_bytes, n_files = self._scratch.usage()
        now = time.monotonic()
        # Counting files must take only a small share of the time.
        self._next_count = now + max(1.0, (now - began) / _COUNT_SHARE)
        full = n_bytes + unnamed > caps.folder_mb << 20
        return "files" if full or n_files > caps.files else ""


def _environment(threads: int, folder: Path) -> dict[str, str]:
    kept = {
        name: os.environ[name] for name in ("PATH", "LANG", "LD_LIBRARY_PATH") if name in os.environ
    }
    # Matrix products are small here, so more threads of BLAS do not help.
    pools = {"OMP": threads, "OPENBLAS": 1, "MKL": 1, "VECLIB_MAXIMUM": 1, "NUMEXPR": threads}
    return {
        **kept,
        **{f"{pool}_NUM_THREADS": str(number) for pool, number in pools.items()},
        # Threads that spin while they wait are very slow on a busy machine.
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


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    # The group may have ended; no process in it may outlive the cell.
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


def _used_by(root: int, device: int) -> tuple[int, int, int]:
    """Return what a process, all below it and its session use; zeros where there is no /proc.

    Memory in MB (resident, and held by memfd files), number of threads, and bytes of files on
    `device` that are open but have no name. The sandbox starts a session of its own, hence the
    tree.
    """
    pages: dict[int, int] = {}
    threads: dict[int, int] = {}
    below: dict[int, list[int]] = {}
    found = [root]
    for file in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = file.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        process = int(file.parent.name)
        pages[process], threads[process] = int(fields[21]), int(fields[17])
        below.setdefault(int(fields[1]), []).append(process)
        if int(fields[3]) == root:
            found.append(process)
    seen: set[int] = set()
    while found:
        process = found.pop()
        if process not in seen:
            seen.add(process)
            found += below.get(process, [])
    memory = sum(pages.get(process, 0) for process in seen) * os.sysconf("SC_PAGE_SIZE")
    unnamed: dict[tuple[int, int], int] = {}
    for process in seen:
        unnamed |= _unnamed_files(process)
    on_disk = sum(size for (found_on, _), size in unnamed.items() if found_on == device)
    memory += sum(unnamed.values()) - on_disk
    return memory >> 20, sum(threads.get(process, 0) for process in seen), on_disk


def _unnamed_files(process: int) -> dict[tuple[int, int], int]:
    """Return the bytes of the open files without a name, by device and inode."""
    found = {}
    with suppress(OSError):
        for entry in os.scandir(f"/proc/{process}/fd"):
            with suppress(OSError):
                status = entry.stat()
                if stat.S_ISREG(status.st_mode) and status.st_nlink == 0:
                    found[status.st_dev, status.st_ino] = status.st_blocks * 512
    return found
