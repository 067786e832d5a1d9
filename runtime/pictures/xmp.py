"""XMP packets, which are XML: properties are changed or cut out, and every other byte stays as its author wrote it.

expat tells where each element is, so that prefixes, order, quotes and the wrapper's padding need not be made anew.
`metadata.py` says which properties.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NoReturn
from xml.parsers import expat

Rule = Callable[[str, str, str], str | None]
"""Takes namespace, name and text of a property: None leaves it alone, "" cuts it out, other text takes its place.

It is also asked of each namespace that is declared, without a name: "" cuts the declaration out."""

_Edit = tuple[int, int, bytes]
"""Where an edit begins and stops in a packet, and the bytes that take the place of those."""

_TAG = re.compile(rb"""<(?:[^<>"']++|"[^"]*+"|'[^']*+')*+>""")
_ATTRIBUTE = re.compile(rb"""\s([^\s=<>"']+)\s*=\s*("[^"]*"|'[^']*')""")
_MAX_DEPTH, _MAX_ELEMENTS = 100, 100_000
"""Of elements; a large packet, with a painter's every stroke in it, has some ten thousand."""


@dataclass
class _Element:
    """An element that is open."""

    at: int
    content_at: int
    closed: bool
    """Its first tag closes it."""
    simple: bool = True
    """No element is in it."""


def edit(packet: bytes, rule: Rule) -> bytes:
    """Return a packet whose properties, attributes and elements, are as the rule says; only simple ones have text.

    Raise ValueError unless it is well-formed XML in UTF-8 that declares no document type, and so no entities.
    """
    edits: list[_Edit] = []
    opened: list[_Element] = []
    left = _MAX_ELEMENTS
    parser = expat.ParserCreate("UTF-8", namespace_separator=" ")
    parser.namespace_prefixes = True

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal left
        at, tag = parser.CurrentByteIndex, _TAG.match(packet, parser.CurrentByteIndex)
        left -= 1
        if tag is None or len(opened) == _MAX_DEPTH or left < 0:
            raise ValueError("it has too many elements")
        if opened:
            opened[-1].simple = False
        opened.append(_Element(at, tag.end(), tag[0].endswith(b"/>")))
        edits.extend(_attribute_edits(packet, at, tag.end(), attributes, rule))

    def end(name: str) -> None:
        element, at = opened.pop(), parser.CurrentByteIndex
        new = rule(*_named(name), packet[element.content_at : at].decode() if element.simple else "")
        if new == "":
            while edits and edits[-1][0] > element.at:
                edits.pop()
            edits.append((element.at, element.content_at if element.closed else packet.index(b">", at) + 1, b""))
        elif new and not element.closed:
            edits.append((element.content_at, at, new.encode()))

    def refuse(*_: object) -> NoReturn:
        raise ValueError("it declares a document type")

    parser.StartElementHandler, parser.EndElementHandler, parser.StartDoctypeDeclHandler = start, end, refuse
    _parse(parser, packet)
    return _applied(packet, edits)


def _parse(parser: expat.XMLParserType, packet: bytes) -> None:
    try:
        packet.decode()
        parser.Parse(packet, True)
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8 text") from None
    except expat.ExpatError as error:
        raise ValueError(f"it is not well-formed: {error}") from error


def _attribute_edits(packet: bytes, at: int, stop: int, attributes: dict[str, str], rule: Rule) -> Iterator[_Edit]:
    """Yield what a rule makes of the attributes of a tag, and of the namespaces that it declares."""
    decided = {_qualified(name): rule(*_named(name), text) for name, text in attributes.items()}
    for attribute in _ATTRIBUTE.finditer(packet, at, stop):
        declared = rule(attribute[2][1:-1].decode(), "", "") if attribute[1].startswith(b"xmlns:") else None
        if (new := decided.get(attribute[1], declared)) is not None:
            inside = attribute.start(2) + 1, attribute.end(2) - 1
            yield (*inside, new.encode()) if new else (*attribute.span(), b"")


def _applied(packet: bytes, edits: list[_Edit]) -> bytes:
    """Return a packet after edits that do not overlap."""
    pieces, kept_to = [], 0
    for at, stop, text in sorted(edits):
        pieces += [packet[kept_to:at], text]
        kept_to = stop
    return b"".join([*pieces, packet[kept_to:]])


def value(packet: bytes, space: str, name: str) -> str:
    """Return the text of a property; empty where there is none, or no XMP."""
    texts: list[str] = []

    def look(*named: str) -> None:
        if named[:2] == (space, name):
            texts.append(named[2])

    try:
        edit(packet, look)
    except ValueError:
        return ""
    return texts[0].strip() if texts else ""


def _named(name: str) -> tuple[str, str]:
    """Return the namespace and the name in what expat calls an element or attribute: namespace, name, prefix."""
    space, *rest = name.split(" ")
    return (space, rest[0]) if rest else ("", space)


def _qualified(name: str) -> bytes:
    """Return the same as the file has it: prefix and name."""
    return ":".join(reversed(name.split(" ")[1:] or [name])).encode()
