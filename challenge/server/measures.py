"""What the server counts, in the text format of Prometheus."""

from __future__ import annotations

import threading
from collections import Counter

from challenge.ledger.network.arrivals import LineState
from challenge.ledger.store import clock

__all__ = ["Measures"]

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "OPTIONS"})


class Measures:
    """Counts since the start of this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: Counter[tuple[str, str, int]] = Counter()
        self._refusals: Counter[str] = Counter()
        self._scored = 0
        self._seconds = 0.0
        self._boards = 0

    def count_request(self, method: str, route: str, status: int) -> None:
        """Count an answered request by its route, never by its path."""
        # A caller may make methods up, and each would be counted by itself.
        method = method if method in _METHODS else "other"
        with self._lock:
            self._requests[method, route, status] += 1

    def count_refusal(self, code: str) -> None:
        """Count a fault that was sent."""
        with self._lock:
            self._refusals[code] += 1

    def count_scored(self, seconds: float) -> None:
        """Count a file whose outcome is stored."""
        with self._lock:
            self._scored += 1
            self._seconds += seconds

    def count_board(self) -> None:
        """Count a build of the site."""
        with self._lock:
            self._boards += 1

    def text(self, line: LineState) -> str:
        """Return all figures, with the line as it is now."""
        age = 0.0 if line.oldest is None else (clock.now() - line.oldest).total_seconds()
        with self._lock:
            rows = [
                "# TYPE challenge_requests_total counter",
                *(
                    f'challenge_requests_total{{method="{method}",route="{route}",'
                    f'status="{status}"}} {n}'
                    for (method, route, status), n in sorted(self._requests.items())
                ),
                "# TYPE challenge_refusals_total counter",
                *(
                    f'challenge_refusals_total{{code="{code}"}} {n}'
                    for code, n in sorted(self._refusals.items())
                ),
                "# TYPE challenge_scoring_seconds summary",
                f"challenge_scoring_seconds_sum {self._seconds:.6f}",
                f"challenge_scoring_seconds_count {self._scored}",
                "# TYPE challenge_board_builds_total counter",
                f"challenge_board_builds_total {self._boards}",
            ]
        rows += [
            "# TYPE challenge_files_waiting gauge",
            f"challenge_files_waiting {line.n_waiting}",
            "# TYPE challenge_files_scoring gauge",
            f"challenge_files_scoring {line.n_running}",
            "# TYPE challenge_queue_age_seconds gauge",
            f"challenge_queue_age_seconds {max(age, 0):.3f}",
        ]
        return "\n".join(rows) + "\n"
