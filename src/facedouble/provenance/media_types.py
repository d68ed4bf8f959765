"""Kinds of files that carry marks, by suffix, as media types."""

from __future__ import annotations

# Media types that embed their credentials, by suffix.
EMBEDDED_TYPES = {
    ".mp4": "video/mp4",
    ".m4v": "video/mp4",
    ".mov": "video/quicktime",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".tif": "image/tiff",
    ".tiff": "image/tiff",
}
# Media types whose credentials lie in a sidecar file of the same name that ends in .c2pa
# (C2PA specification, "External Manifests"; c2patool looks for this name).
SIDECAR_TYPES = {".mkv": "video/x-matroska", ".webm": "video/webm", ".exr": "image/x-exr"}
SIDECAR_SUFFIX = ".c2pa"

MEDIA_TYPES = EMBEDDED_TYPES | SIDECAR_TYPES | {".webp": "image/webp"}
"""Everything that can be verified."""
