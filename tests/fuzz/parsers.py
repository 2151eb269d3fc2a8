"""Small parsers of hostile bytes, one function each.

`svg` is the rebuild of drawings, `answer` the strict model of what a method's process wrote.
"""

from __future__ import annotations

from collections.abc import Callable

from challenge.errors import ChallengeError
from challenge.methods.run.exchange import PredictResult, parse_answer
from challenge.task.images import ImageFault
from challenge.task.svg import rebuild_svg

SEEDS = {
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><style>.a{fill:red}</style>'
    b'<g id="x" class="a"><use href="#x"/><path d="M0 0L9 9"/></g></svg>',
    "answer": b'{"details": {"a": [1, 2.5, null]}, "note": "x"}',
}


def run_svg(data: bytes) -> None:
    """Rebuild a drawing; anything but a drawing without outside references or a fault is raised."""
    try:
        drawing = rebuild_svg(data, lambda image: image)
    except ImageFault:
        return
    for word in ("file:", "http://127", "<!ENTITY", "<script"):
        assert word not in drawing.text


def run_answer(data: bytes) -> None:
    """Parse an answer; anything but an answer or a fault is raised."""
    try:
        parse_answer(data, PredictResult, "a cell")
    except ChallengeError as error:
        str(error)


TARGETS: dict[str, Callable[[bytes], None]] = {"svg": run_svg, "answer": run_answer}
