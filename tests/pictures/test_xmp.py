"""XMP packets: what a rule changes, what stays byte for byte, what is refused."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.pictures import xmp

TIFF = "http://ns.adobe.com/tiff/1.0/"
HEAD = (
    b'<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?>\n<x:xmpmeta xmlns:x="adobe:ns:meta/">\n '
    b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">\n  '
)
FOOT = b'\n </rdf:RDF>\n</x:xmpmeta>\n  \n<?xpacket end="w"?>'


def packet(attributes: str, properties: str = "") -> bytes:
    """Return a packet with a description of attributes and properties, of TIFF with the prefixes tiff and t."""
    spaces = f'rdf:about="" xmlns:tiff="{TIFF}" xmlns:t="{TIFF}" xmlns:other="urn:other"'
    description = f"<rdf:Description {spaces}{attributes}>{properties}</rdf:Description>"
    return HEAD + description.encode() + FOOT


def one(text: str) -> xmp.Rule:
    """Return the rule by which the orientation becomes a text."""
    return lambda space, name, _: text if (space, name) == (TIFF, "Orientation") else None


def test_without_a_decision_nothing_changes() -> None:
    given = packet(" tiff:Orientation = '6'", "<!-- é --><other:a>1 &lt; 2</other:a><other:b/>")
    assert xmp.edit(given, lambda *_: None) == given


@pytest.mark.parametrize(
    "before, after",
    [
        ((' tiff:Orientation="6"', ""), (' tiff:Orientation="1"', "")),
        (("\n t:Orientation = '8' tiff:Make='x'", ""), ("\n t:Orientation = '1' tiff:Make='x'", "")),
        (("", "<tiff:Orientation>6</tiff:Orientation>"), ("", "<tiff:Orientation>1</tiff:Orientation>")),
        (("", "<t:Orientation\n> 3 </t:Orientation >"), ("", "<t:Orientation\n>1</t:Orientation >")),
        ((" other:Orientation='6'", "<tiff:Orientation/>"), (" other:Orientation='6'", "<tiff:Orientation/>")),
        ((" other:a=\" tiff:Orientation='6' >\" t:Orientation='6'", ""), None),
    ],
)
def test_a_value_changes_in_its_place(before: tuple[str, str], after: tuple[str, str] | None) -> None:
    after = after or (" other:a=\" tiff:Orientation='6' >\" t:Orientation='1'", "")
    assert xmp.edit(packet(*before), one("1")) == packet(*after)


@pytest.mark.parametrize(
    "before",
    [
        (" tiff:Orientation='6'", ""),
        ("", "<tiff:Orientation>6</tiff:Orientation>"),
        ("", "<t:Orientation/>"),
        (
            "",
            "<tiff:Orientation><rdf:Seq><rdf:li t:a='2'><t:Orientation/></rdf:li></rdf:Seq></tiff:Orientation>",
        ),
    ],
)
def test_what_is_cut_out_leaves_the_rest(before: tuple[str, str]) -> None:
    assert xmp.edit(packet(before[0] + " other:b='2'", before[1] + "<other:a>1</other:a>"), one("")) == packet(
        " other:b='2'", "<other:a>1</other:a>"
    )


def test_a_value_is_found_under_any_prefix() -> None:
    assert xmp.value(packet(" t:Orientation='6'"), TIFF, "Orientation") == "6"
    assert xmp.value(packet("", "<tiff:Orientation> 8 </tiff:Orientation>"), TIFF, "Orientation") == "8"
    assert xmp.value(packet(" other:Orientation='6'"), TIFF, "Orientation") == ""
    assert xmp.value(b"rubbish", TIFF, "Orientation") == ""


@pytest.mark.parametrize(
    "given, told",
    [
        (b"", "not well-formed"),
        (b"<a><b></a>", "not well-formed"),
        (b"<tiff:Orientation/>", "unbound prefix"),
        (b"\xff\xfe<\0a\0/\0>\0", "not UTF-8"),
        (b"<a>\xe9</a>", "not UTF-8"),
        (b"<a/>" + b"\0", "not well-formed"),
        (b"<a>" * 200 + b"</a>" * 200, "too many elements"),
        (b"<a>" + b"<b/>" * 200_000 + b"</a>", "too many elements"),
        (b"<!DOCTYPE a><a/>", "document type"),
        (b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>', "document type"),
        (b'<!DOCTYPE a [<!ENTITY b "bbbb"><!ENTITY c "&b;&b;&b;&b;">]><a>&c;</a>', "document type"),
    ],
)
def test_what_is_no_xmp_is_an_error(given: bytes, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        xmp.edit(given, lambda *_: None)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_no_damage_is_anything_but_an_error(data: st.DataObject) -> None:
    block = bytearray(packet(" tiff:Orientation='6'", "<tiff:Orientation>6</tiff:Orientation><other:a/>"))
    for _ in range(data.draw(st.integers(1, 4))):
        block[data.draw(st.integers(0, len(block) - 1))] = data.draw(st.integers(0, 255))
    try:
        edited = xmp.edit(bytes(block), one(""))
    except ValueError:
        return
    assert xmp.value(edited, TIFF, "Orientation") == ""
