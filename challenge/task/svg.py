"""Rebuilds an untrusted SVG from an allow-list, so that it refers to nothing outside the file.

The text is parsed without a DTD. The result has allowed elements and attributes, without prefixes
in the SVG namespace, and references only to ids of the same file. Embedded PNG and JPEG images
are encoded again. Text, scripts, metadata and other namespaces are dropped; references to the
outside are refused. Size, depth and expansion are capped.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

from challenge.task.image_process import ImageFault

__all__ = ["Drawing", "rebuild_svg"]

MAX_SVG_BYTES = 16 << 20
MAX_ELEMENTS = 100_000
MAX_DEPTH = 100
MAX_EXPANDED = 500_000
"""Elements after all references (`use`, pattern, mask and others) are expanded."""

_SVG = "http://www.w3.org/2000/svg"
_XLINK = "http://www.w3.org/1999/xlink"
_XML = "http://www.w3.org/XML/1998/namespace"


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_ELEMENTS = _names(
    "svg g a defs symbol use switch style image path rect circle ellipse line polyline polygon "
    "linearGradient radialGradient stop pattern clipPath mask marker filter feBlend feColorMatrix "
    "feComponentTransfer feComposite feConvolveMatrix feDiffuseLighting feDisplacementMap "
    "feDistantLight feDropShadow feFlood feFuncA feFuncB feFuncG feFuncR feGaussianBlur feMerge "
    "feMergeNode feMorphology feOffset fePointLight feSpecularLighting feSpotLight feTile "
    "feTurbulence"
)
_LINKED = frozenset(("use", "image", "linearGradient", "radialGradient", "pattern", "filter"))
_PRESENTATION = _names(
    "clip-path clip-rule color color-interpolation color-interpolation-filters color-rendering "
    "display fill fill-opacity fill-rule filter flood-color flood-opacity font-size "
    "image-rendering isolation lighting-color marker marker-end marker-mid marker-start mask "
    "mask-type mix-blend-mode opacity overflow paint-order shape-rendering stop-color "
    "stop-opacity stroke stroke-dasharray stroke-dashoffset stroke-linecap stroke-linejoin "
    "stroke-miterlimit stroke-opacity stroke-width transform transform-box transform-origin "
    "vector-effect visibility"
)
_ATTRIBUTES = _PRESENTATION | _names(
    "id class d points x y x1 y1 x2 y2 cx cy r rx ry fx fy fr width height viewBox "
    "preserveAspectRatio pathLength offset gradientUnits gradientTransform spreadMethod "
    "patternUnits patternContentUnits patternTransform clipPathUnits maskUnits maskContentUnits "
    "markerUnits markerWidth markerHeight refX refY orient systemLanguage requiredExtensions "
    "requiredFeatures filterUnits primitiveUnits in in2 result stdDeviation edgeMode mode operator "
    "k1 k2 k3 k4 type values tableValues slope intercept amplitude exponent dx dy order "
    "kernelMatrix kernelUnitLength divisor bias targetX targetY preserveAlpha radius baseFrequency "
    "numOctaves seed stitchTiles scale xChannelSelector yChannelSelector surfaceScale "
    "diffuseConstant specularConstant specularExponent azimuth elevation z pointsAtX pointsAtY "
    "pointsAtZ limitingConeAngle"
)

_OUTSIDE = "an SVG that refers to something outside itself"
_URL = re.compile(r"url\s*\(", re.IGNORECASE)
_LOCAL_URL = re.compile(r"""url\(\s*(["']?)\s*#([^\s"'()]+)\s*\1\s*\)""", re.IGNORECASE)
_DATA_URI = re.compile(r"\s*data:image/(?:png|jpe?g)\s*;\s*base64\s*,", re.IGNORECASE)
_PLAIN_VALUE = re.compile(r"[^\\{}<>@;]*")
_SELECTOR = re.compile(r"""[\w\s.#>+~*,:()\[\]="'|^$-]*""")
_PUBLIC_DTD = re.compile(r"https?://www\.w3\.org/[\w./-]*")


@dataclass(frozen=True)
class Drawing:
    """An SVG that refers to nothing outside itself, and the proportions of its canvas."""

    text: str
    width: float
    height: float


@dataclass
class _Node:
    """A kept element: its children by position, its references by id."""

    children: list[int] = field(default_factory=list)
    references: list[str] = field(default_factory=list)


def rebuild_svg(data: bytes, reencode: Callable[[bytes], bytes]) -> Drawing:
    """Return the drawing rebuilt from the allow-list; raise ImageFault when it is refused.

    `reencode` turns the bytes of an embedded image into those of a plain PNG.
    """
    if len(data) > MAX_SVG_BYTES:
        raise ImageFault(f"an SVG of {len(data):,} bytes (at most {MAX_SVG_BYTES:,})")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ImageFault("an SVG that is not UTF-8") from None
    rebuild = _Rebuild(reencode)
    parser = expat.ParserCreate("utf-8")
    parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _check_doctype
    parser.EntityDeclHandler = _refuse_entity
    parser.SkippedEntityHandler = _refuse_entity
    parser.ExternalEntityRefHandler = _refuse_entity
    parser.StartElementHandler = rebuild.start
    parser.EndElementHandler = rebuild.end
    parser.CharacterDataHandler = rebuild.characters
    try:
        parser.Parse(text.encode(), True)
    except expat.ExpatError as problem:
        raise ImageFault(f"an SVG that cannot be drawn ({problem})") from None
    return rebuild.drawing()


def _check_doctype(
    name: str, system: str | None, public: str | None, has_internal_subset: bool
) -> None:
    """Accept the standard DOCTYPE, which is never fetched; refuse any other."""
    if has_internal_subset:
        _refuse_entity()
    if system is not None and not _PUBLIC_DTD.fullmatch(system):
        raise ImageFault(_OUTSIDE)


def _refuse_entity(*_: object) -> int:
    raise ImageFault("an SVG that declares entities (they can name outside files)")


class _Rebuild:
    """Handles parser events and writes the kept elements."""

    def __init__(self, reencode: Callable[[bytes], bytes]) -> None:
        self._reencode = reencode
        self._written: list[str] = []
        self._scopes: list[dict[str, str]] = [{"xml": _XML, "xlink": _XLINK}]
        self._nodes: list[_Node] = []
        self._by_id: dict[str, list[int]] = {}
        self._open: list[tuple[str, int]] = []
        self._n_elements = 0
        self._left_out = 0
        self._css: list[str] | None = None
        self._size = (1.0, 1.0)

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._n_elements += 1
        if self._n_elements > MAX_ELEMENTS:
            raise ImageFault(f"an SVG of more than {MAX_ELEMENTS:,} elements")
        if len(self._scopes) > MAX_DEPTH:
            raise ImageFault(f"an SVG nested deeper than {MAX_DEPTH} elements")
        self._scopes.append(self._scope(attributes))
        local = self._local(name)
        if not self._open and local != "svg":
            raise ImageFault("an SVG whose root is not `svg` in the SVG namespace")
        if self._left_out or local is None or local not in _ELEMENTS:
            self._left_out += 1
            return
        kept = self._attributes(local, attributes)
        if not self._open:
            self._size = _size(kept)
            self._written.append(f'<svg xmlns="{_SVG}"')
        else:
            self._written.append(f"<{local}")
        self._add_node(local, kept)
        self._written += [f" {key}={quoteattr(value)}" for key, value in kept.items()]
        self._written.append(">")
        if local == "style":
            self._css = []

    def end(self, name: str) -> None:
        self._scopes.pop()
        if self._left_out:
            self._left_out -= 1
            return
        local, _ = self._open.pop()
        if self._css is not None and local == "style":
            self._written.append(escape(_style_sheet("".join(self._css))))
            self._css = None
        self._written.append(f"</{local}>")

    def characters(self, text: str) -> None:
        if self._css is not None and not self._left_out:
            self._css.append(text)

    def drawing(self) -> Drawing:
        """Return the written SVG after the check of its expansion."""
        self._check_expansion()
        return Drawing("".join(self._written), *self._size)

    def _scope(self, attributes: dict[str, str]) -> dict[str, str]:
        declared = {
            key[6:]: value
            for key, value in attributes.items()
            if key == "xmlns" or key.startswith("xmlns:")
        }
        return {**self._scopes[-1], **declared} if declared else self._scopes[-1]

    def _local(self, name: str) -> str | None:
        """Return the name of an SVG element without its prefix; None for another namespace."""
        prefix, _, local = name.rpartition(":")
        namespace = self._scopes[-1].get(prefix)
        if prefix and namespace is None:
            raise ImageFault(f"an SVG that cannot be drawn (prefix {prefix[:20]!r} is undeclared)")
        if namespace == _SVG and local == "feImage" and not self._left_out:
            raise ImageFault("an SVG whose filter loads an image (`feImage`)")
        return local if namespace == _SVG else None

    def _attributes(self, element: str, attributes: dict[str, str]) -> dict[str, str]:
        kept: dict[str, str] = {}
        for name, value in attributes.items():
            prefix, _, local = name.rpartition(":")
            if local == "href" and (not prefix or self._scopes[-1].get(prefix) == _XLINK):
                if element in _LINKED and ("href" not in kept or not prefix):
                    kept["href"] = self._reference(element, value)
            elif local in _ATTRIBUTES and not prefix:
                kept[local] = _value(value)
            elif name == "style":
                kept["style"] = _declarations(value)
        if element == "style" and kept.get("type", "text/css") not in ("", "text/css"):
            kept["type"] = "none"
        return kept

    def _reference(self, element: str, value: str) -> str:
        target = value.strip()
        if element == "image":
            return self._embedded(target)
        if target and not target.startswith("#"):
            raise ImageFault(_OUTSIDE)
        return target

    def _embedded(self, uri: str) -> str:
        if not uri.lower().startswith("data:"):
            raise ImageFault(_OUTSIDE)
        head = _DATA_URI.match(uri)
        if head is None:
            raise ImageFault("an SVG that embeds something other than a PNG or JPEG in base64")
        try:
            # Exporters insert line breaks into base64.
            data = base64.b64decode("".join(uri[head.end() :].split()), validate=True)
        except (binascii.Error, ValueError):
            raise ImageFault("an SVG that embeds an image whose base64 is damaged") from None
        return "data:image/png;base64," + base64.b64encode(self._reencode(data)).decode()

    def _add_node(self, local: str, kept: dict[str, str]) -> None:
        position = len(self._nodes)
        if self._open:
            self._nodes[self._open[-1][1]].children.append(position)
        references = [
            match.group(2) for value in kept.values() for match in _LOCAL_URL.finditer(value)
        ]
        if kept.get("href", "").startswith("#"):
            references.append(kept["href"][1:])
        self._nodes.append(_Node(references=references))
        if "id" in kept:
            self._by_id.setdefault(kept["id"], []).append(position)
        self._open.append((local, position))

    def _check_expansion(self) -> None:
        """Refuse a drawing with circular references, or one that expands too far or too deep."""
        expanded: dict[int, tuple[int, int]] = {}
        entered: set[int] = set()
        stack = [0]
        while stack:
            position = stack[-1]
            if position in expanded:
                stack.pop()
                continue
            node = self._nodes[position]
            targets = node.children + [
                target for name in node.references for target in self._by_id.get(name, ())
            ]
            if position not in entered:
                entered.add(position)
                missing = [target for target in targets if target not in expanded]
                if any(target in entered for target in missing):
                    raise ImageFault("an SVG that refers to itself in a circle")
                stack += missing
                continue
            stack.pop()
            count = 1 + sum(expanded[target][0] for target in targets)
            depth = 1 + max((expanded[target][1] for target in targets), default=0)
            if count > MAX_EXPANDED or depth > 2 * MAX_DEPTH:
                raise ImageFault(
                    f"an SVG that expands to more than {MAX_EXPANDED:,} elements "
                    f"or {2 * MAX_DEPTH} levels"
                )
            expanded[position] = (count, depth)


def _value(text: str) -> str:
    """Return the value of an attribute or property; refuse references to the outside."""
    if len(_URL.findall(text)) != len(_LOCAL_URL.findall(text)):
        raise ImageFault(_OUTSIDE)
    return text


def _declarations(text: str) -> str:
    """Return the known properties of `name: value; ...`."""
    kept = []
    for part in _without_comments(text).split(";"):
        name, _, value = part.partition(":")
        value = _value(value).strip()
        if name.strip() in _PRESENTATION:
            if not _PLAIN_VALUE.fullmatch(value):
                raise ImageFault("an SVG whose style has escapes or blocks")
            kept.append(f"{name.strip()}:{value}")
    return ";".join(kept)


def _style_sheet(text: str) -> str:
    """Return the rules of a style sheet with known properties, without its at-rules."""
    text = _without_comments(text.replace("<!--", " ").replace("-->", " "))
    if re.search(r"@\s*import", text, re.IGNORECASE) or "\\" in text:
        raise ImageFault(_OUTSIDE)
    rules = []
    position = 0
    for found in re.finditer(r"[{};]", text):
        if found.start() < position:
            continue
        head = text[position : found.start()].strip()
        if found.group() != "{":
            # A statement such as `@charset`, or a stray bracket.
            position = found.end()
            continue
        position = _end_of_block(text, found.start())
        if head.startswith("@"):
            _value(text[found.end() : position])
            continue
        if not _SELECTOR.fullmatch(head):
            raise ImageFault("an SVG whose style sheet has an unknown kind of selector")
        rules.append(f"{head}{{{_declarations(text[found.end() : position - 1])}}}")
    return "\n".join(rules)


def _end_of_block(text: str, start: int) -> int:
    """Return the index after the bracket that closes the one at `start`."""
    depth = 0
    for found in re.compile(r"[{}]").finditer(text, start):
        depth += 1 if found.group() == "{" else -1
        if not depth:
            return found.end()
    raise ImageFault("an SVG whose style sheet is cut off")


def _without_comments(text: str) -> str:
    return re.sub(r"/\*.*?(?:\*/|\Z)", " ", text, flags=re.DOTALL)


def _size(root: dict[str, str]) -> tuple[float, float]:
    """Return the proportions of the drawing, from its width and height or its view box."""
    sides = [re.match(r"\s*([\d.]+)", root.get(name, "")) for name in ("width", "height")]
    box = re.split(r"[\s,]+", root.get("viewBox", "").strip())
    try:
        if sides[0] and sides[1]:
            return float(sides[0].group(1)), float(sides[1].group(1))
        return (float(box[2]), float(box[3])) if len(box) == 4 else (1.0, 1.0)
    except ValueError:
        raise ImageFault("an SVG whose size is no number") from None
