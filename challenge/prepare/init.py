"""A new challenge directory: settings to correct, empty folders, and one task to try at once."""

from __future__ import annotations

from datetime import datetime, timedelta
from importlib import resources
from pathlib import Path

from challenge.errors import Fault, WrongUse
from challenge.task import write_atomically

__all__ = ["start_challenge"]

_FOLDERS = ("datasets", "submissions", "leaderboard", "inbox")
_IGNORED = """\
/submissions/
/leaderboard/
/leaderboard-as-of-*/
/inbox/
/.cache/
/datasets/*/public/
/datasets/*/private/
/datasets/*/cache/
/datasets/*/.*/
"""


def start_challenge(folder: Path, now: datetime) -> None:
    """Write `challenge.toml`, the folders and the shipped task `parcels` into `folder`.

    It is a draft: a comment proposes to open a week after `now` (UTC); it closes four months
    later. Raises WrongUse when the folder is a challenge directory already.
    """
    settings = folder / "challenge.toml"
    if settings.exists():
        raise WrongUse(
            Fault(
                str(settings),
                "already there",
                "a folder that is no challenge yet",
                "name another folder, or edit this file",
                code="challenge-exists",
            )
        )
    for name in _FOLDERS:
        (folder / name).mkdir(parents=True, exist_ok=True)
    shipped = resources.files("challenge.prepare") / "shipped"
    for name in ("task.toml", "convert.py"):
        text = (shipped / "parcels" / name).read_text(encoding="utf-8")
        write_atomically(folder / "datasets" / "parcels" / name, text)
    write_atomically(folder / ".gitignore", _IGNORED)
    opens = now.replace(microsecond=0) + timedelta(days=7)
    text = (shipped / "challenge.toml").read_text(encoding="utf-8")
    text = text.replace("{opens}", _toml_time(opens))
    text = text.replace("{closes}", _toml_time(opens + timedelta(days=120)))
    # Last, since this file is what makes the folder a challenge directory.
    write_atomically(settings, text)


def _toml_time(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
