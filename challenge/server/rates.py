"""How often a token or an address may call: a bucket that fills with time."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

__all__ = ["Rates"]

_MOST_KEYS = 10_000


class Rates:
    """A bucket of `most` calls for each key, which fills in `seconds`; the oldest keys go first."""

    def __init__(
        self, most: int, seconds: float, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._most = most
        self._per_second = most / seconds
        self._now = now
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait_of(self, key: str) -> float:
        """Take a call from the bucket; return 0, or the seconds until there is one again."""
        at = self._now()
        left, before = self._buckets.pop(key, (float(self._most), at))
        left = min(self._most, left + (at - before) * self._per_second)
        wait = 0.0 if left >= 1 else (1 - left) / self._per_second
        if not wait:
            left -= 1
        self._buckets[key] = (left, at)
        if len(self._buckets) > _MOST_KEYS:
            self._buckets.popitem(last=False)
        return wait
