"""A template of a method: it works on every task, and is short enough to be replaced."""

from __future__ import annotations

from pathlib import Path

from challenge.errors import Fault, WrongUse
from challenge.task import write_atomically

__all__ = ["TEMPLATE", "init_method"]

TEMPLATE = '''"""A method of your own. Try it: challenge run {name}:MyMethod --task TASK"""

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge

from challenge.methods.protocol import decisions_frame, numbers_frame, probabilities_frame


class MyMethod:
    """A linear model on the words of all text and categorical columns."""

    def __init__(self, *, seed=0, progress=print):
        self.progress = progress
        # Stored with the submission and shown on its row.
        self.details = {{"seed": seed}}

    def fit(self, train, task):
        """Learn from `train`: id, the columns of `task.columns`, label."""
        self.task = task
        self.progress("fitting")
        self.words = TfidfVectorizer(sublinear_tf=True)
        rows = self.words.fit_transform(self.texts(train))
        if task.kind.label == "number":
            self.model = Ridge().fit(rows, train["label"])
        else:
            self.model = LogisticRegression(max_iter=500).fit(rows, train["label"].astype(str))

    def predict(self, test):
        """Return the columns of a submission: id, and one probability column per class.

        In matching: id, label (1 is a match) and, if you like, score. Numbers: id and label.
        """
        rows = self.words.transform(self.texts(test))
        if self.task.kind.label == "number":
            return numbers_frame(test, self.model.predict(rows))
        indices = [self.task.classes.index(label) for label in self.model.classes_]
        probabilities = np.zeros((len(test), len(self.task.classes)))
        probabilities[:, indices] = self.model.predict_proba(rows)
        if self.task.kind.paired:
            return decisions_frame(test, probabilities[:, 1], threshold=0.5)
        return probabilities_frame(test, self.task, probabilities)

    def texts(self, table):
        """Return one text a row; each word carries the name of its column."""
        found = [""] * len(table)
        for column in self.task.columns_of("text", "categorical"):
            for row, value in enumerate(table[column.name].astype(object)):
                if isinstance(value, str):
                    words = value.replace(",", " ").split()
                    found[row] += "".join(f" {{column.name}}_{{word}} {{word}}" for word in words)
        return [text or "nothing" for text in found]
'''


def init_method(path: Path) -> None:
    """Write the template to `path`; raise WrongUse when the path exists or is not a `.py` file."""
    if path.exists() or path.suffix != ".py":
        raise WrongUse(
            Fault(
                str(path),
                "there is something" if path.exists() else "not the name of a Python file",
                "a new file name.py",
                "choose another name",
                code="method-file",
            )
        )
    write_atomically(path, TEMPLATE.format(name=path.name))
