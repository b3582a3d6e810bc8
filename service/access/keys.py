"""Secrets that programs carry: made at random, kept as hashes. Their beginning says what they are."""

from __future__ import annotations

import hashlib
import secrets
from typing import NamedTuple

SESSION, TOKEN, LINK = "kbs_", "kbt_", "kbl_"


class Key(NamedTuple):
    """A new secret: shown once, kept as its hash."""

    text: str
    hash: str


def new_key(kind: str) -> Key:
    """256 random bits behind a prefix that says what it opens."""
    text = kind + secrets.token_urlsafe(32)
    return Key(text, hash_of(text))


def hash_of(text: str) -> str:
    """SHA-256: enough for what is random."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
