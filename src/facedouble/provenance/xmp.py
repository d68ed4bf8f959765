"""The plain-text labels, and XMP packets that hold them: IPTC digital source type and AIGC label.

*IPTC.* The property ``Iptc4xmpExt:DigitalSourceType`` of the IPTC Photo Metadata Standard holds the
address of a NewsCodes term: here "composite with trained algorithmic media".

*AIGC.* GB 45438-2025, annex E: a metadata field whose name contains ``AIGC``, and in it a JSON text of
seven strings. ``Label`` is 1 for synthetic content. ``ContentProducer`` and ``ProduceID`` are the producer
and its number for the file; the propagator's fields repeat them at first. The reserved codes may be empty.
Values are printable ASCII without spaces, quotation marks and backslashes, and a file carries one label.
The practice guides of August 2025 say where the label lies:
TC260-PG-20259A for images (XMP, property ``AIGC`` in the name space below), TC260-PG-20257A for video
(MP4 and MOV: key ``AIGC`` in ``moov.udta.meta``, see :mod:`.mp4`; Matroska and WebM: a tag ``AIGC``).
The guides show the seven strings bare, which is what is written here; the annex wraps them in
``{"AIGC": ...}``, which is read too. (From secondary accounts that quote both, not from the originals.)
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

from facedouble._version import __version__
from facedouble.errors import SettingsError
from facedouble.json_data import parse_json
from facedouble.provenance.carried import MAX_PACKET

DIGITAL_SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
AIGC = "AIGC"
MAX_LABEL = 1 << 14
"""Characters of an AIGC label; longer ones are ignored."""
_MAX_DEPTH = 64

_FIELDS = (
    "Label",
    "ContentProducer",
    "ProduceID",
    "ReservedCode1",
    "ContentPropagator",
    "PropagateID",
    "ReservedCode2",
)
_ALLOWED = re.compile(r"[!#-\[\]-~]+")

_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_NAMESPACES = {
    "x": "adobe:ns:meta/",
    "rdf": _RDF,
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "xmpMM": "http://ns.adobe.com/xap/1.0/mm/",
    "dcterms": "http://purl.org/dc/terms/",
    "dc": "http://purl.org/dc/elements/1.1/",
    "Iptc4xmpExt": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
    "TC260": "http://www.tc260.org.cn/ns/AIGC/1.0/",
}
_SOURCE_TYPE = f"{{{_NAMESPACES['Iptc4xmpExt']}}}DigitalSourceType"
_AIGC = f"{{{_NAMESPACES['TC260']}}}{AIGC}"
_PROVENANCE = f"{{{_NAMESPACES['dcterms']}}}provenance"
_TOOL = f"{{{_NAMESPACES['xmp']}}}CreatorTool"
_DESCRIPTION = f"{{{_RDF}}}Description"

for _prefix, _address in _NAMESPACES.items():
    ElementTree.register_namespace(_prefix, _address)


@dataclass(frozen=True, slots=True)
class Labels:
    """The plain labels of a file; ``None`` for one that it lacks."""

    source_type: str | None = None
    aigc: dict[str, str] | None = None


def aigc_label(producer: str, identifier: str) -> str:
    """The JSON text of the AIGC label.

    Raises ``SettingsError`` for a producer with characters that the standard does not allow.
    """
    if not _ALLOWED.fullmatch(producer):
        raise SettingsError(
            f"the producer {producer!r} does not fit the AIGC label: use ASCII letters, digits and signs "
            "without spaces, quotation marks and backslashes, or the producer's code"
        )
    values = ("1", producer, identifier, "", producer, identifier, "")
    return json.dumps(dict(zip(_FIELDS, values, strict=True)), separators=(",", ":"))


def read_aigc(text: str) -> dict[str, str] | None:
    """The fields of an AIGC label; ``None`` when ``text`` is not one. Values other than texts and numbers,
    which the standard does not have, are left out."""
    if len(text) > MAX_LABEL:
        return None
    try:
        found = parse_json(text)
    except (ValueError, RecursionError):
        return None
    if isinstance(found, dict) and isinstance(found.get(AIGC), dict):
        found = found[AIGC]
    if not isinstance(found, dict) or not isinstance(found.get("Label"), str | int):
        return None
    return {key: str(value) for key, value in found.items() if isinstance(value, str | int)}


def xmp_packet(aigc: str | None, existing: bytes | None = None) -> bytes:
    """An XMP packet with the digital source type and, if given, the AIGC label.

    Other properties of the ``existing`` packet are kept; a damaged packet is replaced.
    """
    root = _parse(existing) if existing else None
    if root is None:
        root = ElementTree.Element(f"{{{_NAMESPACES['x']}}}xmpmeta")
    rdf = root if root.tag == f"{{{_RDF}}}RDF" else root.find(f"{{{_RDF}}}RDF")
    if rdf is None:
        rdf = ElementTree.SubElement(root, f"{{{_RDF}}}RDF")
    subject = ""
    for description in rdf.findall(_DESCRIPTION):
        subject = description.get(f"{{{_RDF}}}about", subject)
        for name in (_SOURCE_TYPE, _AIGC, _TOOL):
            description.attrib.pop(name, None)
            for element in description.findall(name):
                description.remove(element)
    ours = ElementTree.SubElement(rdf, _DESCRIPTION, {f"{{{_RDF}}}about": subject})
    ElementTree.SubElement(ours, _TOOL).text = f"facedouble {__version__}"
    ElementTree.SubElement(ours, _SOURCE_TYPE).text = DIGITAL_SOURCE_TYPE
    if aigc is not None:
        ElementTree.SubElement(ours, _AIGC).text = aigc
    text = ElementTree.tostring(root, encoding="unicode")
    # The id is fixed by the XMP specification, part 1; end="r" means read-only in place.
    return f'<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n{text}\n<?xpacket end="r"?>'.encode()


def read_packet(packet: bytes) -> Labels:
    """The labels in an XMP packet; empty when it is damaged."""
    found = _properties(packet, _SOURCE_TYPE, _AIGC)
    aigc = found[_AIGC]
    return Labels(found[_SOURCE_TYPE], read_aigc(aigc) if aigc else None)


def read_provenance(packet: bytes) -> str | None:
    """Where a packet says that the credentials are (``dcterms:provenance``; C2PA specification, "External
    Manifests"). Only to be shown: nothing is fetched."""
    return _properties(packet, _PROVENANCE)[_PROVENANCE]


def _properties(packet: bytes, *names: str) -> dict[str, str | None]:
    """The first value of each of these properties."""
    found: dict[str, str | None] = dict.fromkeys(names)
    root = _parse(packet)
    if root is not None:
        for description in root.iter(_DESCRIPTION):
            for name in names:
                found[name] = found[name] or _property(description, name)
    return found


def _property(description: ElementTree.Element, name: str) -> str | None:
    """A simple property, in any of RDF's three forms."""
    element = description.find(name)
    if element is None:
        return description.get(name)
    return (element.text or "").strip() or element.get(f"{{{_RDF}}}resource")


def _parse(packet: bytes) -> ElementTree.Element | None:
    """The XML of a packet; ``None`` when it is malformed or declares entities, which XMP does not have."""
    if len(packet) > MAX_PACKET:
        return None
    try:
        text = packet.decode(_encoding(packet)).strip("\ufeff\0 \t\r\n")
        if "<!" in text.replace("<!--", ""):
            return None
        parser = ElementTree.XMLParser(target=_BoundedBuilder())
        parser.feed(text)
        return parser.close()
    except (ElementTree.ParseError, UnicodeDecodeError):
        return None


def _encoding(packet: bytes) -> str:
    """UTF-8, UTF-16 or UTF-32, by the first bytes (XMP specification, part 1, "Serialization"). What an XML
    declaration says does not count."""
    start = packet[:4]
    if start[:3] == b"\0\0\0" or start == b"\0\0\xfe\xff":
        return "utf-32-be"
    if start[1:4] == b"\0\0\0" or start == b"\xff\xfe\0\0":
        return "utf-32-le"
    if start[:1] == b"\0" or start[:2] == b"\xfe\xff":
        return "utf-16-be"
    if start[1:2] == b"\0" or start[:2] == b"\xff\xfe":
        return "utf-16-le"
    return "utf-8"


class _BoundedBuilder(ElementTree.TreeBuilder):
    """Builds the tree, unless elements are nested deeper than in any packet."""

    def __init__(self) -> None:
        super().__init__()
        self._depth = 0

    def start(self, tag: Any, attrs: Any, /) -> ElementTree.Element:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise ElementTree.ParseError("nested too deeply")
        return super().start(tag, attrs)

    def end(self, tag: str, /) -> ElementTree.Element:
        self._depth -= 1
        return super().end(tag)
