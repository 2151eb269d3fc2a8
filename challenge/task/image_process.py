"""Parent side of the child process that decodes untrusted images.

One process serves all images. It cannot open files or sockets and has time and memory limits.
If an image ends the process, that image is refused and the next one starts a new process.
"""

from __future__ import annotations

import atexit
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from challenge.errors import require_unix

__all__ = ["ANSWER", "READY", "REQUEST", "ImageFault", "ImageLimits", "ask_image_process"]

_MAX_ANSWER_BYTES = 1 << 30
_WAIT_S = 60
"""Seconds that a process may sleep or wait for the processor, beyond its computing time."""

_START = (
    "import sys; sys.path[:] = sys.argv[1:]; from challenge.task.image_worker import main; main()"
)
READY = b"ready"
REQUEST = struct.Struct(">QII")
"""Before the bytes of a request: their number, seconds, megabytes."""
ANSWER = struct.Struct(">?Q")
"""Before the bytes of an answer: whether the request succeeded, their number."""
_VARIABLES = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "LANG")


class ImageFault(ValueError):
    """The bytes are not an image that a task accepts; the message is the reason."""


@dataclass(frozen=True)
class ImageLimits:
    """Limits for one image: seconds of computing, megabytes of address space."""

    seconds: int
    memory_mb: int


def ask_image_process(kind: bytes, data: bytes, limits: ImageLimits) -> bytes:
    """Return the answer of the child process to a request; raise ImageFault when it refuses."""
    with _LOCK:
        try:
            done, answer = _process().ask(kind + data, limits)
        except (OSError, EOFError) as problem:
            raise ImageFault(_end_process(problem, limits)) from None
    if not done:
        raise ImageFault(answer.decode(errors="replace"))
    return answer


class _ImageProcess:
    """A running child process, and the socket that it reads and writes."""

    def __init__(self) -> None:
        self.owner = os.getpid()
        self._socket, theirs = socket.socketpair()
        variables = {name: os.environ[name] for name in _VARIABLES if name in os.environ}
        path = [str(Path(entry).absolute()) for entry in sys.path]
        with theirs:
            self.child: subprocess.Popen[bytes] = subprocess.Popen(  # noqa: S603 (this Python and our own module)
                [sys.executable, "-I", "-c", _START, *path],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                # Threads of numeric libraries would reserve address space and are not needed.
                env={**variables, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
                cwd="/",
            )
        try:
            ready = self._read(len(READY), time.monotonic() + _WAIT_S) == READY
        except (OSError, EOFError):
            ready = False
        if not ready:
            raise RuntimeError(f"the process that decodes images ended with {self.end()}")

    def ask(self, request: bytes, limits: ImageLimits) -> tuple[bool, bytes]:
        """Return whether the request succeeded, and the answer; raise OSError or EOFError."""
        deadline = time.monotonic() + limits.seconds + _WAIT_S
        self._socket.settimeout(deadline - time.monotonic())
        head = REQUEST.pack(len(request), limits.seconds, limits.memory_mb)
        self._socket.sendall(head + request)
        done, size = ANSWER.unpack(self._read(ANSWER.size, deadline))
        if size > _MAX_ANSWER_BYTES:
            raise EOFError
        return done, bytes(self._read(size, deadline))

    def end(self) -> int:
        """End the process at once; return its exit code, negative for a signal."""
        self._socket.close()
        try:
            # The exit code holds the signal if the process ended by itself.
            return self.child.wait(timeout=1)
        except subprocess.TimeoutExpired:
            self.child.kill()
            return self.child.wait()

    def _read(self, size: int, deadline: float) -> bytearray:
        data = bytearray(size)
        view = memoryview(data)
        while view:
            self._socket.settimeout(max(deadline - time.monotonic(), 0.001))
            n = self._socket.recv_into(view)
            if not n:
                raise EOFError
            view = view[n:]
        return data


_LOCK = threading.Lock()
_RUNNING: list[_ImageProcess] = []


def _process() -> _ImageProcess:
    """Return the image process of the current process; never one inherited from a parent."""
    if _RUNNING and _RUNNING[0].owner != os.getpid():
        _RUNNING.clear()
    if not _RUNNING:
        require_unix("images")
        _RUNNING.append(_ImageProcess())
        atexit.register(_RUNNING[0].end)
    return _RUNNING[0]


def _end_process(problem: Exception, limits: ImageLimits) -> str:
    """End the rest of the process; return the reason as a fault of the image."""
    running = _RUNNING.pop()
    atexit.unregister(running.end)
    code = running.end()
    if isinstance(problem, TimeoutError) or -code in (signal.SIGPROF, signal.SIGXCPU):
        return f"an image that takes more than {limits.seconds} s to decode"
    how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
    return f"an image that ends the process which decodes it ({how})"
