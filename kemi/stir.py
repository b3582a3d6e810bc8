"""Signatures of callers (STIR/SHAKEN), by Kamailio's secsipid: off unless kamailio-local.cfg says WITH_STIR_SHAKEN.

Nothing here opens a socket: keys and certificates are files, the latter named by the SHA-256 of their URL. Shell only.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from kemi import sip
from kemi.passport import NOTHING_SHOWN, PASSED_ON, Passport, Shown, parse_identity

SWITCH = "WITH_STIR_SHAKEN"
KEY, URL, FOLDER = "KAMBILL_STIR_KEY", "KAMBILL_STIR_URL", "KAMBILL_STIR_CERTIFICATES"
CERTIFICATE_FAULTS = range(-199, -99)
"""Of secsipid: the certificate is of nobody that counts, or out of date."""
NO_FILE = range(-499, -399)
FAILED = "kambill: a call could not be signed (secsipid says {}): is {} readable, and a P-256 key? It goes on unsigned"


class Unusable(Exception):
    """Kamailio must not start like this."""

    def __init__(self, name: str, value: str) -> None:
        super().__init__(
            f"{SWITCH} is defined, and {name} in kamailio-local.cfg names {value!r}: no file to read there"
        )


def check_files() -> None:
    """At the start: a key that can't be read would leave every call unsigned. Raises Unusable."""
    if sip.is_defined(SWITCH):
        path = sip.text(f"$def({KEY})")
        if not os.access(path, os.R_OK) or not Path(path).is_file():
            raise Unusable(KEY, path)


def shown() -> Shown:
    """What the INVITE at hand shows of its caller."""
    texts = sip.headers("Identity")
    if not texts:
        return NOTHING_SHOWN
    text = _first(texts)
    claims = parse_identity(text)
    if claims is None:
        return Shown(None, "malformed")
    code = sip.check_identity(text, certificate_path(sip.text(f"$def({FOLDER})"), claims.url))
    if code > 0:
        return Shown(claims, "")
    return Shown(claims, "certificate" if code in CERTIFICATE_FAULTS or code in NO_FILE else "signature")


def _first(texts: list[str]) -> str:
    """The first of SHAKEN, else the first of all: others are about diverted calls and priorities."""
    return next((one for one in texts if parse_identity(one) is not None), texts[0])


def certificate_path(folder: str, url: str) -> str:
    """Where the operator has put the certificate of a URL."""
    return f"{folder}/{hashlib.sha256(url.encode()).hexdigest()}.pem"


def introduce(passport: Passport) -> None:
    """In a branch of an INVITE: its gateway is told who calls, signed."""
    if passport.attestation == PASSED_ON:
        sip.add_header("Identity", _first(sip.headers("Identity")))
        return
    key = sip.text(f"$def({KEY})")
    code, identity = sip.build_identity(passport, sip.text(f"$def({URL})"), key)
    if identity:
        sip.add_header("Identity", identity)
    else:
        sip.say_seldom(FAILED.format(code, key))
