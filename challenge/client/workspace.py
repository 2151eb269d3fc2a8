"""A participant's folder: which server it belongs to, and the tokens, which are kept elsewhere."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from challenge.client.connection import Server
from challenge.errors import Fault, MissingRequirement, WrongUse
from challenge.task import dump_json, write_atomically
from challenge.task.registry import SERVER_MARKER

__all__ = ["clean_url", "keep_token", "make_workspace", "server_at", "server_of"]


def clean_url(url: str) -> str:
    """Return the address of a server as it is kept; raise WrongUse when it is none.

    >>> clean_url("https://challenge.example.org/"), clean_url("HTTP://127.0.0.1:8000")
    ('https://challenge.example.org', 'http://127.0.0.1:8000')
    """
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(url.strip())
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and not parts.username
        port = parts.port
    except ValueError:
        good = False
    if not good:
        raise WrongUse(
            Fault(
                "URL",
                repr(url),
                "an address such as https://challenge.example.org",
                "correct it",
                code="server-url",
            )
        )
    host = f"{parts.hostname}:{port}" if port else str(parts.hostname)
    return f"{parts.scheme}://{host}{parts.path.rstrip('/')}"


def server_of(root: Path) -> Server | None:
    """Return the server of a participant's folder; None for a challenge directory.

    Raises MissingRequirement when there is no token for it.
    """
    try:
        url = str(json.loads((root / SERVER_MARKER).read_bytes())["server"])
    except (OSError, ValueError, LookupError, TypeError):
        return None
    return server_at(url)


def server_at(url: str) -> Server:
    """Return the server with its token: CHALLENGE_TOKEN, else the one that `login` kept."""
    url = clean_url(url)
    token = os.environ.get("CHALLENGE_TOKEN") or _tokens().get(url)
    if not token:
        raise MissingRequirement(
            Fault(
                url,
                "no token",
                "the token of your team",
                f"run `challenge login {url}`, or set CHALLENGE_TOKEN",
                code="no-token",
            )
        )
    return Server(url, token)


def keep_token(url: str, token: str) -> Path:
    """Keep the token for later commands, readable for this user only; return where."""
    path = _tokens_file()
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, dump_json({**_tokens(), url: token}), mode=0o600)
    return path


def make_workspace(root: Path, url: str, info: Mapping[str, Any]) -> None:
    """Make a folder that belongs to a server; its challenge.toml repeats the server's rules.

    Raises WrongUse for a folder that is a challenge directory of its own.
    """
    marker, settings = root / SERVER_MARKER, root / "challenge.toml"
    if settings.exists() and not marker.exists():
        raise WrongUse(
            Fault(
                str(settings),
                "a challenge directory of its own",
                "a folder for the files of a server",
                "name another one: `challenge -C DIR login URL`",
                code="login-in-challenge",
            )
        )
    root.mkdir(parents=True, exist_ok=True)
    write_atomically(settings, _settings_text(info))
    write_atomically(marker, dump_json({"format": 1, "server": url}))


def _settings_text(info: Mapping[str, Any]) -> str:
    limits = {key: one for key, one in info["limits"].items() if one is not None}
    lines = [
        "# Written by `challenge login`: the rules of the server, repeated for offline commands.",
        "format = 1",
        *(_line(key, info[key]) for key in ("title", "description", "reveal")),
        *(f"{key} = {info[key]}" for key in ("opens", "closes") if info[key]),
        "[limits]",
        *(f"{key} = {int(one)}" for key, one in limits.items()),
    ]
    for track in info["tracks"]:
        lines += ["[[track]]", *(_line(key, one) for key, one in track.items())]
    return "\n".join(lines) + "\n"


def _line(key: str, value: object) -> str:
    # JSON is TOML for texts and lists of texts, but for a control character.
    text = json.dumps(value, ensure_ascii=False)
    return f"{key} = {text}".replace("\x7f", "\\u007f")


def _tokens_file() -> Path:
    home = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(home) / "challenge" / "tokens.json"


def _tokens() -> dict[str, str]:
    try:
        found = json.loads(_tokens_file().read_bytes())
    except (OSError, ValueError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {key: one for key, one in found.items() if isinstance(one, str)}
