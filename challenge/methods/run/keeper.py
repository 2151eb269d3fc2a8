"""Runs a command and lets nothing that it started outlive it; used where there is no sandbox.

Run by its path, as `python -I -S keeper.py COMMAND ARGUMENT...`, so that it stays small. It adopts
processes whose parent ended (on Linux), and kills them when the command has ended.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

__all__: list[str] = []

_PR_SET_CHILD_SUBREAPER = 36


def _keep(command: list[str]) -> int:
    """Return the exit code of the command; negative: the signal that ended it."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        # The command may end its group, and this process must go on.
        child = os.posix_spawn(command[0], command, os.environ, setpgroup=0)
    else:
        child = os.posix_spawn(command[0], command, os.environ)
    ended = status = 0
    while ended != child:
        ended, status = os.wait()
    while children := _children():
        for number in children:
            os.kill(number, signal.SIGKILL)
        os.wait()
    return os.waitstatus_to_exitcode(status)


def _children() -> list[int]:
    try:
        with open(f"/proc/self/task/{os.getpid()}/children") as file:  # noqa: PTH123
            return [int(number) for number in file.read().split()]
    except OSError:
        return []


if __name__ == "__main__":
    code = _keep(sys.argv[1:])
    # A signal is returned as the sandbox and a shell do.
    raise SystemExit(128 - code if code < 0 else code)
