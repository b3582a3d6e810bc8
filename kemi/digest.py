"""Digest authentication of RFC 7616 and 8760, as far as a SIP server needs it: qop=auth, MD5 or SHA-256. Pure.

Kamailio's auth module is not used: its nonces live in memory of its own, where no transaction of ours sees whether one
was used, and one algorithm stands in its configuration.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import NamedTuple

from kemi.clock import Now

ALGORITHMS = {"MD5": "md5", "SHA-256": "sha256"}
"""What an installation may ask for: the name on the wire, and hashlib's."""
NONCE_S = 60
"""How old a nonce may be."""
FIRST_USE = "00000001"
"""The only count that a nonce may have: each is good for one request."""
HEADER_MAX = 2048
"""Characters of a header that anybody may send."""

_MAC_BYTES, _SALT_BYTES, _TIME_BYTES = 16, 8, 8
_PARAMETER = re.compile(r'\s*([A-Za-z0-9-]{1,20})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s",;]+))\s*(?:,|$)')
_REQUIRED = ("username", "realm", "nonce", "uri", "response", "cnonce", "qop", "nc")


class Credentials(NamedTuple):
    """What a header Authorization or Proxy-Authorization says."""

    username: str
    realm: str
    nonce: str
    uri: str
    response: str
    cnonce: str
    qop: str
    nc: str
    algorithm: str
    """MD5 where the header says nothing (RFC 7616 3.4)."""


def parse(header: str) -> Credentials | None:
    """The credentials of a header's body; None: they are of another scheme, or not as RFC 7616 has them."""
    scheme, _, rest = header.strip().partition(" ")
    if scheme.lower() != "digest" or len(header) > HEADER_MAX:
        return None
    found: dict[str, str] = {}
    at = 0
    while at < len(rest):
        match = _PARAMETER.match(rest, at)
        if match is None or match[1].lower() in found:
            return None
        quoted, plain = match[2], match[3]
        found[match[1].lower()] = plain if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
        at = match.end()
    if any(not found.get(name, "").isprintable() or not found.get(name) for name in _REQUIRED):
        return None
    return Credentials._make([*(found[name] for name in _REQUIRED), found.get("algorithm", "MD5")])


def response(algorithm: str, ha1: str, method: str, credentials: Credentials) -> str:
    """What the response must be (RFC 7616 3.4.1), with the nonce and the URI that the credentials name."""
    ha2 = _hash(algorithm, f"{method}:{credentials.uri}")
    _, _, nonce, _, _, cnonce, qop, nc, _ = credentials
    return _hash(algorithm, f"{ha1}:{nonce}:{nc}:{cnonce}:{qop}:{ha2}")


def is_right(algorithm: str, ha1: str, method: str, credentials: Credentials) -> bool:
    """Whether whoever sent them knows the password. It takes as long when they don't."""
    expected = response(algorithm, ha1, method, credentials)
    return hmac.compare_digest(expected.encode(), credentials.response.lower().encode("utf-8", "replace"))


def _hash(algorithm: str, text: str) -> str:
    return hashlib.new(ALGORITHMS[algorithm], text.encode(), usedforsecurity=False).hexdigest()


def ha1_of_nobody(algorithm: str, secret: bytes) -> str:
    """What a user that isn't there is compared with: as long as a real one, and nobody knows it."""
    return hmac.new(secret, b"nobody", ALGORITHMS[algorithm]).hexdigest()


def challenge(realm: str, nonce: str, algorithm: str, *, stale: bool) -> str:
    """The body of WWW-Authenticate or Proxy-Authenticate."""
    again = ", stale=true" if stale else ""
    return f'Digest realm="{realm}", nonce="{nonce}", qop="auth", algorithm={algorithm}{again}'


# --- nonces: nothing is kept of one until it is used


def new_nonce(secret: bytes, ip: str, salt: bytes, now: Now) -> str:
    """One that only this address may use. `salt`: random bytes, so that no two are the same."""
    head = now.boot_ms.to_bytes(_TIME_BYTES, "big") + salt[:_SALT_BYTES].ljust(_SALT_BYTES, b"\0")
    return (head + _mac(secret, ip, head)).hex()


def _mac(secret: bytes, ip: str, head: bytes) -> bytes:
    return hmac.new(secret, head + ip.encode(), "sha256").digest()[:_MAC_BYTES]


class Nonce(NamedTuple):
    """One of ours."""

    key: bytes
    """Its name among those that were used."""
    until_ms: int
    """Boot time at which it is too old."""


def own_nonce(secret: bytes, ip: str, text: str) -> Nonce | None:
    """The nonce of a text, however old; None: it was not made here for this address."""
    if len(text) != 2 * (_TIME_BYTES + _SALT_BYTES + _MAC_BYTES) or not set(text) <= set("0123456789abcdef"):
        return None
    raw = bytes.fromhex(text)
    head, mac = raw[:-_MAC_BYTES], raw[-_MAC_BYTES:]
    if not hmac.compare_digest(mac, _mac(secret, ip, head)):
        return None
    return Nonce(mac, int.from_bytes(head[:_TIME_BYTES], "big") + NONCE_S * 1000)
