"""The reference entry with context: matching that reads all candidate pairs jointly."""

from __future__ import annotations

from challenge.methods.builtin.autogluon import AutoGluon

__all__ = ["AutoGluonContext"]


class AutoGluonContext(AutoGluon):
    """AutoGluon that also reads how a pair compares with all pairs of its two records.

    It chooses on the train pairs, out of fold, whether it does; the folds keep candidates together.
    It reads the features of all test pairs at once, without labels. It may learn how the candidates
    were drawn rather than what a match is, so it is a separate entry. Matching only.
    """

    _context = True
