"""Requests made from the OpenAPI document, against the running server: no 5xx, no other answer.

Left out: that valid data is accepted (`positive_data_acceptance`), since no schema can state what a
predictions file for a task is.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.server.live import contest_toml, live_server


@pytest.mark.slow
def test_made_up_requests_find_no_failure(tmp_path: Path) -> None:
    with live_server(tmp_path, contest_toml(per_day=1000)) as live:
        assert live.put(live.file(300).read_bytes()).status_code == 201
        done = subprocess.run(
            [
                *(str(Path(sys.executable).with_name("schemathesis")), "run"),
                f"{live.url}/api/v1/openapi.json",
                *("-H", f"Authorization: Bearer {live.tokens['Owls']}"),
                *("--exclude-checks", "positive_data_acceptance"),
                *("-n", "20", "--max-time", "60", "--rate-limit", "550/m"),
                *("--continue-on-failure", "--no-color", "--generation-deterministic"),
            ],
            capture_output=True,
            text=True,
            cwd=tmp_path,
        )
        assert done.returncode == 0, done.stdout[-6000:]
        assert "Traceback" not in live.log.read_text()
