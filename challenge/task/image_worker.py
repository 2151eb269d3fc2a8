"""Child side of the process that decodes untrusted images.

It first loads everything that decoding needs. Then it drops all access to the disk, the network
and other processes, and answers requests until its parent ends.
"""

from __future__ import annotations

import io
import os
import signal
import struct
import sys
import warnings

from challenge.task.call_filter import Numbers, allow_only, install_filter
from challenge.task.image_formats import raster_formats
from challenge.task.image_process import ANSWER, READY, REQUEST, ImageFault
from challenge.task.images import DRAW, STANDARDISE, ImageRules, answer_request

__all__ = ["main"]

_SOCKET = 0
_PIECE = 1 << 20

_CALLS: Numbers = {
    "read": (0, 63),
    "write": (1, 64),
    "close": (3, 57),
    "fstat": (5, 80),
    "lseek": (8, 62),
    "mmap": (9, 222),
    "mprotect": (10, 226),
    "munmap": (11, 215),
    "brk": (12, 214),
    "rt_sigaction": (13, 134),
    "rt_sigprocmask": (14, 135),
    "rt_sigreturn": (15, 139),
    "sched_yield": (24, 124),
    "mremap": (25, 216),
    "madvise": (28, 233),
    "nanosleep": (35, 101),
    "setitimer": (38, 103),
    "getpid": (39, 172),
    "exit": (60, 93),
    "sigaltstack": (131, 132),
    "gettid": (186, 178),
    "futex": (202, 98),
    "restart_syscall": (219, 128),
    "clock_gettime": (228, 113),
    "clock_nanosleep": (230, 115),
    "exit_group": (231, 94),
    "tgkill": (234, 131),
    "prlimit64": (302, 261),
    "getrandom": (318, 278),
}
"""The allowed system calls, by their numbers on x86-64 and ARM; none opens or starts anything."""


def main() -> None:
    """Answer requests on the standard input, a socket, until it closes."""
    warnings.simplefilter("ignore")
    _load_decoders()
    os.dup2(1, 2)
    _confine()
    _write(READY)
    while True:
        head = _read(REQUEST.size)
        if not head:
            return
        size, seconds, memory_mb = REQUEST.unpack(head)
        request = _read(size)
        _limit(seconds, memory_mb)
        done, answer = _answer(request)
        signal.setitimer(signal.ITIMER_PROF, 0)
        _write(ANSWER.pack(done, len(answer)) + answer)


def _answer(request: bytes) -> tuple[bool, bytes]:
    try:
        return True, answer_request(request)
    except ImageFault as problem:
        text = str(problem)
    except MemoryError:
        text = "an image that takes too much memory to decode"
    except Exception as problem:
        text = f"a damaged image ({type(problem).__name__}: {problem})"
    return False, text.encode(errors="replace")[:500]


def _load_decoders() -> None:
    """Decode one image of each format: nothing can be loaded later."""
    import numpy as np
    from PIL import Image

    Image.init()
    rules = ImageRules().packed()
    for form in raster_formats():
        if form == "AVIF":
            # Threads of its own would be refused: they need another system call.
            sys.modules["PIL.AvifImagePlugin"].DEFAULT_MAX_THREADS = 1  # type: ignore[attr-defined]
        target = io.BytesIO()
        Image.fromarray(np.zeros((16, 16, 3), np.uint8)).save(target, form)
        answer_request(STANDARDISE + rules + target.getvalue())
    answer_request(DRAW + struct.pack(">II", 8, 8) + b'<svg xmlns="http://www.w3.org/2000/svg"/>')


def _confine() -> None:
    """Make it impossible to open a file or a socket, or to leave a core file."""
    import resource

    for limit in (resource.RLIMIT_NOFILE, resource.RLIMIT_FSIZE, resource.RLIMIT_CORE):
        resource.setrlimit(limit, (0, 0))
    install_filter(allow_only(_CALLS))


def _limit(seconds: int, memory_mb: int) -> None:
    """Set the limits of the next request; the kernel ends the process at the time limit."""
    if sys.platform == "linux":
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (memory_mb << 20, resource.RLIM_INFINITY))
    signal.setitimer(signal.ITIMER_PROF, seconds)


def _read(size: int) -> bytes:
    """Return exactly `size` bytes, or none when the parent has ended."""
    pieces = []
    while size:
        piece = os.read(_SOCKET, min(size, _PIECE))
        if not piece:
            return b""
        pieces.append(piece)
        size -= len(piece)
    return b"".join(pieces)


def _write(data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(_SOCKET, view[:_PIECE]) :]
