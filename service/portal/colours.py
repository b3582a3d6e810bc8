"""A seller's colours as a style sheet that can be read: text on them and links in them keep WCAG's contrast. Pure."""

from __future__ import annotations

PRIMARY, ACCENT = "#1f4e79", "#0b6e4f"
"""The program's own."""
CONTRAST_MIN = 4.5
DARK_GROUND, LIGHT_GROUND = "#212529", "#f8f9fa"
STEPS = 50


def _channels(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def luminance(colour: str) -> float:
    """Relative luminance by WCAG 2: 0 is black, 1 is white."""
    parts = [channel / 255 for channel in _channels(colour)]
    red, green, blue = (one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Of two colours by WCAG 2: 1 to 21."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def text_on(ground: str) -> str:
    """White or black, whichever is read better."""
    return "#ffffff" if contrast(ground, "#ffffff") >= contrast(ground, "#000000") else "#000000"


def readable_on(colour: str, ground: str) -> str:
    """The colour, moved towards black or white until it can be read as text on the ground."""
    end = (0, 0, 0) if luminance(ground) > 0.5 else (255, 255, 255)
    for step in range(STEPS + 1):
        mixed = [round(one + (to - one) * step / STEPS) for one, to in zip(_channels(colour), end, strict=True)]
        found = "#{:02x}{:02x}{:02x}".format(*mixed)
        if contrast(found, ground) >= CONTRAST_MIN:
            return found
    return "#{:02x}{:02x}{:02x}".format(*end)


def style_sheet(primary: str, accent: str) -> str:
    """Sets the portal's variables. Empty: the program's own colours."""
    one, two = (primary or PRIMARY).lower(), (accent or ACCENT).lower()
    light, dark = readable_on(one, LIGHT_GROUND), readable_on(one, DARK_GROUND)
    return (
        f":root{{--kb-bar:{one};--kb-bar-text:{text_on(one)};--kb-accent:{two}}}\n"
        f":root,[data-bs-theme=light]{{{_theme(light)}}}\n[data-bs-theme=dark]{{{_theme(dark)}}}\n"
    )


def _theme(colour: str) -> str:
    numbers = ",".join(str(one) for one in _channels(colour))
    return (
        f"--kb-primary:{colour};--kb-primary-text:{text_on(colour)};"
        f"--bs-primary:{colour};--bs-primary-rgb:{numbers};--bs-link-color:{colour};--bs-link-color-rgb:{numbers};"
        f"--bs-link-hover-color:{colour};--bs-link-hover-color-rgb:{numbers}"
    )
