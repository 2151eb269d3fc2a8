"""The OpenAPI document is frozen: a change of it is a change that clients see."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from challenge.server.application import make_application
from challenge.server.scoring_process import JobLimits
from tests.ledger.toy import make_challenge

FROZEN = Path(__file__).with_suffix(".json")


# Its tests share a running server, so one worker runs them, in this order.
pytestmark = pytest.mark.xdist_group("openapi")


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    challenge = make_challenge(tmp_path_factory.mktemp("openapi") / "c")
    found: dict[str, Any] = make_application(challenge, slots=0, limits=JobLimits()).openapi()
    return found


def text_of(document: dict[str, Any]) -> str:
    """Return the document without the version of the product."""
    info = {**document["info"], "version": ""}
    return json.dumps({**document, "info": info}, indent=1, sort_keys=True) + "\n"


def test_the_document_is_the_frozen_one(document: dict[str, Any]) -> None:
    found = text_of(document)
    assert found == FROZEN.read_text(), "write it again: python -m tests.server.test_openapi"


def test_every_refusal_is_a_problem_and_every_call_needs_a_token(document: dict[str, Any]) -> None:
    for path, calls in document["paths"].items():
        for call in calls.values():
            if path.startswith("/api/"):
                assert {"token": []} in call["security"]
                assert ({} in call["security"]) == (path == "/api/v1/info")
                assert {"422", "503"} <= call["responses"].keys()
            for status, response in call["responses"].items():
                if int(status) >= 400:
                    assert list(response["content"]) == ["application/problem+json"]


def test_the_calls_of_the_first_version_are_there(document: dict[str, Any]) -> None:
    calls = {f"{method} {path}" for path, of in document["paths"].items() for method in of}
    assert calls >= {
        "get /api/v1/info",
        "get /api/v1/tasks",
        "get /api/v1/tasks/{task_id}",
        "get /api/v1/tasks/{task_id}/download",
        "put /api/v1/tasks/{task_id}/submissions",
        "get /api/v1/submissions",
        "get /api/v1/submissions/{number}",
        "get /api/v1/submissions/{number}/file",
        "post /api/v1/submissions/{number}/select",
        "post /api/v1/submissions/{number}/withdraw",
        "get /api/v1/leaderboard/tracks/{track_id}",
        "get /api/v1/leaderboard/tasks/{task_id}",
        "get /healthz",
        "get /readyz",
        "get /metrics",
    }


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        made = make_challenge(Path(folder).resolve() / "c")
        FROZEN.write_text(text_of(make_application(made, slots=0, limits=JobLimits()).openapi()))
