"""The wheel holds all that the product needs, and works outside the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--outdir", str(folder), str(ROOT)],
        check=True,
        capture_output=True,
    )
    (wheel,) = folder.glob("multimodal_challenge-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


@pytest.mark.slow
def test_the_wheel_holds_the_package_and_nothing_else(unpacked: Path) -> None:
    tops = {path.name for path in unpacked.iterdir() if not path.name.endswith(".dist-info")}
    assert tops == {"challenge"}
    assert (unpacked / "challenge" / "py.typed").is_file()


@pytest.mark.slow
def test_the_wheel_builds_a_task_and_a_site_outside_the_checkout(
    unpacked: Path, tmp_path: Path
) -> None:
    environment = os.environ | {"PYTHONPATH": str(unpacked)}

    def run(*words: str) -> str:
        done = subprocess.run(
            [sys.executable, *words],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    where = run("-c", "import challenge; print(challenge.__file__)")
    assert where.startswith(str(unpacked))
    run("-m", "challenge", "init", ".")
    run("-m", "challenge", "convert", "parcels")
    run("-m", "challenge", "run", "majority", "--all", "--submit")
    run("-m", "challenge", "leaderboard")
    page = (tmp_path / "leaderboard" / "index.html").read_text(encoding="utf-8")
    assert "Majority" in page
    assert (tmp_path / "leaderboard" / "assets" / "site.css").is_file()
