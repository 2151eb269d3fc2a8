"""Methods that installed packages offer through the entry point group `challenge.methods`.

Such a method is identified by all Python code of its top-level package, with the versions of the
package and its requirements. Its process may read that code and gets the path to it.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint
from pathlib import Path

from challenge.methods.run.interpreter import package_root

__all__ = ["ENTRY_POINTS", "Needs", "entry_needs", "entry_points"]

ENTRY_POINTS = "challenge.methods"


@dataclass(frozen=True)
class Needs:
    """What a method's process gets beside the public folder, and the identity of that."""

    readable: tuple[Path, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict, hash=False)
    identity: bytes = b""


def entry_points() -> dict[str, EntryPoint]:
    """Return what installed packages offer, by name."""
    return {entry.name: entry for entry in importlib.metadata.entry_points(group=ENTRY_POINTS)}


def entry_needs(entry: EntryPoint) -> Needs:
    """Return what the process of an entry point's method may read, and its identity.

    The package is not imported.
    """
    code = _code(entry)
    site = Path(str(entry.dist.locate_file(""))) if entry.dist is not None else None
    if site is None or site.is_relative_to(sys.prefix):
        # Installed on the default path; its code may be elsewhere (an editable install).
        return Needs(readable=code, identity=_identity(entry, code))
    return Needs(
        readable=(*code, *site.glob("*.dist-info"), *site.glob("*.egg-info")),
        environment={"PYTHONPATH": os.pathsep.join((str(package_root()), str(site)))},
        identity=_identity(entry, code),
    )


def _code(entry: EntryPoint) -> tuple[Path, ...]:
    found = importlib.util.find_spec(entry.module.partition(".")[0])
    if found is None:
        return ()
    if found.submodule_search_locations:
        return tuple(map(Path, found.submodule_search_locations))
    return (Path(found.origin),) if found.origin else ()


def _identity(entry: EntryPoint, code: tuple[Path, ...]) -> bytes:
    digest = hashlib.sha256(f"{entry.value} {_versions(entry)}".encode())
    for path in code:
        files = [path] if path.is_file() else sorted(path.rglob("*.py"))
        for file in files:
            content = file.read_bytes()
            name = file.relative_to(path.parent).as_posix()
            digest.update(f"\n{name} {len(content)}\n".encode() + content)
    return digest.digest()


def _versions(entry: EntryPoint) -> list[str]:
    if entry.dist is None:
        return []
    versions = [f"{entry.dist.name} {entry.dist.version}"]
    for requirement in entry.dist.requires or ():
        name = re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0]
        try:
            versions.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            # An optional requirement; its absence is part of the identity.
            versions.append(f"{name} missing")
    return versions
