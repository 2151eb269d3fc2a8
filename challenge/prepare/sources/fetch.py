"""Where raw data comes from: an archive is fetched by the client that owns it, then checked.

Nothing is unpacked or even opened before its sha256 agrees with `task.toml`. Downloads are
kept in the cache under their sha256, with unpacked trees beside them; both are made once.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from challenge.errors import Fault, MissingRequirement, TaskError
from challenge.prepare.sources.archives import is_archive, unpack
from challenge.task.definition import Source, TaskDefinition
from challenge.task.files import sha256_of_file
from challenge.task.modalities import modality_of

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = ["cache_folder", "fetch", "fingerprint", "raw_folder"]

Progress = Callable[[str], None]

_PIN = re.compile(r"(?P<name>@?[A-Za-z0-9][A-Za-z0-9._+/-]*)==(?P<version>[A-Za-z0-9][\w.+~:!-]*)")
_CLIENTS = {"pypi": "pip", "npm": "npm", "apt": "apt-get"}
_TIME_LIMIT_S = 1800
_WRITTEN = ("public", "private", "cache", ".building", "__pycache__")


def _silent(_: str) -> None:
    return None


def cache_folder(root: Path) -> Path:
    """Return where downloads are kept: `$CHALLENGE_CACHE`, else `.cache` in the challenge."""
    named = os.environ.get("CHALLENGE_CACHE")
    return Path(named) if named else root / ".cache"


def raw_folder(
    definition: TaskDefinition, cache: Path, folder: Path, *, progress: Progress = _silent
) -> Path:
    """Return the folder in which all sources of a task lie unpacked.

    One source: its own tree. Several: one subfolder each, `0`, `1`, …. A single plain file named
    by `path` or `url` lies in the returned folder under its own name. `folder` is the task's
    folder, where relative paths start.
    """
    if len(definition.source) == 1:
        return _tree(definition.source[0], cache, folder, progress)
    joined = cache / "raw" / f"joined-{fingerprint(definition, folder)[:32]}"
    if not joined.exists():
        archives = [fetch(one, cache, folder, progress=progress) for one in definition.source]
        joined.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=joined.parent, prefix=".join-") as made:
            content = Path(made) / "content"
            content.mkdir()
            for position, (source, archive) in enumerate(
                zip(definition.source, archives, strict=True)
            ):
                _lay_out(source, archive, content / str(position), progress)
            _move(content, joined)
    return joined


def _lay_out(source: Source, archive: Path, into: Path, progress: Progress) -> None:
    # Links to folders elsewhere would not do: an image's path must not leave the raw folder.
    if archive.is_dir():
        shutil.copytree(archive, into, copy_function=_link_or_copy)
    elif is_archive(archive):
        progress(f"unpacking {archive.name}")
        unpack(archive, into, source.unpack)
    else:
        into.mkdir()
        _link_or_copy(str(archive), str(into / archive.name))


def _link_or_copy(source: str, target: str) -> str:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
    return target


def fingerprint(definition: TaskDefinition, folder: Path) -> str:
    """Return a hash that changes when a source changes.

    Pinned sources count by their sha256, local paths by the names, sizes and times of their files;
    what builds write into the task's folder is no source, nor is what a shipped converter will
    not read.
    """
    written = tuple(folder / name for name in _WRITTEN)
    digest = hashlib.sha256()
    for source in definition.source:
        words = [source.kind, source.name, source.sha256 or "", *source.unpack]
        if source.kind == "path":
            path = folder / source.name
            files = sorted(file for named in _read_of(definition, path) for file in _files(named))
            for file in files:
                ours = any(parent in written for parent in file.parents)
                if file.is_file() and not ours:
                    fact = file.stat()
                    words.append(f"{file.name} {fact.st_size} {fact.st_mtime_ns}")
        # File names that are not UTF-8 keep their bytes.
        digest.update("\0".join(words).encode(errors="surrogateescape") + b"\n")
    return digest.hexdigest()


def _read_of(definition: TaskDefinition, path: Path) -> list[Path]:
    """Return the files and folders of a local source that its converter reads.

    A table may lie in a folder full of other things, a home or the challenge itself.
    """
    from challenge.prepare.readers.table_files import find_table

    raw = definition.raw
    anywhere = not raw.images.path and any(
        modality_of(one.modality).is_image for one in definition.columns.values()
    )
    if len(definition.source) > 1 or raw.file is None or not path.is_dir() or anywhere:
        return [path]
    named: list[Path | None] = [path / raw.file]
    if raw.format == "deepmatcher":
        named += [find_table(path, str(raw.options.get(one, one))) for one in ("tableA", "tableB")]
    elif raw.format != "table":
        return [path]
    images = [path / raw.images.path] if raw.images.path else []
    return [one for one in named if one is not None] + images


def _files(path: Path) -> list[Path]:
    return list(path.rglob("*")) if path.is_dir() else [path]


def _tree(source: Source, cache: Path, folder: Path, progress: Progress) -> Path:
    archive = fetch(source, cache, folder, progress=progress)
    if archive.is_dir():
        return archive
    if not is_archive(archive):
        return archive.parent
    words = "\0".join((source.sha256 or sha256_of_file(archive), *source.unpack))
    tree = cache / "raw" / hashlib.sha256(words.encode()).hexdigest()[:32]
    if not tree.exists():
        progress(f"unpacking {archive.name}")
        unpack(archive, tree, source.unpack)
    return tree


def fetch(source: Source, cache: Path, folder: Path, *, progress: Progress = _silent) -> Path:
    """Return the checked file of a source (for `path` also a folder), fetching it when needed.

    Raises TaskError when its sha256 differs or it cannot be fetched; MissingRequirement when
    the client that owns it is not on the machine.
    """
    if source.kind == "path":
        return _local(source, folder)
    assert source.sha256 is not None
    kept = cache / "downloads" / source.sha256
    found = _one_file(kept)
    if found is not None:
        return found
    kept.parent.mkdir(parents=True, exist_ok=True)
    progress(f"fetching {source.kind} {source.name}")
    with tempfile.TemporaryDirectory(dir=kept.parent, prefix=".fetch-") as made:
        content = Path(made) / "content"
        content.mkdir()
        if source.kind == "url":
            _download_url(source, content, kept.parent)
        else:
            _run_client(source, content, folder)
        file = _one_file(content)
        if file is None:
            raise _unavailable(source, "the client fetched no file")
        _compare(source, file)
        _move(content, kept)
    return kept / file.name


def _local(source: Source, folder: Path) -> Path:
    path = Path(source.name) if Path(source.name).is_absolute() else folder / source.name
    if not path.exists():
        raise TaskError(
            Fault(f"source path = {source.name!r}", "no such file or folder",
                  f"a file or folder, relative to {folder.name}/", "correct the path in task.toml",
                  "source-missing")
        )  # fmt: skip
    if source.sha256 is not None and path.is_file():
        _compare(source, path)
    return path.resolve()


def _compare(source: Source, file: Path) -> None:
    found = sha256_of_file(file)
    if found != source.sha256:
        raise TaskError(
            Fault(f"source {source.kind} {source.name}", f"{file.name} has sha256 {found}",
                  f"sha256 {source.sha256}",
                  "nothing was unpacked; if the new file is right, and only then, correct the "
                  "sha256 in task.toml", "source-sha256")
        )  # fmt: skip


def _one_file(folder: Path) -> Path | None:
    files = [path for path in folder.glob("*") if path.is_file()] if folder.is_dir() else []
    return files[0] if len(files) == 1 else None


def _move(content: Path, to: Path) -> None:
    try:
        content.rename(to)
    except OSError:
        if not to.exists():
            raise
        # Another process was faster, and its copy passed the same check.


def _pin(source: Source) -> tuple[str, str]:
    match = _PIN.fullmatch(source.name)
    if match is None:
        raise TaskError(
            Fault(f"source {source.kind} = {source.name!r}", "no package with a version",
                  "name==version", "write the exact version", "source-unpinned")
        )  # fmt: skip
    return match["name"], match["version"]


def _run_client(source: Source, into: Path, folder: Path) -> None:
    name, version = _pin(source)
    command = _command(source, name, version, into)
    if command is None:
        raise _no_client(source, folder)
    try:
        done = subprocess.run(  # noqa: S603 (no shell; name and version passed a strict pattern)
            command,
            cwd=into,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_TIME_LIMIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise _unavailable(source, f"not finished after {_TIME_LIMIT_S} s") from None
    (into / "pin.txt").unlink(missing_ok=True)
    if done.returncode != 0:
        raise _unavailable(source, _last_words(done.stderr or done.stdout))


def _command(source: Source, name: str, version: str, into: Path) -> Sequence[str] | None:
    if source.kind == "pypi":
        pip = _pip()
        # With the hash in hand pip refuses the file before it runs any code of a source package.
        pin = into / "pin.txt"
        pin.write_text(f"{name}=={version} --hash=sha256:{source.sha256}\n", encoding="utf-8")
        options = "download --no-deps --disable-pip-version-check --require-hashes --dest . -r"
        return pip and [*pip, *options.split(), pin.name]
    client = shutil.which(_CLIENTS[source.kind])
    if client is None:
        return None
    if source.kind == "npm":
        return [client, "pack", f"{name}@{version}", "--ignore-scripts", "--silent"]
    return [client, "download", f"{name}={version}"]


def _pip() -> list[str] | None:
    import importlib.util

    if importlib.util.find_spec("pip") is not None:
        return [sys.executable, "-m", "pip"]
    client = shutil.which("pip") or shutil.which("pip3")
    return [client] if client else None


def _last_words(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith(("ERROR", "E:", "npm error", "npm ERR"))]
    return "; ".join((errors or lines)[-3:])[:500] or "the client failed without a message"


def _unavailable(source: Source, why: str) -> TaskError:
    fixes = {
        "pypi": "check that the version still exists and that the index can be reached",
        "npm": "check that the version still exists and that the registry can be reached",
        "apt": "run `apt-get update`; Debian drops old versions, then name the new one and its "
        "sha256",
        "url": "check that the address is right and can be reached, then try again: it resumes",
    }
    return TaskError(
        Fault(f"source {source.kind} {source.name}", why, "the file with the sha256 of task.toml",
              fixes[source.kind], "source-unavailable")
    )  # fmt: skip


def _no_client(source: Source, folder: Path) -> MissingRequirement:
    client = _CLIENTS[source.kind]
    others = _tasks_without(source.kind, folder.parent)
    rest = f"; these tasks do not need it: {', '.join(others)}" if others else ""
    return MissingRequirement(
        Fault(f"source {source.kind} {source.name}", f"no `{client}` on this machine",
              f"the client {client}, which fetches {source.kind} packages",
              f"install {client}{rest}", "client-missing")
    )  # fmt: skip


def _tasks_without(kind: str, datasets: Path) -> list[str]:
    """Return the ids of the declared tasks of a folder that have no source of `kind`."""
    found = []
    for path in sorted(datasets.glob("*/task.toml")):
        try:
            sources: Any = tomllib.loads(path.read_text(encoding="utf-8")).get("source", [])
            if not any(kind in source for source in sources):
                found.append(path.parent.name)
        except (OSError, ValueError, TypeError):
            continue  # a task.toml that cannot be read is reported when it is its turn
    return found


def _download_url(source: Source, into: Path, parts: Path) -> None:
    import pooch
    import requests

    name = Path(source.name.split("?")[0].split("#")[0]).name or "download"
    part = parts / f".{source.sha256}.part"

    def resume(url: str, output: Any, _: Any) -> None:
        have = part.stat().st_size if part.exists() else 0
        headers = {"Range": f"bytes={have}-"} if have else {}
        with requests.get(url, stream=True, timeout=60, headers=headers) as answer:
            if answer.status_code == requests.codes.requested_range_not_satisfiable:
                part.unlink()
                return resume(url, output, _)
            answer.raise_for_status()
            mode = "ab" if answer.status_code == requests.codes.partial_content else "wb"
            with part.open(mode) as file:
                for block in answer.iter_content(1 << 16):
                    file.write(block)
        shutil.move(part, output)
        return None

    downloader = resume if source.name.startswith(("http://", "https://")) else None
    try:
        pooch.get_logger().setLevel("ERROR")
        pooch.retrieve(source.name, known_hash=None, fname=name, path=into, downloader=downloader)
    except (OSError, ValueError) as error:
        raise _unavailable(source, str(error)[:300]) from None
