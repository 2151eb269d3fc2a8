"""SVGs of strangers: what they draw stays inside the file, and what ends the decoder is one row."""

from __future__ import annotations

import base64
import io
import os
import re
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from challenge.task import image_process
from challenge.task.images import ImageFault, draw_svg, normalise_image

SVG = "http://www.w3.org/2000/svg"
XLINK = "http://www.w3.org/1999/xlink"
RED = (255, 0, 0)
HONEST = f'<svg xmlns="{SVG}" viewBox="0 0 9 9"><rect width="9" height="9" fill="lime"/></svg>'


def png(colour: tuple[int, int, int] = RED, form: str = "PNG") -> bytes:
    target = io.BytesIO()
    Image.new("RGB", (16, 16), colour).save(target, form)
    return target.getvalue()


def has_red(data: bytes) -> bool:
    """Whether the secret image, which is red, is seen in what is stored."""
    pixels = np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).reshape(-1, 3)
    return bool(((pixels[:, 0] > 200) & (pixels[:, 1:].max(axis=1) < 60)).any())


def drawn(inside: str) -> Image.Image:
    text = f'<svg xmlns="{SVG}" xmlns:xlink="{XLINK}" viewBox="0 0 16 16">{inside}</svg>'
    return Image.open(io.BytesIO(normalise_image(text.encode()).data)).convert("RGB")


def refused(text: str | bytes) -> str:
    with pytest.raises(ImageFault) as caught:
        normalise_image(text if isinstance(text, bytes) else text.encode())
    return str(caught.value)


PLACED = 'width="16" height="16"'
NESTED = base64.b64encode(
    f'<svg xmlns="{SVG}" viewBox="0 0 16 16"><image {PLACED} href="SECRET"/></svg>'.encode()
).decode()
# Each names the secret image, as `SECRET` or as an address of it, in a way of its own.
READERS = {
    "prefix": f'<s:svg xmlns:s="{SVG}" xmlns:l="{XLINK}" viewBox="0 0 16 16"><s:image {PLACED} '
    'l:href="SECRET"/></s:svg>',
    "inner-prefix": f'<svg xmlns="{SVG}" viewBox="0 0 16 16"><x:image xmlns:x="{SVG}" {PLACED} '
    'href="SECRET"/></svg>',
    "link-prefix": f'<svg xmlns="{SVG}" xmlns:q="{XLINK}" viewBox="0 0 16 16"><image {PLACED} '
    'q:href="SECRET"/></svg>',
    "no-quotes-trick": f"<svg xmlns='{SVG}' viewBox='0 0 16 16'><image {PLACED} href\n=\n'SECRET'/>"
    "</svg>",
    "character-reference": f'<svg xmlns="{SVG}" viewBox="0 0 16 16"><image {PLACED} '
    'href="&#x2f;&#47;..ESCAPED"/></svg>',
    "hash-first": f'<svg xmlns="{SVG}" viewBox="0 0 16 16"><image {PLACED} href="#/../..SECRET"/>'
    "</svg>",
    "data-first": f'<svg xmlns="{SVG}" viewBox="0 0 16 16"><image {PLACED} href="data:/../SECRET"/>'
    "</svg>",
    "address": f'<s:svg xmlns:s="{SVG}" viewBox="0 0 16 16"><s:image {PLACED} '
    'href="file://SECRET"/></s:svg>',
    "base": f'<svg xmlns="{SVG}" xml:base="file://FOLDER/" viewBox="0 0 16 16"><image {PLACED} '
    'href="secret.png"/></svg>',
    "inside-a-link": f'<svg xmlns="{SVG}" viewBox="0 0 16 16"><a href="#"><image {PLACED} '
    'href="SECRET"/></a></svg>',
    "in-a-comparison": f'<svg xmlns="{SVG}" viewBox="0 0 16 16"><a title=">"/><a b="<" '
    f'c=""/><image {PLACED} href="SECRET"/></svg>',
    "filter": f'<svg xmlns="{SVG}" viewBox="0 0 16 16"><filter id="f"><feImage href="SECRET"/>'
    f'</filter><rect {PLACED} filter="url(#f)"/></svg>',
    "nested": f'<svg xmlns="{SVG}" viewBox="0 0 16 16"><image {PLACED} '
    'href="data:image/svg+xml;base64,NESTED"/></svg>',
    "nested-as-png": f'<svg xmlns="{SVG}" viewBox="0 0 16 16"><image {PLACED} '
    'href="data:image/png;base64,NESTED"/></svg>',
    "pattern": f'<s:svg xmlns:s="{SVG}" viewBox="0 0 16 16"><s:pattern id="p" width="1" height="1">'
    f'<s:image {PLACED} href="SECRET"/></s:pattern><s:rect {PLACED} fill="url(#p)"/></s:svg>',
    "use": f'<s:svg xmlns:s="{SVG}" viewBox="0 0 16 16"><s:use href="SECRET#a"/></s:svg>',
    "entity": f'<!DOCTYPE svg [<!ENTITY e "SECRET">]><svg xmlns="{SVG}" viewBox="0 0 16 16"><image '
    f'{PLACED} href="&e;"/></svg>',
    "outside-dtd": f'<!DOCTYPE svg SYSTEM "file://SECRET"><svg xmlns="{SVG}" viewBox="0 0 16 16">'
    f'<image {PLACED} href="&e;"/></svg>',
    "style-sheet": f'<s:svg xmlns:s="{SVG}" viewBox="0 0 16 16"><s:style>@im/**/port "SECRET"; '
    "rect{fill:u/**/rl(SECRET)}</s:style>"
    f'<s:rect {PLACED} style="fill:url(SECRET)"/></s:svg>',
    "escape": f'<s:svg xmlns:s="{SVG}" viewBox="0 0 16 16"><s:style>rect{{fill:u\\72l(SECRET)}}'
    f"</s:style><s:rect {PLACED}/></s:svg>",
    "foreign": f'<svg xmlns="{SVG}" viewBox="0 0 16 16"><foreignObject {PLACED}><img '
    'xmlns="http://www.w3.org/1999/xhtml" src="SECRET"/></foreignObject></svg>',
}


@pytest.mark.parametrize("way", READERS)
def test_no_way_of_naming_a_file_reads_it(way: str, tmp_path: Path) -> None:
    secret = tmp_path / "secret.png"
    secret.write_bytes(png())
    nested = base64.b64decode(NESTED).replace(b"SECRET", str(secret).encode())
    text = READERS[way].replace("NESTED", base64.b64encode(nested).decode())
    text = text.replace("ESCAPED", str(secret)).replace("SECRET", str(secret))
    text = text.replace("FOLDER", str(tmp_path))
    try:
        stored = normalise_image(text.encode())
    except ImageFault:
        return
    assert not has_red(stored.data), way


def test_the_same_attack_on_the_renderer_alone_reads_the_file(tmp_path: Path) -> None:
    """What the tests above rest on: `resvg` would read the file, and red would be seen."""
    import resvg_py

    secret = tmp_path / "secret.png"
    secret.write_bytes(png())
    text = READERS["prefix"].replace("SECRET", str(secret))
    assert has_red(bytes(resvg_py.svg_to_bytes(svg_string=text)))


def test_the_drawing_of_a_converter_reads_no_file(tmp_path: Path) -> None:
    secret = tmp_path / "secret.png"
    secret.write_bytes(png())
    text = READERS["prefix"].replace("SECRET", str(secret))
    with pytest.raises(ImageFault, match="refers to something outside itself"):
        draw_svg(text.encode(), 48, 48)


def test_a_prefix_makes_no_difference() -> None:
    rect = 'rect width="8" height="16" fill="lime"/>'
    plain = f'<svg xmlns="{SVG}" viewBox="0 0 16 16"><{rect}</svg>'
    prefixed = f'<s:svg xmlns:s="{SVG}" viewBox="0 0 16 16"><s:{rect}</s:svg>'
    assert normalise_image(plain.encode()) == normalise_image(prefixed.encode())


@pytest.mark.parametrize("form", ["PNG", "JPEG"])
def test_an_embedded_image_is_drawn(form: str) -> None:
    data = base64.b64encode(png(RED, form)).decode()
    image = drawn(f'<image {PLACED} xlink:href="data:image/{form.lower()};base64,{data}"/>')
    assert image.getpixel((48, 48)) in (RED, (254, 0, 0))


def test_a_style_sheet_draws_what_it_says() -> None:
    image = drawn(
        "<style><![CDATA[@font-face{font-family:x;src:local(x)} /* a */ .a, #b > rect {fill:#f00}"
        f']]></style><rect class="a" {PLACED}/>'
    )
    assert image.getpixel((48, 48)) == RED


def test_the_usual_doctype_is_no_fault() -> None:
    head = (
        '<?xml version="1.0" encoding="utf-8"?><!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" '
        '"http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd">'
    )
    assert normalise_image((head + HONEST).encode()) == normalise_image(HONEST.encode())


@pytest.mark.parametrize(
    ("inside", "message"),
    [
        ("<g>" * 100_000 + "</g>" * 100_000, "nested deeper than 100"),
        ("<g/>" * 100_001, "more than 100,000 elements"),
        ('<g id="a"><use href="#a"/></g>', "in a circle"),
        (
            '<mask id="a"><rect mask="url(#b)"/></mask><mask id="b"><rect mask="url(#a)"/></mask>',
            "in a circle",
        ),
        (
            "".join(f'<g id="g{n}">' + f'<use href="#g{n + 1}"/>' * 10 + "</g>" for n in range(9))
            + '<g id="g9"><rect/></g>',
            "expands to more than 500,000",
        ),
        (
            "".join(f'<g id="g{n}"><use href="#g{n + 1}"/></g>' for n in range(5_000)),
            "or 200 levels",
        ),
        ('<rect fill="url(#a) url( http://a/b )"/>', "outside itself"),
        ('<image href="data:image/png;base64,AAAA"/>', "not an image of a supported format"),
        ('<image href="data:image/gif;base64,AAAA"/>', "other than a PNG or JPEG"),
        ("<x:g/>", "prefix 'x' is undeclared"),
    ],
)
def test_a_bomb_is_refused_by_name(inside: str, message: str) -> None:
    assert message in refused(f'<svg xmlns="{SVG}" viewBox="0 0 16 16">{inside}</svg>')


def test_a_root_of_another_namespace_is_refused() -> None:
    assert "root is not `svg`" in refused('<svg xmlns="urn:other"><g/></svg>')


def test_a_drawing_without_end_is_stopped_and_the_next_is_drawn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    limits = image_process.ImageLimits(seconds=1, memory_mb=1536)
    monkeypatch.setattr("challenge.task.images.SVG_LIMITS", limits)
    steps = "".join('<feTurbulence baseFrequency="1" numOctaves="2000000"/>' for _ in range(9))
    text = (
        f'<svg xmlns="{SVG}" viewBox="0 0 96 96"><filter id="f">{steps}</filter>'
        '<rect width="96" height="96" filter="url(#f)"/></svg>'
    )
    began = time.monotonic()
    assert refused(text) == "an image that takes more than 1 s to decode"
    assert time.monotonic() - began < 50
    assert normalise_image(HONEST.encode()).width == 96


def test_a_drawing_that_takes_all_memory_is_refused_and_the_next_is_drawn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = "M0 0" + "l1 1" * 2_000_000
    text = HONEST.replace("<rect", f'<path d="{path}"/><rect')
    limits = image_process.ImageLimits(seconds=20, memory_mb=100)
    with monkeypatch.context() as patch:
        patch.setattr("challenge.task.images.SVG_LIMITS", limits)
        assert re.search("ends the process|too much memory", refused(text))
    assert normalise_image(HONEST.encode()).width == 96


def test_the_process_opens_nothing_and_is_replaced_when_it_dies() -> None:
    normalise_image(HONEST.encode())
    child = image_process._process().child
    limits = Path(f"/proc/{child.pid}/limits").read_text()
    assert re.search(r"Max open files\s+0\s+0", limits)
    assert re.search(r"Max file size\s+0\s+0", limits)
    opened = {path.name for path in Path(f"/proc/{child.pid}/fd").iterdir()}
    assert opened == {"0", "1", "2"}
    status = Path(f"/proc/{child.pid}/status").read_text()
    assert "NoNewPrivs:\t1" in status
    assert "Seccomp:\t2" in status
    os.kill(child.pid, signal.SIGKILL)
    assert "ends the process which decodes it (SIGKILL)" in refused(HONEST)
    assert normalise_image(HONEST.encode()).width == 96
    assert image_process._process().child.pid != child.pid


ESCAPES = {
    "open": "open('/etc/passwd')",
    "socket": "__import__('socket').socket()",
    "start": "__import__('os').fork()",
    "kill": "__import__('os').kill(1, 0)",
    "unlink": "__import__('os').unlink('/nonexistent')",
    "limits": "resource.setrlimit(resource.RLIMIT_NOFILE, (9, 9)) or open('/etc/passwd')",
}


@pytest.mark.skipif(sys.platform != "linux", reason="filters of calls are Linux's")
@pytest.mark.parametrize("way", ESCAPES)
def test_even_code_inside_the_process_reaches_nothing(way: str) -> None:
    code = (
        "import os, socket, resource\n"
        "from challenge.task.image_worker import _confine, _load_decoders\n"
        "_load_decoders()\n_confine()\n"
        f"try:\n    {ESCAPES[way]}\n"
        "except OSError as error:\n    os._exit(error.errno)\n"
        "os._exit(0)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode in (1, 24)


def test_a_fork_has_a_process_of_its_own() -> None:
    normalise_image(HONEST.encode())
    before = image_process._process().child.pid
    child = os.fork()
    if not child:
        done = normalise_image(HONEST.encode()).width == 96
        other = image_process._process()
        done = done and other.child.pid != before
        other.end()
        os._exit(0 if done else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert normalise_image(HONEST.encode()).width == 96
    assert image_process._process().child.pid == before


@pytest.mark.slow
def test_the_largest_raster_image_fits_its_limits() -> None:
    target = io.BytesIO()
    Image.new("RGBA", (8000, 8000), (1, 2, 3, 4)).save(target, "PNG", compress_level=1)
    assert normalise_image(target.getvalue()).width == 8000


def test_the_limits_of_this_process_stay() -> None:
    normalise_image(HONEST.encode())
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] > 0
