"""A kernel regression for the blend: rows that are alike have like labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from challenge.methods.builtin.blend import softmax

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["MOST_KERNEL_ROWS", "KernelRegression"]

MOST_KERNEL_ROWS = 8192
"""Training rows above which there is no kernel: memory grows with their square, time faster."""
_WIDTH, _PENALTY = 0.5, 0.1
_SHARPNESS = 12.0
"""Factor of the regression's values before softmax; the blend's exponent corrects it."""


class KernelRegression:
    """Ridge regression on a Gaussian kernel, one value per class (1 for its rows, 0 for others).

    The kernel is exp(-d / 2m), where d is the squared distance of two rows and m its mean over
    the training rows. It is solved in closed form, so there is no chance in it.
    """

    def fit(self, rows: Any, truth: NDArray[Any]) -> KernelRegression:
        """Fit on dense or sparse rows and class numbers; `classes_` are those that occur."""
        import numpy as np
        from scipy.linalg import cho_factor, cho_solve

        self._rows = _dense(rows)
        self.classes_, codes = np.unique(truth, return_inverse=True)
        labels = np.eye(len(self.classes_))[codes]
        spread = float(self._rows.var(axis=0).sum())
        self._width = _WIDTH / (2 * spread) if spread > 0 else 0.0
        kernel = self._kernel(self._rows)
        kernel[np.diag_indices_from(kernel)] += _PENALTY
        self._shares = labels.mean(axis=0)
        factor = cho_factor(kernel, lower=True, overwrite_a=True)
        self._dual = cho_solve(factor, labels - self._shares)
        return self

    def predict_proba(self, rows: Any) -> NDArray[Any]:
        """Return probabilities of other rows (rows x `classes_`)."""
        values = self._shares + self._kernel(_dense(rows)) @ self._dual
        return softmax(_SHARPNESS * values)

    def _kernel(self, rows: NDArray[Any]) -> NDArray[Any]:
        import numpy as np

        own = self._rows
        squares = (rows**2).sum(axis=1)[:, None] + (own**2).sum(axis=1)
        distances = np.maximum(squares - 2 * rows @ own.T, 0)
        return np.asarray(np.exp(-self._width * distances))


def _dense(rows: Any) -> NDArray[Any]:
    import numpy as np
    from scipy.sparse import issparse

    return np.asarray(rows.toarray() if issparse(rows) else rows, np.float64)
