"""A method in a file of its own: one scikit-learn pipeline on the words of all text columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.svm import LinearSVC

from challenge.methods.space import Choice, Dimension, Float, Integer

if TYPE_CHECKING:
    import pandas as pd

SPACE: dict[str, Dimension] = {
    "strength": Float(0.001, 100, log=True),
    "longest": Integer(1, 2),
    "rarest": Integer(1, 5),
    "damped": Choice((False, True)),
    "balance": Choice((False, True)),
}


def _one_text(table: pd.DataFrame) -> list[str]:
    texts = [name for name in table if isinstance(table[name].iloc[0], str)]
    joined: list[str] = table[texts].astype(str).agg(" ".join, axis=1).tolist()
    return joined


def words(
    *,
    strength: float = 1.0,
    longest: int = 1,
    rarest: int = 1,
    damped: bool = False,
    balance: bool = False,
) -> Any:
    """Return TF-IDF of words and word pairs, and a linear support vector machine."""
    return make_pipeline(
        FunctionTransformer(_one_text),
        TfidfVectorizer(ngram_range=(1, longest), min_df=rarest, sublinear_tf=damped),
        LinearSVC(C=strength, class_weight="balanced" if balance else None),
    )


words.space = SPACE  # type: ignore[attr-defined]
