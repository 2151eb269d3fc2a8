"""Admission of a log: propensities and rewards of each row, and whether policies can be judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from challenge.errors import Fault, TaskError, counted
from challenge.prepare.build.plan import TEST, TRAIN
from challenge.task.raw_values import Faults

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

__all__ = ["check_log", "log_numbers"]

_ROUNDED = 1e-3
"""Propensities that sum to 1 within this are rounded ones, as in a submission."""

_SURE = 5.0
"""Standard errors beyond which chance is no explanation."""


def log_numbers(array: pa.Array, name: str, keys: pa.Array, faults: Faults) -> NDArray[np.float64]:
    """Return the numbers of a column as doubles; add a fault for those that are not allowed.

    A propensity is in (0, 1], any other number in [0, 1].
    """
    import pyarrow as pa

    try:
        numbers = array.cast(pa.float64()).fill_null(np.nan)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        faults.add(
            f"log-{name}",
            name,
            f"values of type {array.type} that are not numbers",
            "a number in every row",
            "convert them in the converter",
            n=len(array),
        )
        return np.ones(len(array))
    found = np.array(numbers.to_numpy(zero_copy_only=False), np.float64)
    positive = name == "propensity"
    right = (found > 0.0 if positive else found >= 0.0) & (found <= 1.0)
    rows = np.flatnonzero(~right).tolist()
    if rows:
        faults.add(
            f"log-{name}",
            name,
            f"{float(found[rows[0]])!r} is no {name}",
            f"a number in {'(' if positive else '['}0, 1]",
            "write the probability with which the arm was shown"
            if positive
            else "divide rewards by the largest possible one; drop rows without a reward",
            [str(keys[row].as_py()) for row in rows],
        )
    return found


def check_log(
    log: Mapping[str, NDArray[np.float64]],
    arms: NDArray[np.int32],
    names: Sequence[str],
    side: NDArray[np.int8],
    where: str,
) -> tuple[str, ...]:
    """Return notes on the log of each side; raise TaskError where it cannot judge a policy.

    With correct propensities p the mean of 1/p over the rows of an arm, added up, is the number of
    rows, for each arm. So the sum of the propensities of all arms is known from those shown.
    """
    faults: list[Fault] = []
    notes = []
    for name, code in (("train", TRAIN), ("test", TEST)):
        rows = side == code
        propensity, shown = log["propensity"][rows], arms[rows]
        faults += _without_support(shown, len(names), f"{where}, {name}")
        faults += _wrong_sums(propensity, shown, len(names), f"{where}, {name}")
        uniform = bool((np.abs(propensity * len(names) - 1.0) <= _ROUNDED).all())
        notes.append(
            f"The log of {name} is uniform: each of {counted(len(names), 'arm')} was shown with "
            f"the same probability."
            if uniform
            else f"The log of {name} is not uniform: some arms were shown more often than others."
        )
    if faults:
        raise TaskError(faults)
    return tuple(notes)


def _without_support(shown: NDArray[np.int32], n_arms: int, where: str) -> list[Fault]:
    missing = int((np.bincount(shown, minlength=n_arms) == 0).sum())
    if not missing:
        return []
    return [
        Fault(
            where,
            f"{counted(missing, 'arm')} that the log never shows here",
            "every arm on both sides: no policy that shows another one can be judged",
            "leave out the rows of these arms in the converter, or choose another split",
            code="log-support",
            n=missing,
        )
    ]


def _wrong_sums(
    propensity: NDArray[np.float64], shown: NDArray[np.int32], n_arms: int, where: str
) -> list[Fault]:
    n = len(propensity)
    inverse = 1.0 / propensity
    faults = []
    gap = abs(inverse.mean() - n_arms)
    error = float(inverse.std()) / np.sqrt(n)
    if gap > _SURE * error + _ROUNDED * n_arms:
        faults.append(
            Fault(
                where,
                f"propensities of the arms of a row that sum to about "
                f"{n_arms / inverse.mean():.3g}",
                "1: one arm is shown in every row",
                "write the probability of the arm among all arms of the task",
                code="log-sum",
                n=n,
            )
        )
    each = np.bincount(shown, inverse, n_arms)
    variance = np.bincount(shown, (1.0 - propensity) * inverse**2, n_arms)
    often = np.bincount(shown, minlength=n_arms) >= 20
    wrong = often & (np.abs(each - n) > _SURE * np.sqrt(variance) + _ROUNDED * n)
    if wrong.any():
        found = int(wrong.sum())
        faults.append(
            Fault(
                where,
                f"{counted(found, 'arm')} shown more or less often than the propensities say",
                "as often as they say, but for chance",
                "check which arm each propensity belongs to",
                code="log-frequency",
                n=found,
            )
        )
    return faults
