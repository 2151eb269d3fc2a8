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
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from challenge.errors import require_unix
from challenge.methods.protocol import Progress, silent
from challenge.methods.run import keeper
from challenge.methods.run.handover import Scratch
from challenge.methods.run.interpreter import package_root
from challenge.methods.run.sandbox import MEMORY_DISKS, Isolation, sandbox_command
from challenge.methods.run.socket_buffers import PIPE_BYTES, SOCKET_BYTES, socket_bytes

__all__ = ["Caps", "Ended", "machine_memory_mb", "run_process"]

Stop = Literal["", "time", "memory", "output", "files", "processes", "disk", "cancelled"]
_PIECE = 1 << 16
_KEPT_BYTES = 1 << 16
_LINE_BYTES = 500
_MOST_LINES = 10_000
_LOOK_S = 0.2
_DRAIN_S = 5.0
_PAUSE_S = 0.01
_COUNT_SHARE = 0.05
_MOST_HIDDEN = 5
"""Looks in a row at which the descriptors of a process may be hidden."""
_RESERVE_BYTES, _RESERVE_SHARE = 256 << 20, 4
"""Free bytes of the disk at which a cell is stopped, or this part of those at its start."""
_INODE_BYTES = 1 << 10
"""What an empty file of a disk in memory takes."""
_HELD = ("RssAnon:", "RssFile:", "RssShmem:", "VmSwap:", "VmPTE:")
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
    require_unix("methods")
    caps = caps.on_this_machine()
    began = time.monotonic()
    with ExitStack() as stack:
        opened: tuple[int, ...] = ()
        if isolation == "bwrap":
            inside = sandbox_command(scratch.path, readable, writable)
            sandbox, opened = stack.enter_context(inside)
            command = [*sandbox, *arguments]
        else:
            python = sys.executable
            command = [python, "-I", "-S", keeper.__file__, python, *arguments]
        process = subprocess.Popen(  # noqa: S603
            command,
            cwd=scratch.path,
            env={**_environment(threads, scratch.path), **(environment or {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            pass_fds=opened,
        )
    pipes = _Pipes(process, on_line)
    watch = _Watch(process.pid, scratch, caps, isolation)
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
        _kill_all(process, isolation)
        pipes.read(_DRAIN_S)
        pipes.close()
    seconds = time.monotonic() - began
    code = process.returncode
    if code > _SIGNALLED:
        # Sandbox and keeper return a status as a shell does.
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

    def __init__(self, root: int, scratch: Scratch, caps: Caps, isolation: Isolation) -> None:
        self._root, self._scratch, self._caps = root, scratch, caps
        self._memory_disks = MEMORY_DISKS if isolation == "bwrap" else ()
        self._scratch_is_memory = _is_memory(scratch.device)
        self._reserve = min(_RESERVE_BYTES, scratch.free_bytes // _RESERVE_SHARE)
        self._next_count = 0.0
        self._n_bytes = self._n_files = 0
        self._offered: frozenset[int] = frozenset()
        self._hidden: dict[int, int] = {}
        self.peak_mb = 0

    def exceeded(self, spent: float) -> Stop:
        """Return the cap that is exceeded after this many seconds; empty when none is."""
        caps = self._caps
        used = _used_by(self._root, self._scratch.device, self._memory_disks)
        self._offer(used.processes)
        began = time.monotonic()
        if began >= self._next_count:
            self._n_bytes, self._n_files = self._scratch.usage()
            now = time.monotonic()
            # Counting files must take only a small share of the time.
            self._next_count = now + (now - began) / _COUNT_SHARE
        on_disk = self._n_bytes + used.unnamed_bytes
        memory_mb = used.memory_bytes + (on_disk if self._scratch_is_memory else 0) >> 20
        self.peak_mb = max(self.peak_mb, memory_mb)
        if spent > caps.seconds:
            return "time"
        if caps.memory_mb is not None and memory_mb > caps.memory_mb:
            return "memory"
        if used.n_threads > caps.processes:
            return "processes"
        # A process that starts or ends is hidden for a moment.
        self._hidden = {process: self._hidden.get(process, 0) + 1 for process in used.hidden}
        stays_hidden = self._memory_disks and max(self._hidden.values(), default=0) > _MOST_HIDDEN
        if stays_hidden or on_disk > caps.folder_mb << 20 or self._n_files > caps.files:
            return "files"
        return "disk" if self._scratch.free_bytes < self._reserve else ""

    def _offer(self, processes: frozenset[int]) -> None:
        """Let the kernel end these processes first when the memory of the machine is full."""
        for process in processes - self._offered:
            with suppress(OSError):
                Path(f"/proc/{process}/oom_score_adj").write_text("1000")
        self._offered = processes


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
        "PYTHONPATH": str(package_root()),
        "HOME": str(folder),
        "TMPDIR": str(folder),
    }


def _kill_all(process: subprocess.Popen[bytes], isolation: Isolation) -> None:
    """Kill a process and all below it: none may outlive the cell."""
    end = time.monotonic() + _DRAIN_S
    while isolation == "none" and time.monotonic() < end:
        # The keeper adopts processes whose parent ended, so it goes last.
        if not (below := _tree(process.pid)[0] - {process.pid}):
            break
        for other in below:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(other, signal.SIGKILL)
        time.sleep(_PAUSE_S)
    # The group may have ended.
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


@dataclass(frozen=True)
class _Usage:
    """What a method's processes use: memory, threads, and disk by open files without a name.

    `hidden` are the processes whose descriptors cannot be listed.
    """

    processes: frozenset[int]
    memory_bytes: int
    n_threads: int
    unnamed_bytes: int
    hidden: frozenset[int]


def _used_by(root: int, device: int, memory_disks: tuple[str, ...]) -> _Usage:
    """Return what a process, all below it and its session use; zeros where there is no /proc.

    Memory is what is resident or swapped, tables of pages, buffers of sockets and pipes, files on
    the `memory_disks` of a sandbox, and files without a name that are not on `device`. The sandbox
    starts a session of its own, hence the tree.
    """
    seen, zombies, n_threads = _tree(root)
    files = _Files()
    disks: dict[int, int] = {}
    held = 0
    for process in seen:
        entry = _living_thread(process) if process in zombies else Path(f"/proc/{process}")
        if entry is not None:
            files.add(process, entry)
            held += _held_by(entry)
            for path in memory_disks:
                disks |= _on_memory_disk(entry, path)
    on_disk = sum(size for (found_on, _), size in files.unnamed.items() if found_on == device)
    # A file without a name on a disk in memory is counted with that disk.
    elsewhere = sum(
        size
        for (found_on, _), size in files.unnamed.items()
        if found_on != device and found_on not in disks
    )
    sockets = SOCKET_BYTES * len(files.sockets)
    if memory_disks:
        sockets = max(sockets, socket_bytes(seen))
    memory = held + sum(disks.values()) + elsewhere + sockets + PIPE_BYTES * len(files.pipes)
    return _Usage(frozenset(seen), memory, n_threads, on_disk, frozenset(files.hidden))


def _tree(root: int) -> tuple[set[int], set[int], int]:
    """Return a process, all below it and its session; the zombies among them; all threads."""
    threads: dict[int, int] = {}
    below: dict[int, list[int]] = {}
    zombies: set[int] = set()
    found = [root]
    names: list[str] = []
    with suppress(FileNotFoundError):
        names = [entry.name for entry in Path("/proc").iterdir()]
    for process in map(int, filter(str.isdecimal, names)):
        try:
            # A process may have any bytes as its name. It may have ended since it was listed.
            text = Path(f"/proc/{process}/stat").read_text(errors="replace")
        except OSError:
            continue
        fields = text.rpartition(")")[2].split()
        if fields[0] == "Z":
            zombies.add(process)
        threads[process] = int(fields[17])
        below.setdefault(int(fields[1]), []).append(process)
        if int(fields[3]) == root:
            found.append(process)
    seen: set[int] = set()
    while found:
        process = found.pop()
        if process not in seen:
            seen.add(process)
            found += below.get(process, [])
    return seen, zombies & seen, sum(threads.get(process, 0) for process in seen)


def _living_thread(process: int) -> Path | None:
    """Return the entry of a thread that goes on after the first one of its process ended."""
    # The process may end while its threads are listed.
    with suppress(OSError):
        for entry in Path(f"/proc/{process}/task").glob("[0-9]*"):
            with suppress(OSError):
                stat = (entry / "stat").read_text(errors="replace")
                if stat.rpartition(")")[2].split()[0] != "Z":
                    return entry
    return None


def _held_by(entry: Path) -> int:
    """Return the bytes of memory of a process."""
    held = 0
    with suppress(OSError):
        for line in (entry / "status").read_text(errors="replace").splitlines():
            if line.startswith(_HELD):
                held += int(line.split()[1]) << 10
    return held


def _on_memory_disk(entry: Path, path: str) -> dict[int, int]:
    """Return the bytes on a disk in memory as this process sees it, by device; none otherwise."""
    try:
        root = os.open(entry / "root", os.O_PATH | os.O_DIRECTORY)
    except OSError:
        return {}
    try:
        opened = os.open(path.lstrip("/"), os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=root)
    except OSError:
        return {}
    finally:
        os.close(root)
    try:
        device = os.fstat(opened).st_dev
        if device == Path(path).stat().st_dev:
            # The outer process of the sandbox sees the disks of the machine.
            return {}
        found = os.fstatvfs(opened)
        n_files = found.f_files - found.f_ffree
        used = (found.f_blocks - found.f_bfree) * found.f_frsize
        return {device: used + n_files * _INODE_BYTES}
    except OSError:
        return {}
    finally:
        os.close(opened)


def _is_memory(device: int) -> bool:
    """Return whether what is written to a disk takes memory."""
    number = f"{os.major(device)}:{os.minor(device)}"
    with suppress(OSError):
        for line in Path("/proc/self/mountinfo").read_text(errors="replace").splitlines():
            fields = line.split()
            if fields[2] == number:
                return fields[fields.index("-") + 1] in ("tmpfs", "ramfs")
    return False


class _Files:
    """Open files of processes: those without a name by device and inode, sockets and pipes."""

    def __init__(self) -> None:
        self.unnamed: dict[tuple[int, int], int] = {}
        self.sockets: set[int] = set()
        self.pipes: set[tuple[int, int]] = set()
        self.hidden: set[int] = set()

    def add(self, process: int, entry: Path) -> None:
        """Add those of a process, listed under its entry below /proc."""
        try:
            for opened in os.scandir(entry / "fd"):
                with suppress(OSError):
                    status = opened.stat()
                    if stat.S_ISREG(status.st_mode) and status.st_nlink == 0:
                        self.unnamed[status.st_dev, status.st_ino] = status.st_blocks * 512
                    elif stat.S_ISSOCK(status.st_mode):
                        self.sockets.add(status.st_ino)
                    elif stat.S_ISFIFO(status.st_mode):
                        self.pipes.add((status.st_dev, status.st_ino))
        except PermissionError:
            self.hidden.add(process)
        except OSError:
            pass
