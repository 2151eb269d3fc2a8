"""How all tests run: no test is timed, and in continuous integration none may be skipped."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

# Speed is measured in benchmarks/ only; in CI a failure must come again when it is looked at.
settings.register_profile("untimed", deadline=None, derandomize=os.environ.get("CI") == "true")
settings.load_profile("untimed")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a run in CI that skipped anything."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") == "true" and reporter is not None and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
