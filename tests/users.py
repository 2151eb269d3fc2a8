"""Who runs the tests of a sandbox: this user and, where this one is root, an unprivileged one."""

from __future__ import annotations

import os
import sys
from pathlib import Path

__all__ = ["USERS", "as_user"]

_NOBODY = 65534
USERS = [os.geteuid(), _NOBODY] if os.geteuid() == 0 else [os.geteuid()]


def as_user(user: int) -> list[str]:
    """Return the command that runs another as this user, with the interpreter in its reach."""
    if user == os.geteuid():
        return []
    switch = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"]
    prefix = Path(sys.base_prefix)
    closed = [path for path in prefix.parents if not path.stat().st_mode & 0o001]
    if not closed:
        return switch
    cover = ["bwrap", "--bind", "/", "/", "--dev-bind", "/dev", "/dev", "--cap-add", "ALL"]
    cover += ["--tmpfs", str(closed[-1])]
    between = [path for path in reversed(prefix.parents) if closed[-1] in path.parents]
    for path in between:
        cover += ["--perms", "0755", "--dir", str(path)]
    return [*cover, "--ro-bind", str(prefix), str(prefix), *switch]
