"""Whom a TLS peer's certificate names, as trunks write it: `sha256:HEX`, `uri:URI`, `dns:NAME`, `cn:NAME`. Pure.

Kamailio has verified the certificate (its chain and its dates) before anybody asks here. Of several alternative names
of a kind Kamailio shows the first.
"""

from __future__ import annotations

import binascii
import hashlib
from functools import lru_cache

_BEGIN, _END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"


def identities(pem: str, common_name: str, dns_name: str, uri: str) -> tuple[str, ...]:
    """What the certificate proves, the most exact first."""
    print_of_it = fingerprint(pem)
    named = (
        ("sha256", print_of_it),
        ("uri", uri),
        ("dns", dns_name.lower()),
        ("cn", common_name),
    )
    return tuple(f"{kind}:{value}" for kind, value in named if value)


@lru_cache(maxsize=4096)
def fingerprint(pem: str) -> str:
    """SHA-256 of the certificate in PEM, in hex digits; empty: it is none."""
    _, begun, rest = pem.partition(_BEGIN)
    body, ended, _ = rest.partition(_END)
    if not begun or not ended:
        return ""
    try:
        return hashlib.sha256(binascii.a2b_base64("".join(body.split()))).hexdigest()
    except binascii.Error:
        return ""
