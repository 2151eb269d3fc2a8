"""Where the interpreter is on the disk, however it was named, and what must be visible to run it.

It may be named by a relative path, with `..`, or through links of files and folders. Inside a
sandbox, every link and folder on the way must exist.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path

from challenge import version

__all__ = ["Visible", "package_root", "program", "visible_interpreter"]

_PARTS = ("bin", "lib", "lib64", "libexec", "include", "share", "etc", "ssl", "pyvenv.cfg")
"""The parts of an installation or a virtual environment. Only these are shown, since the folder
may hold anything else too: a challenge may be its own virtual environment."""
_MOST_LINKS = 40


@dataclass
class Visible:
    """Real paths that are shown, and links and folders so that other spellings lead to them."""

    paths: set[Path] = field(default_factory=set)
    links: dict[Path, Path] = field(default_factory=dict)
    folders: set[Path] = field(default_factory=set)

    def add(self, path: Path) -> None:
        """Show a path under its real name and under this one."""
        self.paths.add(path.resolve())
        self.lead_to(path)

    def lead_to(self, path: Path) -> None:
        """Add the links on the way to a path, as the kernel follows them."""
        waiting = list(reversed((Path.cwd() / path).parts[1:]))
        here, n_links = Path("/"), 0
        while waiting and n_links <= _MOST_LINKS:
            part = waiting.pop()
            if part == "..":
                self.folders.add(here)
                here = here.parent
            elif (here / part).is_symlink():
                n_links += 1
                target = (here / part).readlink()
                self.links[here / part] = target
                waiting += reversed(target.parts)
                if target.is_absolute():
                    here = Path(waiting.pop())
            else:
                here /= part


def program() -> Path:
    """Return the interpreter's absolute path without `..`, in the real folder of its environment.

    Its own link is kept: next to it is `pyvenv.cfg`.
    """
    named, prefix = Path(sys.executable), Path(sys.prefix)
    if named.is_relative_to(prefix):
        return prefix.resolve() / named.relative_to(prefix)
    return named.parent.resolve() / named.name


def package_root() -> Path:
    """Return the real folder from which this package is imported."""
    return Path(version.__file__).resolve().parents[1]


def visible_interpreter() -> Visible:
    """Return what must be visible for `program()` to run with this package."""
    visible = Visible({package_root() / "challenge"})
    real = program().resolve().parent.parent
    for prefix in (Path(sys.prefix), Path(sys.base_prefix), real):
        for part in _PARTS:
            if (prefix / part).exists():
                visible.paths.add(prefix.resolve() / part)
        visible.lead_to(prefix)
    visible.lead_to(program())
    return visible
