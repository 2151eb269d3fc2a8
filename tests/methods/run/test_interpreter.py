"""The sandbox finds the interpreter however it is named, and shows only what that needs."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from challenge.methods.run.sandbox import sandbox_fault

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sandbox_fault() != "", reason="bubblewrap may not make its sandbox here"),
]

PROGRAM = """
import sys
from challenge.methods.run.handover import scratch_folder
from challenge.methods.run.sandbox import sandbox_fault
from challenge.methods.run.supervisor import Caps, run_process

inside = "import json, os, sys; print(os.path.exists(sys.argv[1]), sys.prefix != sys.base_prefix)"
print(sandbox_fault() or "works", flush=True)
with scratch_folder() as scratch:
    run_process(["-c", inside, sys.argv[1]], scratch, threads=1, caps=Caps(), isolation="bwrap",
                on_line=print)
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Make virtual environments and links to them, in a folder with an unusual name."""
    real = Path(sys.executable).resolve()
    home = tmp_path / "a folder, né"
    (home / "sub" / "deep").mkdir(parents=True)
    (home / "installation").symlink_to(real.parent.parent)
    (home / "other").symlink_to("installation")
    (home / "link.py").symlink_to(real)
    packages = [sysconfig.get_path("purelib"), str(Path(__file__).parents[3])]
    for name, interpreter, where in (
        ("venv", str(real), real.parent),
        ("linked home", f"{home}/installation/bin/{real.name}", f"{home}/installation/bin"),
        ("chain", f"{home}/sub/../other/bin/{real.name}", real.parent),
        ("hop", "../../link.py", real.parent),
    ):
        site = home / name / "lib" / f"python3.{sys.version_info.minor}" / "site-packages"
        site.mkdir(parents=True)
        (home / name / "bin").mkdir()
        (home / name / "bin" / "python").symlink_to(interpreter)
        (home / name / "pyvenv.cfg").write_text(f"home = {where}\n", encoding="utf-8")
        (site / "packages.pth").write_text("\n".join(packages), encoding="utf-8")
    (home / "venv" / "private").mkdir()
    (home / "venv" / "private" / "secret").write_text("s")
    (home / "to venv").symlink_to("venv")
    (home / "sub" / "up").symlink_to(home)
    return home


@pytest.mark.parametrize(
    ("folder", "named"),
    [
        (".", "venv/bin/python"),
        ("sub", "../venv/bin/python"),
        ("sub/deep", "../../sub/./../venv/bin/../bin/python"),
        ("venv/bin", "./python"),
        (".", "to venv/bin/python"),
        ("sub", "up/sub/../venv/bin/python"),
        ("sub/up/sub", "../to venv/bin/python"),
        (".", "linked home/bin/python"),
        ("sub", "../chain/bin/python"),
        (".", "hop/bin/python"),
    ],
)
def test_the_sandbox_finds_the_interpreter_and_hides_what_is_beside_it(
    home: Path, folder: str, named: str
) -> None:
    """An environment may be the folder of a challenge: its `private` must stay hidden."""
    done = subprocess.run(
        [named, "-c", PROGRAM, str(home / "venv" / "private")],
        cwd=home / folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["works", "False True"]
