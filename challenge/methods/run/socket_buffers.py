"""Memory of the kernel in the buffers of sockets and pipes.

The tables of a network namespace list its sockets, also those that no process holds at the moment
(sent to another process, or not accepted yet).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path

__all__ = ["PIPE_BYTES", "SOCKET_BYTES", "socket_bytes"]

SOCKET_BYTES = 1 << 19
"""What the buffers of a socket other than TCP may hold by default."""
PIPE_BYTES = 1 << 16
"""What a pipe may hold; a sandbox does not let a program enlarge it."""

_TCP_BYTES = 1 << 12
_BYTES_PER_BYTE = 1 << 12
"""What a byte of TCP may take that was sent alone."""
_MOST_LINES = 200_000
_TABLES = ("unix", "udp", "udp6")
_TCP_TABLES = ("tcp", "tcp6")


def socket_bytes(processes: Iterable[int]) -> int:
    """Return what the sockets of a sandbox hold: its processes share a network of their own.

    0 where they share the network of this process.
    """
    own = _network(Path("/proc/self"))
    for process in processes:
        entry = Path(f"/proc/{process}")
        if (found := _network(entry)) is not None and found != own:
            return _bytes_in(entry / "net")
    return 0


def _network(entry: Path) -> int | None:
    with suppress(OSError):
        return (entry / "ns" / "net").stat().st_ino
    return None


def _bytes_in(tables: Path) -> int:
    total = sum(SOCKET_BYTES for name in _TABLES for _ in _rows(tables / name))
    received, sent = _most("tcp_rmem"), _most("tcp_wmem")
    for name in _TCP_TABLES:
        for row in _rows(tables / name):
            # Bytes that wait to be sent and to be read, as `tx:rx`.
            to_send, _, to_read = row.split()[4].partition(b":")
            total += _TCP_BYTES + min(int(to_send, 16) * _BYTES_PER_BYTE, sent)
            total += min(int(to_read, 16) * _BYTES_PER_BYTE, received)
    return total


def _rows(table: Path) -> Iterator[bytes]:
    """Yield the rows below the head; no more than any cap of memory allows."""
    with suppress(OSError), table.open("rb") as file:
        yield from islice(file, 1, _MOST_LINES)


def _most(setting: str) -> int:
    """Return up to which size the kernel enlarges a buffer by itself."""
    with suppress(OSError, ValueError):
        return int(Path(f"/proc/sys/net/ipv4/{setting}").read_text().split()[2])
    return os.sysconf("SC_PAGE_SIZE") << 10
