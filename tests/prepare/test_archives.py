"""Archives of strangers: what is refused, and that a refusal leaves nothing."""

from __future__ import annotations

import io
import random
import shutil
import subprocess
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from challenge.errors import MissingRequirement, TaskError
from challenge.prepare.sources.archives import Caps, is_archive, unpack

CONTROL = b"""Package: toy
Version: 1
Architecture: all
Maintainer: toy <toy@example.org>
Description: toy
"""
needs_dpkg = pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="no dpkg-deb")


def tar_bytes(*members: tuple[str, bytes], mode: str = "w") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:  # type: ignore[call-overload]
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def tar_with(change: Callable[[tarfile.TarInfo], None]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        info = tarfile.TarInfo("odd")
        change(info)
        archive.addfile(info)
    return buffer.getvalue()


def deb_bytes(folder: Path, *members: tuple[str, bytes], compression: str = "xz") -> bytes:
    """Return a Debian package that `dpkg-deb` built."""
    root = folder / "package"
    for name, data in (("DEBIAN/control", CONTROL), *members):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    made = folder / "made.deb"
    command = [
        "dpkg-deb",
        "--root-owner-group",
        f"-Z{compression}",
        "--build",
        str(root),
        str(made),
    ]
    subprocess.run(command, check=True, capture_output=True)
    data = made.read_bytes()
    shutil.rmtree(root)
    made.unlink()
    return data


def zip_bytes(*members: tuple[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return buffer.getvalue()


def written(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def refused(archive: Path, into: Path, code: str, caps: Caps | None = None) -> str:
    with pytest.raises(TaskError) as caught:
        unpack(archive, into, caps=caps)
    assert caught.value.faults[0].code == code
    assert not into.exists()
    assert list(into.parent.iterdir()) == [archive], "a refusal leaves nothing behind"
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.tar", tar_bytes(("d/x.txt", b"hello"))),
        ("a.tgz", tar_bytes(("d/x.txt", b"hello"), mode="w:gz")),
        ("a.tar.xz", tar_bytes(("d/x.txt", b"hello"), mode="w:xz")),
        ("a.tar.bz2", tar_bytes(("d/x.txt", b"hello"), mode="w:bz2")),
        ("a.tar.zst", pa.compress(tar_bytes(("d/x.txt", b"hello")), "zstd", asbytes=True)),
        ("a.whl", zip_bytes(("d/x.txt", b"hello"))),
    ],
)
def test_every_kind_of_archive_unpacks(name: str, data: bytes, tmp_path: Path) -> None:
    assert is_archive(Path(name))
    into = unpack(written(tmp_path, name, data), tmp_path / "out")
    assert (into / "d" / "x.txt").read_bytes() == b"hello"


@needs_dpkg
@pytest.mark.parametrize("compression", ["none", "gzip", "xz", "zstd"])
def test_a_debian_package_unpacks(compression: str, tmp_path: Path) -> None:
    data = deb_bytes(tmp_path, ("d/x.txt", b"hello"), compression=compression)
    into = unpack(written(tmp_path, "a.deb", data), tmp_path / "out")
    assert (into / "d" / "x.txt").read_bytes() == b"hello"
    assert [path.name for path in into.iterdir()] == ["d"], "no file of the package's control"


@needs_dpkg
def test_the_caps_hold_for_a_debian_package(tmp_path: Path) -> None:
    data = deb_bytes(tmp_path, ("zeros", bytes(5_000_000)))
    archive = written(tmp_path, "a.deb", data)
    refused(archive, tmp_path / "out", "archive-too-large", Caps(member_bytes=1_000_000))


@needs_dpkg
def test_a_damaged_debian_package_is_refused(tmp_path: Path) -> None:
    data = deb_bytes(tmp_path, ("x", random.Random(1).randbytes(50_000)))
    refused(written(tmp_path, "a.deb", data[:-3000]), tmp_path / "out", "archive-damaged")


def test_a_debian_package_asks_for_dpkg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = written(tmp_path, "a.deb", b"!<arch>\n")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingRequirement, match="install dpkg"):
        unpack(archive, tmp_path / "out")
    assert list(tmp_path.iterdir()) == [archive]


def test_the_kind_is_judged_by_content_not_by_name(tmp_path: Path) -> None:
    archive = written(tmp_path, "a.zip", tar_bytes(("x", b"1"), mode="w:gz"))
    assert (unpack(archive, tmp_path / "out") / "x").read_bytes() == b"1"


def test_a_spreadsheet_is_no_archive() -> None:
    assert not is_archive(Path("prices.xlsx"))
    assert not is_archive(Path("prices.csv.gz"))


def test_only_members_that_match_a_pattern_are_unpacked(tmp_path: Path) -> None:
    archive = written(tmp_path, "a.zip", zip_bytes(("a/b/x.svg", b"1"), ("a/y.png", b"2")))
    into = unpack(archive, tmp_path / "out", ("*.svg",))
    assert [path.name for path in into.rglob("*") if path.is_file()] == ["x.svg"]


@pytest.mark.parametrize("name", ["../x", "a/../../x", "/etc/x", "C:/x", "a\\..\\x"])
@pytest.mark.parametrize("make", [tar_bytes, zip_bytes])
def test_a_member_that_would_leave_the_folder_is_refused(
    name: str, make: Callable[..., bytes], tmp_path: Path
) -> None:
    archive = written(tmp_path, "a.bin", make(("fine.txt", b"1"), (name, b"2")))
    message = refused(archive, tmp_path / "out", "archive-path")
    assert "would leave the folder" in message
    assert "nothing was unpacked" in message


def make_symlink(info: tarfile.TarInfo) -> None:
    info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"


def make_hardlink(info: tarfile.TarInfo) -> None:
    info.type, info.linkname = tarfile.LNKTYPE, "../secret"


def make_device(info: tarfile.TarInfo) -> None:
    info.type = tarfile.CHRTYPE


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (make_symlink, "archive-link"),
        (make_hardlink, "archive-link"),
        (make_device, "archive-device"),
    ],
)
def test_links_and_devices_are_refused(
    change: Callable[[tarfile.TarInfo], None], code: str, tmp_path: Path
) -> None:
    refused(written(tmp_path, "a.tar", tar_with(change)), tmp_path / "out", code)


def test_a_link_in_a_zip_is_refused(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        info = zipfile.ZipInfo("odd")
        info.external_attr = 0o120777 << 16
        archive.writestr(info, "/etc/passwd")
    refused(written(tmp_path, "a.zip", buffer.getvalue()), tmp_path / "out", "archive-link")


def test_a_link_that_is_not_asked_for_is_passed_over(tmp_path: Path) -> None:
    archive = written(tmp_path, "a.tar", tar_with(make_symlink))
    assert list(unpack(archive, tmp_path / "out", ("*.csv",)).iterdir()) == []


def test_a_bomb_stops_at_the_cap(tmp_path: Path) -> None:
    archive = written(tmp_path, "a.zip", zip_bytes(("zeros", bytes(5_000_000))))
    assert archive.stat().st_size < 10_000
    message = refused(archive, tmp_path / "out", "archive-too-large", Caps(member_bytes=1_000_000))
    assert "1,000,000 bytes" in message


def test_the_caps_hold_for_the_sum_and_the_count_of_members(tmp_path: Path) -> None:
    archive = written(tmp_path, "a.zip", zip_bytes(*((f"f{i}", bytes(600)) for i in range(5))))
    refused(archive, tmp_path / "out", "archive-too-large", Caps(total_bytes=2000))
    refused(archive, tmp_path / "out", "archive-too-large", Caps(members=4))


def test_a_name_that_stands_twice_is_refused(tmp_path: Path) -> None:
    archive = written(tmp_path, "a.tar", tar_bytes(("x", b"1"), ("x", b"2")))
    refused(archive, tmp_path / "out", "archive-duplicate")


def test_a_file_below_another_file_is_refused(tmp_path: Path) -> None:
    archive = written(tmp_path, "a.tar", tar_bytes(("x", b"1"), ("x/y", b"2")))
    refused(archive, tmp_path / "out", "archive-duplicate")


@pytest.mark.parametrize(
    "data",
    [
        b"no archive at all",
        tar_bytes(("x", bytes(50_000)), mode="w:gz")[:-30],
        zip_bytes(("x", b"1"))[:-10],
    ],
    ids=["no archive", "cut tar", "cut zip"],
)
def test_damage_is_said(data: bytes, tmp_path: Path) -> None:
    refused(written(tmp_path, "a.tgz", data), tmp_path / "out", "archive-damaged")


def test_a_zip_member_named_nul_is_refused(tmp_path: Path) -> None:
    data = zip_bytes(("X", b"data")).replace(b"X", b"\0")
    refused(written(tmp_path, "a.zip", data), tmp_path / "out", "archive-path")
