"""The page of two submissions: it stands alone, escapes names, tells no more than it was given."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser

from challenge.board.pages.comparison_page import comparison_page
from challenge.kinds import kind_of
from challenge.ledger.submissions.compare import (
    ComparedSubmission,
    ReleasedDifference,
    verdict,
)
from challenge.scoring import Comparison
from challenge.scoring.statistics.comparison import Difference, PairedOutcomes
from challenge.scoring.statistics.upgrade import Rate, Upgrade

KIND = kind_of("classification")
A, B = (ComparedSubmission(17, "Owls", "linear"), ComparedSubmission(23, "Foxes", "trees"))
HOSTILE = "<script>alert(1)</script>\u202e"


def made() -> Comparison:
    return Comparison(
        task_id="toy",
        metric="macro_f1",
        subset="all",
        n=1200,
        n_clusters=300,
        a="a" * 64,
        b="b" * 64,
        differences={
            "macro_f1": Difference(0.75, 0.5, 0.25, 0.2, 0.3),
            "log_loss": Difference(None, 1.0, None, reason="the file has no probabilities"),
        },
        outcomes=PairedOutcomes(400, 100, 500, 200),
        slices=(("class", HOSTILE, PairedOutcomes(1, 2, 3, 4)),),
    )


class Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data + "|"


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    assert not reader.open
    return reader


def test_the_page_shows_metrics_rows_and_slices() -> None:
    text = read(comparison_page(made(), KIND, A, B)).text
    for words in ("|Owls| against |Foxes|", "macro F1", ".7500", "[.2000, .3000]"):
        assert words in text
    assert "the file has no probabilities" in text
    for count in ("1,200", "400", "100", "500", "200"):
        assert f"|{count}|" in text
    assert "p = " in text


def test_names_are_escaped_and_nothing_is_fetched() -> None:
    page = comparison_page(made(), KIND, A, replace(B, team=HOSTILE))
    assert "<script" not in page and "&lt;script&gt;" in page and "\u202e" not in page
    reader = read(page)
    assert {tag for tag, _ in reader.seen} <= {
        *("html", "head", "meta", "title", "style", "body", "main", "section", "h1", "p"),
        *("b", "bdi", "div", "table", "caption", "thead", "tbody", "tr", "th", "td"),
        *("span", "svg", "path", "circle", "text"),
    }
    assert not any({"src", "href", "style", "onclick"} & set(attrs) for _, attrs in reader.seen)
    # The policy lets through this very style and nothing else.
    [style] = re.findall("<style>(.*?)</style>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"default-src 'none'; style-src 'sha256-{digest}'" in page
    assert "url(" not in style and "@import" not in style


def test_a_released_difference_says_its_step_and_no_rows() -> None:
    result = ReleasedDifference("toy", "accuracy", 0.025, 0.825, 0.625, 0.2, 0.15, 0.25)
    page = comparison_page(result, KIND, A, B)
    reader = read(re.sub("<svg.*?</svg>", "", page))
    assert "rounded to 0.025, and rows are not compared" in reader.text
    shown = reader.text[reader.text.rindex("}") :]
    figures = re.findall(r"-?\.\d+|\d+\.\d+|−\.\d+", shown)
    assert figures == [".8250", ".6250", ".2000", ".1500", ".2500", "0.025"]
    assert "alone right" not in reader.text and "McNemar" not in reader.text


def test_the_page_names_both_teams_and_gives_a_verdict() -> None:
    text = read(comparison_page(made(), KIND, A, B)).text
    for words in ("Owls", "linear", "Foxes", "trees", "1,200 rows in 300 independent clusters"):
        assert words in text
    assert "Significantly better is submission 17 (Owls, linear)" in text


def test_differences_are_drawn_on_one_axis_with_the_primary_metric_first() -> None:
    other = Difference(0.4, 0.45, -0.05, -0.15, 0.05)
    differences = {"accuracy": other, **made().differences}
    page = comparison_page(replace(made(), differences=differences), KIND, A, B)
    rows = re.findall(r"<tr><th scope=\"row\">(.*?)</tr>", page, re.DOTALL)[:3]
    assert [row.split("<")[0].strip() for row in rows] == ["macro F1", "accuracy", "log loss"]
    assert [row.count('class="baseline-score"') for row in rows] == [1, 1, 0]
    assert [row.count('class="mark strong"') for row in rows] == [2, 0, 0]
    assert page.count('class="axis"') == 1


def test_the_verdict_follows_the_interval_and_the_direction() -> None:
    f1, loss = KIND.metric("macro_f1"), KIND.metric("log_loss")

    def of(value: float | None, low: float | None, high: float | None) -> Comparison:
        primary = Difference(0.5, 0.5, value, low, high)
        return replace(made(), differences={"macro_f1": primary})

    assert "submission 17 (" in verdict(of(0.2, 0.1, 0.3), f1, A.title, B.title)
    assert "submission 23 (" in verdict(of(0.2, 0.1, 0.3), loss, A.title, B.title), (
        "of a loss, less is better"
    )
    assert "cannot distinguish" in verdict(of(0.2, -0.1, 0.3), f1, A.title, B.title)
    assert "no interval" in verdict(of(0.2, None, None), f1, A.title, B.title)


def test_the_page_shows_what_an_upgrade_breaks() -> None:
    rates = (
        Rate("negative_flip_rate", "negative flip rate", 0.3333, 0.3, 0.37),
        Rate("relative_nfr", "relative negative flip rate", None, reason="none is wrong"),
    )
    result = replace(
        made(),
        slices=(("class", "owl", PairedOutcomes(40, 10, 5, 5)),),
        upgrade=Upgrade(400, 100, rates),
    )
    reader = Reader()
    reader.feed(page := comparison_page(result, KIND, A, B))
    assert "400 negative flips (a right, b wrong) and 100 positive flips" in reader.text
    assert ".3333" in reader.text and "none is wrong" in reader.text
    assert "Slices that lose most" in page and "owl" in reader.text
    plain = comparison_page(made(), KIND, A, B)
    assert "negative flip" not in plain
