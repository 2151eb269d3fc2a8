"""Writes a site so that readers see whole pages only and unchanged files are not touched.

Each file is made in a hidden folder and renamed. Before the first change the manifest is marked as
unfinished, and the finished one is written last: a manifest that says `whole` describes every file.
Pages are not synced one by one (100,000 of them would take minutes);
after a power cut their sizes differ from the manifest's, and the next build writes them again.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from copy import copy
from dataclasses import replace
from pathlib import Path

from challenge.board.manifest import MANIFEST, UNFINISHED, Manifest, Stamp, read_manifest
from challenge.board.pages.site_context import File, MarkedPage
from challenge.errors import MissingRequirement, machine_fault
from challenge.task.files import write_atomically
from challenge.task.folder_lock import folder_lock

__all__ = ["GroupsWritten", "SiteWriter", "open_site"]

GroupsWritten = tuple[dict[str, tuple[str, dict[str, Stamp]]], int]
"""Groups of files by name, with mark and stamps, and how many files were written."""
_README = "README.md"


@contextmanager
def open_site(out: Path) -> Iterator[SiteWriter]:
    """Open a site's folder for one build; a second build waits until the first has ended.

    Raises MissingRequirement when the folder cannot be written.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        with folder_lock(out):
            writer = SiteWriter(out)
            try:
                yield writer
            finally:
                writer.clean()
    except OSError as error:
        fault = machine_fault(error, str(out), code="site-unwritable")
        if fault is None:
            raise
        found = f"cannot write the site: {fault.found}"
        fix = f"{fault.fix}; build again, finished pages are kept"
        raise MissingRequirement(replace(fault, where=str(out), found=found, fix=fix)) from error


class SiteWriter:
    """The files of one build, in the order in which they are written."""

    def __init__(self, out: Path) -> None:
        self.out = out
        self.n_written = 0
        self.n_removed = 0
        self._building = out / ".building"
        shutil.rmtree(self._building, ignore_errors=True)
        self._building.mkdir()
        self._root = os.fspath(out)
        self._made = os.fspath(self._building / "file")
        self._sizes = sizes = _sizes_of(out)
        self._old_text = _text_of(out / MANIFEST)
        self._old = old = read_manifest(self._old_text)
        self._at = {path: at for at, path in enumerate(old.paths)}
        found = list(map(sizes.get, old.paths))
        self._damaged: set[str] = set()
        if found != old.sizes:
            both = zip(old.paths, old.sizes, found, strict=True)
            self._damaged = {path for path, size, now in both if size != now}
        self._files: dict[str, Stamp] = {}
        self._groups: dict[str, tuple[str, dict[str, Stamp]]] = {}
        self._kept: set[str] = set()
        self._marked = False

    @property
    def n_files(self) -> int:
        """How many files the site has so far, unchanged ones included."""
        kept = sum(self._old.groups[name][2] for name in self._kept)
        return len(self._files) + kept + sum(len(files) for _, files in self._groups.values())

    def write(self, file: File | MarkedPage) -> None:
        """Put a file into the site; nothing happens when it is there with these bytes."""
        path, stamp = self._stamped(file)
        self._files[path] = stamp

    def copy(self, path: str, source: Path, sha256: str, size: int) -> None:
        """Put a copy of a large file, of this hash and size, into the site."""
        self._files[path] = (sha256, size, "")
        if self._sizes.get(path) == size and self._known(path) == sha256:
            return
        self._mark_unfinished()
        shutil.copyfile(source, self._made)
        target = self.out / path
        target.parent.mkdir(parents=True, exist_ok=True)
        Path(self._made).replace(target)
        self._sizes[path] = size
        self.n_written += 1

    def holds_group(self, name: str, mark: str) -> bool:
        """Keep a group of files that was written with this mark and is still whole."""
        if name not in self._old.groups:
            return False
        known, first, n = self._old.groups[name]
        if known != mark:
            return False
        if self._damaged and not self._damaged.isdisjoint(self._old.paths[first : first + n]):
            return False
        self._kept.add(name)
        return True

    def write_group(self, name: str, mark: str, files: Iterable[File | MarkedPage]) -> None:
        """Write files that depend only on what `mark` was computed from."""
        self._groups[name] = (mark, dict(map(self._stamped, files)))

    def begin_groups(self) -> None:
        """Mark the site as unfinished, before other processes write groups of it."""
        self._mark_unfinished()

    def of_process(self) -> SiteWriter:
        """Return this writer as another process uses it, after a fork: for groups only."""
        own = copy(self)
        own._made = os.fspath(self._building / f"file-{os.getpid()}")
        own._groups, own.n_written = {}, 0
        return own

    def groups_written(self) -> GroupsWritten:
        """Return the groups that were written since `of_process`."""
        return self._groups, self.n_written

    def add_groups(self, written: GroupsWritten) -> None:
        """Take over what another process wrote."""
        groups, n = written
        self._groups |= groups
        self.n_written += n

    def finish(self) -> None:
        """Remove files of earlier builds, then write the manifest."""
        manifest = self._manifest()
        stale = sorted(self._sizes.keys() - {MANIFEST, *manifest.paths})
        for path in stale:
            self._mark_unfinished()
            (self.out / path).unlink(missing_ok=True)
            self.n_removed += 1
        for folder in sorted(
            {parent for path in stale for parent in Path(path).parents}, reverse=True
        ):
            # A folder that still has pages is not removed.
            try:
                (self.out / folder).rmdir()
            except OSError:
                continue
        text = manifest.text()
        if self._marked or text != self._old_text:
            write_atomically(self.out / MANIFEST, text)

    def _manifest(self) -> Manifest:
        manifest = Manifest()
        manifest.add(self._files)
        for name in sorted(self._kept | self._groups.keys()):
            if name in self._kept:
                manifest.add_kept(name, self._old)
            else:
                manifest.add_group(name, *self._groups[name])
        return manifest

    def clean(self) -> None:
        """Remove the hidden folder of the build."""
        shutil.rmtree(self._building, ignore_errors=True)

    def _stamped(self, file: File | MarkedPage) -> tuple[str, Stamp]:
        """Write a file; a page that was drawn with its mark and is still whole is not drawn."""
        if not isinstance(file, MarkedPage):
            path, content = file
            return path, self._put(path, content)
        mark = hashlib.sha256(file.mark.encode("utf-8", "replace")).hexdigest()[:16]
        at = self._at.get(file.path)
        if at is not None and file.path not in self._damaged:
            stamp = self._old.sha256[at], self._old.sizes[at], self._old.marks[at]
            if stamp[2] == mark:
                return file.path, stamp
        return file.path, self._put(file.path, file.draw(), mark)

    def _put(self, path: str, content: str | bytes, mark: str = "") -> Stamp:
        data = content.encode("utf-8", "replace") if isinstance(content, str) else content
        stamp = (hashlib.sha256(data).hexdigest(), len(data), mark)
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
        return self._known(path) == stamp[0] or (self.out / path).read_bytes() == data

    def _known(self, path: str) -> str | None:
        """Return the hash of a file as the last build left it, None where it left none."""
        at = self._at.get(path)
        return None if at is None else self._old.sha256[at]

    def _mark_unfinished(self) -> None:
        if self._marked:
            return
        self._marked = True
        if self._old_text:
            write_atomically(self.out / MANIFEST, UNFINISHED)


def _text_of(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8", "replace")
    except FileNotFoundError:
        return ""


def _sizes_of(out: Path) -> dict[str, int]:
    """Return the size of every file of a site by its path, except hidden ones and its README."""
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
    sizes.pop(_README, None)
    return sizes
