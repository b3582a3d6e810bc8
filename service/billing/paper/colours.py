"""A seller's colours where they can be read. Pure."""

from __future__ import annotations

from typing import NamedTuple

from service.billing.parties import Branding

INK = "#1b1f24"
PRIMARY = "#1f3a5f"
ACCENT = "#2b7a78"
CONTRAST_MIN = 4.5
"""Of text on white (WCAG 2.2, 1.4.3)."""


class Colours(NamedTuple):
    """Of a paper."""

    heading: str
    """Text: dark enough to be read."""
    rule: str
    """Lines and borders: as the seller wants them."""


def colours_of(branding: Branding) -> Colours:
    """Those of the seller; a heading that would be too light is in plain ink."""
    primary = branding.primary_colour or PRIMARY
    heading = primary if contrast(primary) >= CONTRAST_MIN else INK
    return Colours(heading, branding.accent_colour or (branding.primary_colour or ACCENT))


def contrast(colour: str) -> float:
    """Of a colour `#rrggbb` on white, 1 to 21 (WCAG 2.2, "contrast ratio")."""
    red, green, blue = (_linear(int(colour[at : at + 2], 16) / 255) for at in (1, 3, 5))
    return 1.05 / (0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05)


def _linear(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else float(((part + 0.055) / 1.055) ** 2.4)
