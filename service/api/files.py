"""Files in requests: base64 inside JSON."""

from __future__ import annotations

import base64
import binascii


def encoded(value: object) -> object:
    """The bytes of a base64 text. Raises ValueError."""
    try:
        return base64.b64decode(value, validate=True) if isinstance(value, str) else value
    except (binascii.Error, ValueError):
        raise ValueError("base64 was expected") from None
