"""The reference entry with an eye on candidates: matching that looks at all candidates jointly."""

from __future__ import annotations

from challenge.methods.builtin.autogluon import AutoGluon

__all__ = ["AutoGluonContext"]


class AutoGluonContext(AutoGluon):
    """AutoGluon that also sees where a pair stands among all pairs of its two records.

    It reads the features of all test pairs at once (no labels) and may learn how the candidates
    were drawn rather than what a match is, so it is an entry of its own. Matching only.
    """

    _context = True
