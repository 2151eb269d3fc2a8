"""A connection that must send and read in time, so that idle and slow clients hold nothing."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

__all__ = ["TimedConnection"]

_HEAD_S, _READER_S = 15.0, 60.0


class TimedConnection(H11Protocol):
    """Ends a connection that does not send its request head, or read its answer, in time."""

    _head: asyncio.TimerHandle | None = None
    _reader: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._wait_for_head()

    def data_received(self, data: bytes) -> None:
        """Take data; wait for a head where there is none yet."""
        before = self.cycle
        super().data_received(data)
        if self.cycle is not before and self._head is not None:
            self._head.cancel()
            self._head = None
        elif self._head is None and (self.cycle is None or self.cycle.response_complete):
            self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        for timer in (self._head, self._reader):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Begin to wait for the caller to read what was written."""
        super().pause_writing()
        self._reader = self.loop.call_later(_READER_S, self.transport.abort)

    def resume_writing(self) -> None:
        """Go on writing."""
        if self._reader is not None:
            self._reader.cancel()
        super().resume_writing()

    def _wait_for_head(self) -> None:
        # Not `close`, which waits until the caller has read the last answer.
        self._head = self.loop.call_later(_HEAD_S, self.transport.abort)
