"""Writing a site so that a reader sees whole pages only, and what is unchanged is not touched.

Each file is made in a folder of its own and renamed into place. Before the first change the
manifest is marked as unfinished, and the finished one comes last: a manifest that says `whole`
tells what every file holds. Pages are not synced one by one (100,000 of them would take minutes);
after a power cut their sizes differ from the manifest's, and the next build writes them again.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from challenge.errors import EnvironmentLack, Fault
from challenge.task.files import write_atomically

__all__ = ["SiteWriter", "open_site"]

_MANIFEST = "manifest.json"
_FORMAT = 1
Stamp = list[Any]
"""SHA-256 and size of a file, as the manifest has them."""


@contextmanager
def open_site(out: Path) -> Iterator[SiteWriter]:
    """Open a site's folder for one build; a second build waits until the first has ended.

    Raises EnvironmentLack when the folder cannot be written.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        folder = os.open(out, os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            writer = SiteWriter(out)
            try:
                yield writer
            finally:
                writer.clean()
        finally:
            os.close(folder)
    except OSError as error:
        raise EnvironmentLack(
            Fault(
                str(out),
                f"cannot write the site: {error.strerror or error}",
                "a folder with room that this user may write",
                "free space or mend the permissions, then build again: finished pages are kept",
                code="site-unwritable",
            )
        ) from error


class SiteWriter:
    """The files of one build, in the order in which they come."""

    def __init__(self, out: Path) -> None:
        self.out = out
        self.n_written = 0
        self.n_removed = 0
        self._building = out / ".building"
        shutil.rmtree(self._building, ignore_errors=True)
        self._building.mkdir()
        self._root = os.fspath(out)
        self._made = os.fspath(self._building / "file")
        self._old = self._read_manifest()
        self._sizes = _sizes_of(out)
        self._files: dict[str, Stamp] = {}
        self._groups: dict[str, dict[str, Any]] = {}
        self._marked = False
        self._known: dict[str, Stamp] = {}
        if self._old.get("whole"):
            self._known.update(self._old["files"])
            for group in self._old["groups"].values():
                self._known.update(group["files"])

    @property
    def n_files(self) -> int:
        """How many files the site has so far, unchanged ones included."""
        return len(self._files) + sum(len(group["files"]) for group in self._groups.values())

    def write(self, path: str, content: str | bytes) -> None:
        """Put a file into the site; nothing happens when it is there with these bytes."""
        self._files[path] = self._put(path, content)

    def holds_group(self, name: str, mark: str) -> bool:
        """Keep a group of files that was written with this very mark and is still whole."""
        group = self._old.get("groups", {}).get(name) if self._old.get("whole") else None
        if group is None or group["mark"] != mark:
            return False
        sizes = self._sizes
        for path, stamp in group["files"].items():
            if sizes.get(path) != stamp[1]:
                return False
        self._groups[name] = group
        return True

    def write_group(self, name: str, mark: str, files: Iterable[tuple[str, str | bytes]]) -> None:
        """Write files that depend on nothing but what `mark` stands for."""
        stamps = {path: self._put(path, content) for path, content in files}
        self._groups[name] = {"mark": mark, "files": stamps}

    def finish(self) -> None:
        """Remove files of earlier builds, then write the manifest."""
        wanted = set(self._files).union(*(group["files"] for group in self._groups.values()))
        stale = sorted(set(self._sizes) - wanted - {_MANIFEST})
        for path in stale:
            self._mark_unfinished()
            (self.out / path).unlink(missing_ok=True)
            self.n_removed += 1
        for folder in sorted(
            {parent for path in stale for parent in Path(path).parents}, reverse=True
        ):
            # A folder that still has pages refuses, and that is what is wanted.
            try:
                (self.out / folder).rmdir()
            except OSError:
                continue
        manifest = {
            "format": _FORMAT,
            "whole": True,
            "files": self._files,
            "groups": self._groups,
        }
        text = json.dumps(manifest, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        text = text.replace(',"', ',\n"') + "\n"
        kept = self.out / _MANIFEST
        if self._marked or not kept.is_file() or kept.read_text("utf-8") != text:
            write_atomically(kept, text)

    def clean(self) -> None:
        """Remove what a build needs only while it runs."""
        shutil.rmtree(self._building, ignore_errors=True)

    def _put(self, path: str, content: str | bytes) -> Stamp:
        data = content.encode("utf-8", "replace") if isinstance(content, str) else content
        stamp: Stamp = [hashlib.sha256(data).hexdigest(), len(data)]
        if self._sizes.get(path) == len(data) and self._holds(path, stamp, data):
            return stamp
        self._mark_unfinished()
        # Plain calls: pathlib took a third of the time of a large build.
        target = f"{self._root}/{path}"
        handle = os.open(self._made, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        try:
            done = 0
            while done < len(data):
                done += os.write(handle, data[done:])
        finally:
            os.close(handle)
        try:
            os.rename(self._made, target)  # noqa: PTH104
        except FileNotFoundError:
            Path(target).parent.mkdir(parents=True, exist_ok=True)
            os.rename(self._made, target)  # noqa: PTH104
        self._sizes[path] = len(data)
        self.n_written += 1
        return stamp

    def _holds(self, path: str, stamp: Stamp, data: bytes) -> bool:
        if self._known.get(path) == stamp:
            return True
        return (self.out / path).read_bytes() == data

    def _mark_unfinished(self) -> None:
        if self._marked:
            return
        self._marked = True
        if self._old:
            write_atomically(
                self.out / _MANIFEST, json.dumps({"format": _FORMAT, "whole": False}) + "\n"
            )

    def _read_manifest(self) -> Mapping[str, Any]:
        try:
            manifest = json.loads((self.out / _MANIFEST).read_bytes())
        except (FileNotFoundError, ValueError):
            return {}
        known = isinstance(manifest, dict) and manifest.get("format") == _FORMAT
        return manifest if known else {"whole": False}


def _sizes_of(out: Path) -> dict[str, int]:
    """Return the size of every file of a site by its path, hidden ones apart."""
    # Plain strings and loops: this looks at every file of a site, however little has changed.
    sizes: dict[str, int] = {}
    root = os.fspath(out)
    folders = [""]
    while folders:
        folder = folders.pop()
        with os.scandir(f"{root}/{folder}") as found:
            for entry in found:
                name = entry.name
                if name[0] == ".":
                    continue
                if entry.is_dir(follow_symlinks=False):
                    folders.append(f"{folder}{name}/")
                else:
                    sizes[folder + name] = entry.stat(follow_symlinks=False).st_size
    return sizes
