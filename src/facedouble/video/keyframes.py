"""Which keyframes decoding can start at and give exact frames.

A container's keyframe flag is a promise of various worth. From a safe keyframe on, every frame that is shown
with it or after it comes out as in linear decoding; frames that are decoded after it but shown in front of it
(the leading frames of an open GOP) do not.
"""

from __future__ import annotations

from collections.abc import Iterator

import av

# Codecs whose keyframes reset everything that later frames refer to. In MPEG-1, 2 and 4 a P-frame refers to
# the last I- or P-frame only; VP8, VP9 and AV1 refresh all references; FFV1 resets its contexts.
_RESETTING = {"mpeg1video", "mpeg2video", "mpeg4", "flv", "flv1", "vp8", "vp9", "av1", "ffv1", "png"}

_H264_IDR, _H264_SEI = 5, 6
_RECOVERY_POINT = 6  # type of an SEI message
_HEVC_IRAP = range(16, 22)  # BLA, IDR and CRA pictures of H.265
_HEVC_VCL = 32  # types below this are pictures


def is_safe_keyframe(context: av.VideoCodecContext, data: bytes) -> bool:
    """Whether decoding can start at a packet that is flagged as a keyframe, given its bytes."""
    codec = context.codec
    name = codec.canonical_name
    if codec.intra_only or name in _RESETTING:
        return True
    if name == "h264":
        return _h264(context, data)
    if name == "hevc":
        types = ((unit[0] >> 1) & 0x3F for unit in _units(context, data) if unit)
        first = next((kind for kind in types if kind < _HEVC_VCL), None)
        return first in _HEVC_IRAP
    return False


def shows_nothing(context: av.VideoCodecContext, data: bytes) -> bool:
    """Whether a packet is decoded but never shown: the alternate reference frames of VP8 and VP9."""
    name = context.codec.canonical_name
    if not data:
        return False
    if name == "vp8":
        return not data[0] & 0x10  # show_frame, RFC 6386, section 9.1
    if name == "vp9" and data[-1] & 0xE0 != 0xC0:  # not a superframe, which always shows one
        bits = f"{data[0]:08b}{data[1] if len(data) > 1 else 0:08b}"
        at = 5 if bits[2:4] == "11" else 4  # profile 3 has a reserved bit
        return bits[at] == "0" and bits[at + 2] == "0"  # neither show_existing_frame nor show_frame
    return False


def _h264(context: av.VideoCodecContext, data: bytes) -> bool:
    """An IDR picture, or a recovery point that is exact at once (H.264, D.2.8)."""
    for unit in _units(context, data):
        kind = unit[0] & 0x1F if unit else 0
        if kind == _H264_IDR:
            return True
        if kind == _H264_SEI and _exact_recovery(unit[1:].replace(b"\0\0\3", b"\0\0")):
            return True
        if 1 <= kind < _H264_IDR:
            return False
    return False


def _exact_recovery(messages: bytes) -> bool:
    """Whether a list of SEI messages has a recovery point with recovery_frame_cnt 0 and exact_match_flag."""
    at = 0
    while at + 2 < len(messages):
        numbers = []
        for _ in range(2):  # type and size, each a sum of bytes up to the first that is not 255
            number = 0
            while at < len(messages) and messages[at] == 0xFF:
                number += 0xFF
                at += 1
            number += messages[at] if at < len(messages) else 0
            at += 1
            numbers.append(number)
        kind, size = numbers
        if kind == _RECOVERY_POINT and at < len(messages):
            return messages[at] & 0xC0 == 0xC0  # ue(v) 0 is the bit 1, then the flag
        at += size
    return False


def _units(context: av.VideoCodecContext, data: bytes) -> Iterator[bytes]:
    """The NAL units of a packet, by start codes or by lengths as its stream has them."""
    extra = context.extradata or b""
    if extra[:1] != b"\1":
        yield from data.split(b"\0\0\1")[1:]
        return
    hevc = context.codec.canonical_name == "hevc"
    at = 21 if hevc else 4
    width = (extra[at] & 3) + 1 if len(extra) > at else 4
    place = 0
    while place + width <= len(data):
        size = int.from_bytes(data[place : place + width], "big")
        place += width
        yield data[place : place + size]
        place += size
