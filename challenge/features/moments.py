"""Points in time as numbers: seconds, and position in the year, the week and the day."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["MomentBlock", "moment_seconds"]

_FAR = 5.0
"""Standard deviations at which a standardised time is clipped."""


def moment_seconds(column: pd.Series[Any]) -> NDArray[np.float64]:
    """Return points in time as seconds since 1970 in UTC, missing as NaN."""
    import numpy as np

    moments = _naive(column)
    seconds = moments.astype(np.int64) / 1e6
    seconds[np.isnat(moments)] = np.nan
    return np.asarray(seconds, np.float64)


def _naive(column: pd.Series[Any]) -> NDArray[np.datetime64]:
    import pandas as pd

    moments = pd.to_datetime(column, utc=True).dt.tz_localize(None)
    return moments.to_numpy(dtype="datetime64[us]")


class MomentBlock:
    """The block of a column of points in time, learned from the rows given to `fit`.

    Its columns: the time and the year, standardised, and whether it is missing; then sine and
    cosine of the month, the day of the month, the weekday and the hour, as far as they vary.
    """

    def __init__(self, column: pd.Series[Any]) -> None:
        import numpy as np

        known = _parts(column)
        self._scale = {
            name: (float(np.nanmean(values)), float(np.nanstd(values)))
            for name, values in known.items()
            if not np.isnan(values).all() and np.nanmin(values) < np.nanmax(values)
        }

    def transform(self, column: pd.Series[Any]) -> NDArray[np.float64]:
        """Return a row for each point in time; a missing one is the mean with the flag set."""
        import numpy as np

        parts = _parts(column)
        found = [np.isnan(parts["time"]).astype(np.float64)]
        for name, (mean, deviation) in self._scale.items():
            values = parts[name]
            if name in _CYCLES:
                angle = 2 * np.pi * values / _CYCLES[name]
                found += [np.sin(angle), np.cos(angle)]
            else:
                found.append(((values - mean) / deviation).clip(-_FAR, _FAR))
        return np.nan_to_num(np.column_stack(found), nan=0.0)


_CYCLES = {"month": 12, "day": 31, "weekday": 7, "hour": 24}


def _parts(column: pd.Series[Any]) -> dict[str, NDArray[np.float64]]:
    import numpy as np

    moments = _naive(column)
    missing = np.isnat(moments)
    days = moments.astype("datetime64[D]")
    months = moments.astype("datetime64[M]")
    parts = {
        "time": moments.astype(np.int64) / 1e6,
        "year": moments.astype("datetime64[Y]").astype(np.int64),
        "month": months.astype(np.int64) % 12,
        "day": (days - months.astype("datetime64[D]")).astype(np.int64),
        "weekday": (days.astype(np.int64) + 3) % 7,
        "hour": (moments - days.astype("datetime64[us]")).astype(np.int64) // 3_600_000_000,
    }
    return {name: np.where(missing, np.nan, values) for name, values in parts.items()}
