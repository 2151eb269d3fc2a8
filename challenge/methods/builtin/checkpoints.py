"""Finds pretrained checkpoints: in the folder of an environment variable, else on a model hub.

A method's process has little access to the machine. The parent process collects here the folders
and variables that it needs for its checkpoints. It also computes the identity of the checkpoints,
so that a cached result is never reused for another checkpoint.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Literal

from challenge.errors import Fault, MissingRequirement
from challenge.task import sha256_of_file

__all__ = [
    "VARIABLES",
    "Checkpoint",
    "CheckpointKind",
    "Needs",
    "checkpoint_needs",
    "find_checkpoint",
]

CheckpointKind = Literal["text", "image"]

VARIABLES: Mapping[CheckpointKind, str] = {
    "text": "CHALLENGE_TEXT_CHECKPOINT",
    "image": "CHALLENGE_IMAGE_CHECKPOINT",
}
"""The variable that names the folder of each kind of checkpoint."""

_HUB = "HF_HUB_CACHE"
_PASSED = (
    *("HF_ENDPOINT", "HF_HUB_OFFLINE", "CUDA_VISIBLE_DEVICES"),
    *("HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy", "SSL_CERT_FILE"),
)
_WEIGHTS = ("*.safetensors", "pytorch_model*.bin")
_TOKENIZER = ("tokenizer.json", "vocab.txt", "vocab.json", "*.model")
_FILES: Mapping[CheckpointKind, tuple[str, ...]] = {
    "text": ("*.json", "vocab.txt", "merges.txt", "*.model", *_WEIGHTS),
    "image": ("config.json", *_WEIGHTS),
}
_PARTS: Mapping[CheckpointKind, Mapping[str, tuple[str, ...]]] = {
    "text": {"config.json": ("config.json",), "weights": _WEIGHTS, "tokenizer": _TOKENIZER},
    "image": {"config.json": ("config.json",), "weights": _WEIGHTS},
}


_WHOLE: Mapping[CheckpointKind, str] = {
    "text": "config.json, weights and a tokenizer",
    "image": "config.json and weights of timm",
}
_TIMM = ("architecture", "pretrained_cfg")


@dataclass(frozen=True)
class Needs:
    """What a method's process gets beside the public folder, and the identity of that."""

    readable: tuple[Path, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict, hash=False)
    identity: bytes = b""


@dataclass(frozen=True)
class Checkpoint:
    """A pretrained network on disk: its kind, its name (on a hub, or of its folder), its folder."""

    kind: CheckpointKind
    name: str
    folder: Path

    def as_json(self) -> dict[str, object]:
        """Return the name, and the SHA-256 of each file that is read."""
        paths = {path for pattern in _FILES[self.kind] for path in self.folder.glob(pattern)}
        digests = {path.name: sha256_of_file(path) for path in sorted(paths)}
        return {"name": self.name, "sha256": digests}


def checkpoint_needs() -> Needs:
    """Collect the folders that the variables name, the hub's cache, and how to reach the hub.

    Nothing is checked here: the method that reads a folder reports missing files.
    """
    folders = {
        name: Path(os.environ[name]).expanduser().resolve()
        for name in VARIABLES.values()
        if os.environ.get(name)
    }
    hub_cache = _hub_cache()
    environment = {name: os.environ[name] for name in _PASSED if name in os.environ}
    environment |= {name: str(folder) for name, folder in folders.items()}
    environment |= {_HUB: str(hub_cache), "HF_HUB_DISABLE_TELEMETRY": "1"}
    readable = tuple(folder for folder in (*folders.values(), hub_cache) if folder.is_dir())
    return Needs(readable, environment, _identity(folders))


def find_checkpoint(kind: CheckpointKind, name: str) -> Checkpoint:
    """Find the checkpoint in the folder that the variable names, else as `name` on a hub.

    Files of a hub are read from its cache if they are there. Raises MissingRequirement when the
    folder is incomplete, or when there is none and no hub responds.
    """
    variable = VARIABLES[kind]
    if not (named := os.environ.get(variable)):
        return Checkpoint(kind, name, _from_hub(kind, name))
    folder = Path(named).expanduser()
    if lacking := _lacking(kind, folder):
        raise MissingRequirement(
            Fault(
                variable,
                f"{folder} has no {' and no '.join(lacking)}",
                f"a folder with {_WHOLE[kind]}",
                "name the folder of one checkpoint (docs/multimodal.md lists its files)",
                code="checkpoint-folder",
            )
        )
    return Checkpoint(kind, folder.resolve().name, folder)


def _from_hub(kind: CheckpointKind, name: str) -> Path:
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(name, allow_patterns=list(_FILES[kind])))
    except OSError as error:  # no network, no such model, offline by order, disk full
        raise MissingRequirement(
            Fault(
                f"checkpoint of {kind} columns",
                f"{VARIABLES[kind]} is not set, and {name} is neither in the hub's cache nor"
                f" available from a hub ({type(error).__name__})",
                f"a folder with {_WHOLE[kind]}, or a model hub that responds",
                f"set {VARIABLES[kind]} to such a folder, or give this machine access to a hub",
                code="checkpoint-missing",
            )
        ) from error


def _lacking(kind: CheckpointKind, folder: Path) -> list[str]:
    lacking = [
        part
        for part, patterns in _PARTS[kind].items()
        if not any(any(folder.glob(pattern)) for pattern in patterns)
    ]
    if kind == "image" and not lacking:
        # Vision networks of transformers are stored in folders with the same file names.
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        lacking = [f"{key} in config.json" for key in _TIMM if key not in config]
    return lacking


def _hub_cache() -> Path:
    if named := os.environ.get(_HUB):
        return Path(named).expanduser().resolve()
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    home = Path(os.environ.get("HF_HOME") or caches / "huggingface")
    return home.expanduser().resolve() / "hub"


def _identity(folders: Mapping[str, Path]) -> bytes:
    """Return what the folders hold as bytes; the same on another machine with the same files."""
    files = [
        (variable, path.name, _sha256(path, path.stat().st_size, path.stat().st_mtime_ns))
        for variable, folder in sorted(folders.items())
        for path in sorted(folder.glob("*"))
        if path.is_file()
    ]
    return repr(files).encode()


@cache
def _sha256(path: Path, size: int, changed_ns: int) -> str:
    """Hash a file once, as long as its size and time do not change."""
    return sha256_of_file(path)
