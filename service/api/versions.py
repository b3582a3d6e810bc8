"""Versions of what isn't counted: a number made of what it says, other for other words. Pure."""

from __future__ import annotations

import hashlib
import json
from typing import Any

VERSION_BYTES = 6
"""As digits fifteen at most, which JSON's readers don't round."""


def version_of(told: Any) -> int:
    """Of what JSON can say."""
    text = json.dumps(told, sort_keys=True, separators=(",", ":"))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:VERSION_BYTES])
