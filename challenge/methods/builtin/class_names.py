"""A table for the blend that needs no training: how near a row's texts are to each class's name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from challenge.methods.builtin.blend import blend_models, softmax

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["NamesGain", "gain_of_names", "named_probabilities"]

_SHARPNESS = 16.0
"""Factor of the cosines before softmax; the blend's exponent corrects it."""
_LEAST = 1e-12
"""Least probability in a log loss, so that it stays finite."""
_DIGITS = 4
"""Decimals to which rows of one text agree."""
_CONFIDENCE = 0.975
"""Level of the quantile of Student's t: the lower end of a 95 % interval must be above 0."""


@dataclass(frozen=True)
class NamesGain:
    """Mean fall of the log loss of a text with the names, in nats, and its error over the folds."""

    gain: float
    error: float
    n_folds: int

    @property
    def helps(self) -> bool:
        """Whether the 95 % interval of the mean fall lies above 0, by Student's t."""
        from scipy.stats import t

        if self.n_folds < 2:
            return False
        return self.gain > float(t.ppf(_CONFIDENCE, self.n_folds - 1)) * self.error

    def as_details(self) -> dict[str, object]:
        """Return what is stored with a submission."""
        return {
            "used": self.helps,
            "log_loss_gain": round(self.gain, 6),
            "standard_error": round(self.error, 6),
        }


def gain_of_names(
    tables: Mapping[str, NDArray[Any]],
    names: NDArray[Any],
    truth: NDArray[Any],
    folds: NDArray[Any],
) -> NamesGain:
    """Compare blends of models (rows x classes, out of fold) with the names and without.

    Both are chosen on all folds but one and compared on that one. Rows of one text count as one
    there, since names say the same of each; else a series of alike rows would decide. Rows of a
    fold can belong together, so the standard error is that of the mean of the folds.
    """
    import numpy as np

    both, several = {**tables, "names": names}, np.unique(folds)
    if len(several) < 2:
        return NamesGain(0.0, 0.0, len(several))
    texts = np.unique(np.round(names, _DIGITS), axis=0, return_inverse=True)[1].ravel()
    falls = []
    for fold in several:
        seen, new = folds != fold, folds == fold
        without, with_names = (_losses(models, truth, seen, new) for models in (tables, both))
        n_rows = np.bincount(texts[new])
        sums = np.bincount(texts[new], without - with_names)
        falls.append(float((sums[n_rows > 0] / n_rows[n_rows > 0]).mean()))
    error = float(np.std(falls, ddof=1) / np.sqrt(len(falls)))
    return NamesGain(float(np.mean(falls)), error, len(falls))


def _losses(
    models: Mapping[str, NDArray[Any]], truth: NDArray[Any], seen: NDArray[Any], new: NDArray[Any]
) -> NDArray[Any]:
    """Return the log loss of each new row by a blend that was chosen on the seen rows."""
    import numpy as np

    blend = blend_models({name: rows[seen] for name, rows in models.items()}, truth[seen])
    found = blend([rows[new] for rows in models.values()])
    return np.asarray(-np.log(np.maximum(found[np.arange(len(found)), truth[new]], _LEAST)))


def named_probabilities(likeness: NDArray[Any]) -> NDArray[Any]:
    """Return probabilities (rows x classes) from the cosines of texts and names of classes."""
    return softmax(_SHARPNESS * likeness)
