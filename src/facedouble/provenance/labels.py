"""The plain labels: the IPTC digital source type, and China's implicit AIGC label; both as XMP.

*IPTC.* The property ``Iptc4xmpExt:DigitalSourceType`` of the IPTC Photo Metadata Standard holds the
address of a term of its NewsCodes: here "a composite that includes what a trained model made".

*AIGC.* GB 45438-2025, annex E: a metadata field whose name contains ``AIGC``, and in it a JSON text of
seven strings. ``Label`` is 1 for content that is synthetic. ``ContentProducer`` and ``ProduceID`` are
who made it and their number for it; the two of the propagator are the same when first written. The
reserved codes may stay empty. Values keep to printable ASCII without spaces, quotation marks and
backslashes, and a file carries one label. Where it lies is in the practice guides of August 2025:
TC260-PG-20259A for images (XMP, property ``AIGC`` in the name space below), TC260-PG-20257A for video
(MP4 and MOV: key ``AIGC`` in ``moov.udta.meta``, see :mod:`.mp4`; Matroska and WebM: a tag ``AIGC``).
The guides show the seven strings bare, as here; the annex wraps them in ``{"AIGC": ...}``, which is
read as well. (Known from secondary accounts that quote both; the texts themselves were not at hand.)
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from xml.etree import ElementTree

from facedouble._version import __version__
from facedouble.errors import SettingsError

SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
AIGC = "AIGC"
MOST = 1 << 20  # bytes of a label or packet that are read

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
    "dc": "http://purl.org/dc/elements/1.1/",
    "Iptc4xmpExt": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
    "TC260": "http://www.tc260.org.cn/ns/AIGC/1.0/",
}
_SOURCE_TYPE = f"{{{_NAMESPACES['Iptc4xmpExt']}}}DigitalSourceType"
_AIGC = f"{{{_NAMESPACES['TC260']}}}{AIGC}"
_TOOL = f"{{{_NAMESPACES['xmp']}}}CreatorTool"
_DESCRIPTION = f"{{{_RDF}}}Description"

for _prefix, _address in _NAMESPACES.items():
    ElementTree.register_namespace(_prefix, _address)


@dataclass(frozen=True, slots=True)
class Labels:
    """What the plain labels of a file say; ``None`` for one that is not there."""

    source_type: str | None = None
    aigc: dict[str, str] | None = None


def aigc_label(producer: str, identifier: str) -> str:
    """The JSON text of the AIGC label.

    Raises ``SettingsError`` for a producer that the standard's characters cannot name.
    """
    if not _ALLOWED.fullmatch(producer):
        raise SettingsError(
            f"the producer {producer!r} cannot be put into the AIGC label: use letters, digits and signs "
            "of ASCII without spaces, quotation marks and backslashes, or the producer's code"
        )
    values = ("1", producer, identifier, "", producer, identifier, "")
    return json.dumps(dict(zip(_FIELDS, values, strict=True)), separators=(",", ":"))


def read_aigc(text: str) -> dict[str, str] | None:
    """The fields of an AIGC label, ``None`` when the text is none."""
    try:
        found = json.loads(text)
    except ValueError:
        return None
    if isinstance(found, dict) and isinstance(found.get(AIGC), dict):
        found = found[AIGC]
    if not isinstance(found, dict) or "Label" not in found:
        return None
    return {str(key): str(value) for key, value in found.items()}


def xmp_packet(aigc: str | None, existing: bytes | None = None) -> bytes:
    """An XMP packet with the digital source type and, unless it is ``None``, the AIGC label.

    Other properties of an ``existing`` packet are kept; one that is damaged is replaced.
    """
    root = _parse(existing) if existing else None
    if root is None:
        root = ElementTree.Element(f"{{{_NAMESPACES['x']}}}xmpmeta")
    rdf = root if root.tag == f"{{{_RDF}}}RDF" else root.find(f"{{{_RDF}}}RDF")
    if rdf is None:
        rdf = ElementTree.SubElement(root, f"{{{_RDF}}}RDF")
    about = ""
    for description in rdf.findall(_DESCRIPTION):
        about = description.get(f"{{{_RDF}}}about", about)
        for name in (_SOURCE_TYPE, _AIGC, _TOOL):
            description.attrib.pop(name, None)
            for element in description.findall(name):
                description.remove(element)
    ours = ElementTree.SubElement(rdf, _DESCRIPTION, {f"{{{_RDF}}}about": about})
    ElementTree.SubElement(ours, _TOOL).text = f"facedouble {__version__}"
    ElementTree.SubElement(ours, _SOURCE_TYPE).text = SOURCE_TYPE
    if aigc is not None:
        ElementTree.SubElement(ours, _AIGC).text = aigc
    text = ElementTree.tostring(root, encoding="unicode")
    # The identifier is that of the XMP specification, part 1; "r": to be replaced, not edited in place.
    return f'<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n{text}\n<?xpacket end="r"?>'.encode()


def read_packet(packet: bytes) -> Labels:
    """The labels in an XMP packet; none when it is damaged."""
    root = _parse(packet)
    if root is None:
        return Labels()
    source_type = aigc = None
    for description in root.iter(_DESCRIPTION):
        source_type = source_type or _property(description, _SOURCE_TYPE)
        aigc = aigc or _property(description, _AIGC)
    return Labels(source_type, read_aigc(aigc) if aigc else None)


def _property(description: ElementTree.Element, name: str) -> str | None:
    """A simple property in any of the three forms that RDF has for it."""
    element = description.find(name)
    if element is None:
        return description.get(name)
    return (element.text or "").strip() or element.get(f"{{{_RDF}}}resource")


def _parse(packet: bytes) -> ElementTree.Element | None:
    """The XML of a packet, ``None`` when it is none; without entities, which XMP does not have."""
    if len(packet) > MOST or b"<!" in packet.replace(b"<!--", b""):
        return None
    try:
        return ElementTree.fromstring(packet.strip(b"\0 \t\r\n"))
    except ElementTree.ParseError:
        return None
