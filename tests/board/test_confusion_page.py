"""Confusions on the page of a submission: a matrix, or the pairs of a task of many classes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from challenge.board.pages.confusion_section import confusion_facts, confusion_files
from challenge.board.pages.page_frame import render
from challenge.board.pages.site_context import SiteContext
from challenge.board.pages.submission_page import diagnostic_facts
from challenge.board.site import read_context
from challenge.kinds import kind_of
from challenge.ledger.store.records import StoredScore, Submission
from tests.board.showcase import showcase


@pytest.fixture(scope="module")
def context() -> SiteContext:
    return read_context(showcase(n_teams=2, n_each=1))


def entry_of(
    context: SiteContext, kind: str, n_classes: range, counts: list[list[int]]
) -> tuple[Submission, StoredScore]:
    for _, entries in context.snapshot.entries():
        for submission, score in entries:
            task = context.card(submission.task).task
            if score and task["kind"] == kind and len(task["classes"]) in n_classes:
                found = np.array(counts, dtype=np.int32).reshape(-1, 3)
                return submission, replace(score, confusion_counts=found)
    raise AssertionError(f"no submission for {n_classes} classes")


def test_a_matrix_says_how_many_rows_of_a_class_went_where(context: SiteContext) -> None:
    counts = [[0, 0, 1200], [0, 1, 3], [1, 1, 40]]
    submission, score = entry_of(context, "matching", range(2, 3), counts)
    html = render("confusion.html", confusion=confusion_facts(context, submission, score))
    assert "1,240 of 1,243 rows are right." in html
    assert (
        "Most often <bdi>no match</bdi> was predicted as <bdi>match</bdi>: 3 of 1,203 rows" in html
    )
    assert '<span class="cell h0">0</span>' in html and "right" in html
    [file] = confusion_files(context, submission, score, "mark")
    assert file.path == f"submission/{submission.id}-confusion-matrix.csv"
    assert file.draw() == "true,predicted,rows\n0,0,1200\n0,1,3\n1,1,40\n"


def test_many_classes_show_the_pairs_that_are_confused_most_often(context: SiteContext) -> None:
    counts = [[0, 0, 5], [0, 2, 2], [1, 0, 7], [2, 2, 9]]
    submission, score = entry_of(context, "classification", range(26, 500), counts)
    html = render("confusion.html", confusion=confusion_facts(context, submission, score))
    assert "The 2 pairs of classes" in html
    assert html.index(">7</td>") < html.index(">2</td>")
    assert "100 %" in html and "29 %" in html
    assert 'class="cell' not in html


def test_without_counts_there_is_nothing(context: SiteContext) -> None:
    submission, score = entry_of(context, "matching", range(2, 3), [[0, 0, 1]])
    bare = replace(score, confusion_counts=None)
    assert confusion_facts(context, submission, bare) is None
    assert confusion_files(context, submission, bare, "mark") == []


def test_where_no_answer_is_right_there_is_no_matrix(
    context: SiteContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    submission, score = entry_of(context, "matching", range(2, 3), [[0, 0, 1]])
    assert confusion_facts(context, submission, score) is not None
    for name in ("bandit", "retrieval"):
        kind = kind_of(name)
        monkeypatch.setattr(SiteContext, "kind", lambda self, task, kind=kind: kind)
        assert confusion_facts(context, submission, score) is None
        assert confusion_files(context, submission, score, "mark") == []


def test_a_diagnostic_that_is_a_flag_says_yes_or_no(
    context: SiteContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    submission, score = entry_of(context, "matching", range(2, 3), [])
    monkeypatch.setattr(SiteContext, "kind", lambda self, task: kind_of("retrieval"))
    for figure, text in ((1.0, "yes"), (0.0, "no"), (None, "–")):
        flagged = replace(score, diagnostics={"compatible": figure})
        facts = diagnostic_facts(context, submission.task, flagged)
        assert facts == [("compatible with the old gallery", text)]
