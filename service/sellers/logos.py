"""How large a logo is, read from its first bytes: small files may hold pictures that fill the memory. Pure."""

from __future__ import annotations

import struct

PIXELS_MAX = 4_000
"""Of each side."""
TYPES = ("image/png", "image/jpeg")
_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8"
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""Markers SOF of ITU-T T.81, table B.1."""


def logo_problem(logo: bytes, logo_type: str) -> str | None:
    """What is wrong with a logo; None: nothing."""
    if logo_type not in TYPES:
        return f"a logo is one of {', '.join(TYPES)}, not {logo_type!r}"
    try:
        width, height = _png_size(logo) if logo_type == "image/png" else _jpeg_size(logo)
    except (struct.error, ValueError):
        return f"the logo is not a picture of type {logo_type}"
    if not (0 < width <= PIXELS_MAX and 0 < height <= PIXELS_MAX):
        return f"the logo has {width} x {height} pixels: at most {PIXELS_MAX} x {PIXELS_MAX} are taken"
    return None


def _png_size(logo: bytes) -> tuple[int, int]:
    """Of the chunk IHDR, which is the first one."""
    signature, _, name, width, height = struct.unpack_from(">8sI4sII", logo)
    if signature != _PNG or name != b"IHDR":
        raise ValueError
    return int(width), int(height)


def _jpeg_size(logo: bytes) -> tuple[int, int]:
    """Of the first frame."""
    if not logo.startswith(_JPEG):
        raise ValueError
    at = 2
    while True:
        mark, kind, length = struct.unpack_from(">BBH", logo, at)
        if mark != 0xFF or length < 2:
            raise ValueError
        if kind in _FRAMES:
            height, width = struct.unpack_from(">HH", logo, at + 5)
            return int(width), int(height)
        at += 2 + length
