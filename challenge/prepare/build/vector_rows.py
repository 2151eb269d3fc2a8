"""Rows with a role and a vector: read, checked, and each thing held together by the split."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from challenge.errors import Fault, TaskError, counted
from challenge.prepare.build.ids import id_strings, keyed_draws
from challenge.prepare.build.plan import TEST, TRAIN
from challenge.prepare.build.row_facts import RowFacts
from challenge.task.columns import MOST_DIMENSIONS, ROLES, vector_columns
from challenge.task.raw_values import Faults, text_values

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

__all__ = ["VectorRows"]


class VectorRows:
    """Collects role, vector and thing of each raw row, batch by batch."""

    def __init__(self, secret: bytes, where: str) -> None:
        self._secret, self._where = secret, where
        self._names: tuple[str, ...] = ()
        self._roles: list[NDArray[np.int32]] = []
        self._things: list[pa.Array] = []

    @property
    def dimensions(self) -> int:
        """Dimensions of the vectors."""
        return len(self._names)

    def columns(self, names: Sequence[str]) -> tuple[str, ...]:
        """Return the raw columns that rows need: `role`, and all of `e0`, `e1`, … up to the last.

        Raises TaskError where there are more than 1,024.
        """
        numbers = [int(name[1:]) for name in names if name[:1] == "e" and name[1:].isdecimal()]
        if max(numbers, default=0) >= MOST_DIMENSIONS:
            raise TaskError(
                Fault(
                    self._where,
                    f"a column e{max(numbers)}",
                    f"at most {MOST_DIMENSIONS:,} dimensions: e0 to e{MOST_DIMENSIONS - 1}",
                    "project the vectors in the converter",
                    code="vector-dimensions",
                )
            )
        self._names = vector_columns(max(numbers, default=0) + 1)
        return ("role", *self._names)

    def add(
        self, batch: pa.RecordBatch, labels: pa.Array, keys: pa.Array, faults: Faults
    ) -> dict[str, pa.Array]:
        """Return the columns of a batch for the tables: `role` and the vector."""
        import pyarrow as pa
        import pyarrow.compute as pc

        roles = text_values(batch.column("role"))
        codes = pc.fill_null(pc.index_in(roles, pa.array(ROLES)), -1).to_numpy(zero_copy_only=False)
        wrong = np.flatnonzero(codes < 0).tolist()
        if wrong:
            faults.add(
                "vector-role",
                "role",
                f"{roles[wrong[0]].as_py()!r} is no role",
                " or ".join(ROLES),
                "translate the words in the converter",
                [str(keys[row].as_py()) for row in wrong],
            )
        self._roles.append(np.maximum(codes, 0).astype(np.int32))
        self._things.append(id_strings(keyed_draws(self._secret, "thing", labels).number, "t"))
        return {"role": roles, **self._vector(batch, keys, faults)}

    def _vector(self, batch: pa.RecordBatch, keys: pa.Array, faults: Faults) -> dict[str, pa.Array]:
        import pyarrow as pa

        columns = {}
        for name in self._names:
            try:
                numbers = batch.column(name).cast(pa.float64()).fill_null(np.nan)
            except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
                faults.add(
                    "vector-number",
                    name,
                    f"values of type {batch.column(name).type} that are not numbers",
                    "a finite number in every row",
                    "convert them in the converter",
                    n=batch.num_rows,
                )
                numbers = pa.array(np.ones(batch.num_rows))
            columns[name] = np.array(numbers.to_numpy(zero_copy_only=False), np.float64)
        whole = np.stack(list(columns.values()), axis=1)
        finite = np.isfinite(whole).all(axis=1)
        for code, bad, found, fix in (
            ("vector-number", ~finite, "a vector with a number missing, or not finite",
             "compute the vector of every row; drop rows without one"),
            ("vector-zero", finite & ~whole.any(axis=1), "a vector of zeros alone",
             "drop the row, or give it a direction: vectors are compared by their angle"),
        ):  # fmt: skip
            if bad.any():
                rows = np.flatnonzero(bad).tolist()
                expected = "finite numbers in every row, not all of them 0"
                faults.add(
                    code, "e0", found, expected, fix, [str(keys[row].as_py()) for row in rows]
                )
        return {name: pa.array(values) for name, values in columns.items()}

    def roles(self) -> NDArray[np.int32]:
        """Return the position in `ROLES` of each row."""
        return np.concatenate(self._roles)

    def things(self) -> pa.Array:
        """Return the opaque name of the thing of each row."""
        import pyarrow as pa

        return pa.concat_arrays(self._things)

    def check(self, facts: RowFacts, side: NDArray[np.int8]) -> tuple[str, ...]:
        """Return notes on both sides; raise TaskError where queries cannot be judged.

        Every thing is on one side, and every query has a row of the gallery that shows its thing.
        """
        (thing,), names = facts.codes("label")
        role = self.roles()
        n = len(names)
        on = {one: np.bincount(thing[side == one], minlength=n) > 0 for one in (TRAIN, TEST)}
        shown = [np.bincount(thing[role == code], minlength=n) > 0 for code in range(len(ROLES))]
        both, alone = np.flatnonzero(on[TRAIN] & on[TEST]), np.flatnonzero(shown[0] & ~shown[1])
        faults = []
        for found, code, text, expected, fix in (
            (both, "thing-torn", "on both sides of the split", "each thing on one side",
             'write by = "group" under [split], with a raw column that things do not straddle'),
            (alone, "thing-alone", "with queries and no row of the gallery",
             "at least one row of the gallery that shows the thing of a query",
             "make one of its rows gallery, or drop them, in the converter"),
        ):  # fmt: skip
            if len(found):
                where = f"{self._where}, column label"
                things = counted(len(found), "thing")
                faults.append(Fault(where, f"{things} {text}", expected, fix, code, len(found)))
        counts = {one: np.bincount(role[side == one], minlength=2) for one in (TRAIN, TEST)}
        for one, title in ((TRAIN, "train"), (TEST, "test")):
            if not counts[one].all() and not faults:
                found_here = (
                    f"{counted(int(counts[one][0]), 'query')} and "
                    f"{counted(int(counts[one][1]), 'row')} of the gallery"
                )
                faults.append(
                    Fault(
                        f"{self._where}, {title}",
                        found_here,
                        "both on either side",
                        "check the roles, and the split",
                        "role-missing",
                    )
                )
        if faults:
            raise TaskError(faults)
        return tuple(
            f"{counts[one][0]:,} queries of {title} are looked for among {counts[one][1]:,} rows "
            "of its gallery."
            for one, title in ((TRAIN, "train"), (TEST, "test"))
        )
