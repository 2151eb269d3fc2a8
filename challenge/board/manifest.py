"""The manifest of a site: the hash of every file, and the mark by which a file or group was made.

It says `whole` once a build has ended. It holds columns instead of one record per file, since that
of 100,000 pages is read and written again for each page that changes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["FORMAT", "MANIFEST", "UNFINISHED", "Manifest", "Stamp", "read_manifest"]

MANIFEST = "manifest.json"
FORMAT = 3
UNFINISHED = json.dumps({"format": FORMAT, "whole": False}) + "\n"
"""The manifest while a build runs."""

Stamp = tuple[str, int, str]
"""SHA-256, size in bytes and mark of a file; the mark is empty where a file has none."""


@dataclass(frozen=True)
class Manifest:
    """Files as columns of one length; a group is its mark, its first index and its size."""

    paths: list[str] = field(default_factory=list)
    sha256: list[str] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    marks: list[str] = field(default_factory=list)
    groups: dict[str, tuple[str, int, int]] = field(default_factory=dict)

    def add(self, files: Mapping[str, Stamp]) -> None:
        """Put files at the end, ascending by path."""
        for path in sorted(files):
            self.paths.append(path)
            self.sha256.append(files[path][0])
            self.sizes.append(files[path][1])
            self.marks.append(files[path][2])

    def add_group(self, name: str, mark: str, files: Mapping[str, Stamp]) -> None:
        """Put the files of a group at the end."""
        self.groups[name] = (mark, len(self.paths), len(files))
        self.add(files)

    def add_kept(self, name: str, old: Manifest) -> None:
        """Put a group at the end as it is in an older manifest."""
        mark, first, n = old.groups[name]
        self.groups[name] = (mark, len(self.paths), n)
        self.paths.extend(old.paths[first : first + n])
        self.sha256.extend(old.sha256[first : first + n])
        self.sizes.extend(old.sizes[first : first + n])
        self.marks.extend(old.marks[first : first + n])

    def text(self) -> str:
        """Return it as JSON with sorted keys, a file or a group a line."""
        document = {"format": FORMAT, "whole": True, **vars(self)}
        text = json.dumps(document, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        return text.replace(',"', ',\n"') + "\n"


def read_manifest(text: str) -> Manifest:
    """Return what a manifest says; an empty one when it is damaged, unfinished or of old form."""
    try:
        document = json.loads(text)
        if not document["whole"] or document["format"] != FORMAT:
            return Manifest()
        columns = [document[name] for name in ("paths", "sha256", "sizes", "marks")]
        if len(set(map(len, columns))) != 1:
            return Manifest()
        paths, sha256, sizes, marks = columns
        return Manifest(paths, sha256, sizes, marks, document["groups"])
    except (KeyError, TypeError, ValueError):
        return Manifest()
