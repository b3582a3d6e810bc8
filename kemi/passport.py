"""PASSporTs of SHAKEN (RFC 8225, RFC 8588): what an Identity header says (RFC 8224), and if that fits the call. Pure.

Kamailio's secsipid checks and makes signatures (`kemi.stir`); everything else about them is here.
"""

from __future__ import annotations

import binascii
import json
import re
from typing import Any, NamedTuple

FRESH_S = 60
"""How old, or how far in the future, one may be (RFC 8224 6.2.2)."""
HEADER_MAX = 4_096
ATTESTS = frozenset("ABC")
PASSED_ON = "pass"
"""In place of an attestation of ours: the Identity that came goes on as it is."""
_HEADER = re.compile(
    r"(?P<head>[\w-]{1,1000})\.(?P<body>[\w-]{1,2500})\.[\w-]{86}(?P<parameters>(?:\s*;.*)?)", re.ASCII
)
_INFO = re.compile(r";\s*info\s*=\s*<([^<>\s]{1,500})>", re.IGNORECASE)
_NUMBER = re.compile(r"[0-9*#]{1,32}")


class Passport(NamedTuple):
    """What a gateway is to be told, signed."""

    attestation: str
    """A, B, C; or PASSED_ON."""
    caller: str
    called: str
    """Both E.164 without `+`."""
    origin_id: str
    """A UUID: the call's key, by which its record is found again."""


class Claims(NamedTuple):
    """What an Identity header says."""

    attestation: str
    caller: str
    called: tuple[str, ...]
    issued_s: int
    url: str
    """Of the certificate whose key has signed it."""


class Shown(NamedTuple):
    """What became of an INVITE's Identity before the numbers of the call were known."""

    claims: Claims | None
    fault: str
    """`malformed`, `certificate`, `signature`; empty: it is signed well. Without claims and fault: there is none."""


NOTHING_SHOWN = Shown(None, "")


def parse_identity(text: str) -> Claims | None:
    """What a header says; None: it is no PASSporT of SHAKEN."""
    match = _HEADER.fullmatch(text.strip()) if len(text) <= HEADER_MAX else None
    if match is None:
        return None
    head, body = _decoded(match["head"]), _decoded(match["body"])
    if head is None or body is None:
        return None
    url, info = head.get("x5u"), _INFO.search(match["parameters"])
    signed_so = (head.get("alg"), head.get("ppt"), head.get("typ")) == ("ES256", "shaken", "passport")
    if not signed_so or not isinstance(url, str) or info is None or info[1] != url:
        return None
    return _claims(body, url)


def _claims(body: dict[str, Any], url: str) -> Claims | None:
    origin, destination = body.get("orig"), body.get("dest")
    caller = origin.get("tn") if isinstance(origin, dict) else None
    called = destination.get("tn") if isinstance(destination, dict) else None
    attest, issued_s = body.get("attest"), body.get("iat")
    if not (_is_number(caller) and isinstance(called, list) and called and all(map(_is_number, called))):
        return None
    if not isinstance(attest, str) or attest not in ATTESTS or type(issued_s) is not int:
        return None
    return Claims(attest, str(caller), tuple(called), issued_s, url)


def _is_number(value: object) -> bool:
    return isinstance(value, str) and _NUMBER.fullmatch(value) is not None


def _decoded(part: str) -> dict[str, Any] | None:
    """The JSON object of a part in base64url."""
    try:
        raw = binascii.a2b_base64(part.translate(_STANDARD) + "=" * (-len(part) % 4))
        value = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


_STANDARD = str.maketrans("-_", "+/")


def verdict_of(shown: Shown, caller: str, called: str, now_s: int) -> str:
    """What the record says: `none`, `passed A`, or `failed` and why. `caller`, `called`: E.164 without `+`."""
    claims = shown.claims
    if shown.fault:
        return f"failed {shown.fault}"
    if claims is None:
        return "none"
    if abs(now_s - claims.issued_s) > FRESH_S:
        return "failed stale"
    if claims.caller != caller:
        return "failed caller"
    return f"passed {claims.attestation}" if called in claims.called else "failed called"


def refusal_rule(rule: str, verdict: str) -> str:
    """By which rule a call is refused; empty: it goes on. `rule`: off, note, refuse, require."""
    if verdict == "none":
        return "identity_missing" if rule == "require" else ""
    if rule not in {"refuse", "require"} or verdict.startswith("passed"):
        return ""
    return {"failed stale": "identity_stale", "failed certificate": "identity_certificate"}.get(
        verdict, "identity_invalid"
    )


def origin_id_of(key: bytes) -> str:
    """A call's key as a UUID."""
    text = key.hex()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))
