"""What a TrueType font can show and how wide it is: its tables `cmap`, `hmtx` and `head` (OpenType 1.9). Pure."""

from __future__ import annotations

import struct


def widths_in(font: bytes) -> dict[str, int]:
    """Of each character that a font's file has, the width in thousandths of an em."""
    tables = _tables(font)
    glyphs = _glyphs(font, tables["cmap"])
    (units,) = struct.unpack_from(">H", font, tables["head"] + 18)
    (count,) = struct.unpack_from(">H", font, tables["hhea"] + 34)
    advances = struct.unpack_from(">" + "Hxx" * count, font, tables["hmtx"])
    # Glyphs behind the last width have that one ("hmtx — Horizontal Metrics Table").
    return {chr(code): advances[min(glyph, count - 1)] * 1000 // units for code, glyph in glyphs.items()}


def _tables(font: bytes) -> dict[str, int]:
    (count,) = struct.unpack_from(">H", font, 4)
    records = (struct.unpack_from(">4sIII", font, 12 + 16 * at) for at in range(count))
    return {tag.decode("ascii"): offset for tag, _, offset, _ in records}


def _glyphs(font: bytes, cmap: int) -> dict[int, int]:
    """Glyphs by code point, of all subtables in formats 4 and 12."""
    (count,) = struct.unpack_from(">H", font, cmap + 2)
    found: dict[int, int] = {}
    for at in range(count):
        (offset,) = struct.unpack_from(">I", font, cmap + 8 + 8 * at)
        (form,) = struct.unpack_from(">H", font, cmap + offset)
        if form in _FORMATS:
            found |= _FORMATS[form](font, cmap + offset)
    return found


def _format_4(font: bytes, at: int) -> dict[int, int]:
    """Segments of the basic plane; glyph 0 stands for what is missing."""
    (twice,) = struct.unpack_from(">H", font, at + 6)
    starts = (at + 14, at + 16 + twice, at + 16 + 2 * twice, at + 16 + 3 * twice)
    rows = (struct.unpack_from(f">{twice // 2}H", font, start) for start in starts)
    found = {}
    for segment, (end, start, delta, offset) in enumerate(zip(*rows, strict=True)):
        for code in range(start, min(end, 0xFFFE) + 1):
            glyph = code
            if offset:
                place = starts[3] + 2 * segment + offset + 2 * (code - start)
                (glyph,) = struct.unpack_from(">H", font, place)
            if glyph or not offset:
                found[code] = (glyph + delta) % 0x10000
    return {code: glyph for code, glyph in found.items() if glyph}


def _format_12(font: bytes, at: int) -> dict[int, int]:
    (count,) = struct.unpack_from(">I", font, at + 12)
    groups = (struct.unpack_from(">III", font, at + 16 + 12 * one) for one in range(count))
    return {code: glyph + code - start for start, end, glyph in groups for code in range(start, end + 1)}


_FORMATS = {4: _format_4, 12: _format_12}
