"""Answers to challenges of carriers (RFC 2617, RFC 7616, RFC 8760): MD5 and SHA-256, from what is stored of a password.
Pure; what a carrier sends is checked before it goes into a header.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from hashlib import md5, sha256
from typing import NamedTuple

CHALLENGE_MAX = 2_048
"""Characters of a challenge."""
_PARAMETER = re.compile(r'([A-Za-z0-9_-]{1,32})[ \t]*=[ \t]*(?:"([^"\\]*)"|([^\s",]+))[ \t]*(?:,[ \t]*|$)')


def _md5(text: str) -> str:
    return md5(text.encode(), usedforsecurity=False).hexdigest()


def _sha256(text: str) -> str:
    return sha256(text.encode()).hexdigest()


class Credentials(NamedTuple):
    """Ours at a carrier."""

    username: str
    realm: str
    ha1_md5: str
    ha1_sha256: str
    """In hex; empty: that algorithm can't be answered."""


class Asking(NamedTuple):
    """The request that was challenged."""

    method: str
    uri: str
    cnonce: str
    """Random, of our own."""


def parse(challenge: str) -> dict[str, str] | None:
    """The parameters of a header's body by their names in small letters; None: it is no digest challenge."""
    scheme, _, rest = challenge.strip().partition(" ")
    if scheme.lower() != "digest" or len(challenge) > CHALLENGE_MAX or not challenge.isprintable():
        return None
    found: dict[str, str] = {}
    at, rest = 0, rest.strip()
    while at < len(rest):
        match = _PARAMETER.match(rest, at)
        if match is None or match[1].lower() in found:
            return None
        found[match[1].lower()] = match[2] if match[2] is not None else match[3]
        at = match.end()
    return found if {"realm", "nonce"} <= found.keys() else None


def respond(challenges: Iterable[str], credentials: Credentials, asking: Asking) -> str | None:
    """The body of the header that answers the first challenge that can be answered; None: none can.

    Another realm than the one that the password is stored for can't, nor another quality of protection than `auth`.
    """
    for challenge in challenges:
        parameters = parse(challenge)
        if parameters is not None and parameters["realm"] == credentials.realm:
            answer = _answer(parameters, credentials, asking)
            if answer is not None:
                return answer
    return None


def _answer(parameters: dict[str, str], credentials: Credentials, asking: Asking) -> str | None:
    algorithm = parameters.get("algorithm", "MD5")
    known: dict[str, tuple[Callable[[str], str], str]] = {
        "MD5": (_md5, credentials.ha1_md5),
        "SHA-256": (_sha256, credentials.ha1_sha256),
    }
    of, ha1 = known.get(algorithm.upper(), (_md5, ""))
    qop = [word.strip() for word in parameters["qop"].split(",")] if "qop" in parameters else []
    if not ha1 or (qop and "auth" not in qop):
        return None
    nonce, ha2 = parameters["nonce"], of(f"{asking.method}:{asking.uri}")
    protection = f"00000001:{asking.cnonce}:auth:" if qop else ""
    fields = [
        f'username="{credentials.username}"',
        f'realm="{parameters["realm"]}"',
        f'nonce="{nonce}"',
        f'uri="{asking.uri}"',
        f'response="{of(f"{ha1}:{nonce}:{protection}{ha2}")}"',
    ]
    if "algorithm" in parameters:
        fields.append(f"algorithm={algorithm.upper()}")
    if qop:
        fields += [f'cnonce="{asking.cnonce}"', "qop=auth", "nc=00000001"]
    if "opaque" in parameters:
        fields.append(f'opaque="{parameters["opaque"]}"')
    return "Digest " + ", ".join(fields)
