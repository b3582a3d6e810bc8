"""A seeded generator of messages: good ones in which one to three headers that we read are spoilt. Pure."""

from __future__ import annotations

import random
from collections.abc import Iterator

from tests.sip.attacks.cases import NUMBER, SDP, request, usual

METHODS = (
    "INVITE",
    "ACK",
    "BYE",
    "CANCEL",
    "OPTIONS",
    "REGISTER",
    "MESSAGE",
    "INFO",
    "UPDATE",
    "PRACK",
    "REFER",
    "SUBSCRIBE",
)
READ = ("Via", "From", "To", "Call-ID", "CSeq", "Contact", "Max-Forwards", "Require", "Route", "Record-Route", "Date",
        "Content-Length", "User-Agent", "Expires", "Proxy-Require", "P-Asserted-Identity", "Privacy",
        "Authorization", "Proxy-Authorization", "Replaces", "Refer-To", "Session-Expires")  # fmt: skip
"""Headers that Kamailio or kemi looks at, in any request."""


def messages(seed: int, count: int) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of each; the same for the same seed."""
    chance = random.Random(seed)
    for at in range(count):
        yield f"{seed}/{at}", one(chance)


def one(chance: random.Random) -> bytes:
    """One message."""
    method = chance.choices(METHODS, [8] + [1] * (len(METHODS) - 1))[0]
    headers = dict(usual(method))
    extra = ""
    for name in chance.sample(READ, chance.randint(1, 3)):
        good = headers.get(name) or GOOD.get(name, "value")
        spoilt = _spoil(chance, good)
        headers[name] = spoilt
        if chance.random() < 0.15:
            extra += f"{name}: {spoilt}\r\n" * chance.choice((1, 2, 50))
    if chance.random() < 0.2:
        headers["To"] = f"{headers['To']};tag={_spoil(chance, 'abc')}"
    user = _spoil(chance, NUMBER) if chance.random() < 0.2 else NUMBER
    first = f"{method} sip:{user}@example.com SIP/2.0"
    if chance.random() < 0.05:
        first = _spoil(chance, first)
    text = request(method, first=first, body=SDP if method == "INVITE" else "", extra=extra,
                   **{name.replace("-", "_"): value for name, value in headers.items()})  # fmt: skip
    return _spoil_bytes(chance, text) if chance.random() < 0.1 else text


GOOD = {
    "Route": "<sip:127.0.0.98:5060;lr>",
    "Record-Route": "<sip:192.0.2.9;lr>",
    "Require": "100rel",
    "Content-Length": "0",
    "Date": "Sat, 13 Nov 2010 23:29:00 GMT",
    "Replaces": "a@b;to-tag=1;from-tag=2",
    "Refer-To": "<sip:00881@example.com>",
    "Session-Expires": "1800;refresher=uac",
    "User-Agent": "agent",
    "Authorization": 'Digest username="u",realm="r",nonce="n",uri="sip:x",response="0"',
}


def _spoil(chance: random.Random, good: str) -> str:
    """A text in one of the ways that break software."""
    at = chance.randint(0, len(good))
    way = chance.randrange(9)
    if way == 0:
        return ""
    if way == 1:
        return good[:at] + chance.choice(("\udcff", "\udcc3(", "\udced\udca0\udc80", "ä")) + good[at:]
    if way == 2:
        return good[:at] + chance.choice("\0\x01\a\b\t\x0b\x1b\x7f") + good[at:]
    if way == 3:
        return (
            good[:at]
            + chance.choice((good, "x", ";", ",", "<", '"', "%", "a=b;")) * chance.choice((10, 300, 3000))
            + good[at:]
        )
    if way == 4:
        return chance.choice(("-1", "0", "4294967295", "4294967296", "18446744073709551616", "9" * 400, "NaN"))
    if way == 5:
        return good[:at] + "%0d%0aX-Evil: 1" + good[at:]
    if way == 6:
        return good[:at] + "\r\nX-Evil: 1\r\n\tfolded" + good[at:]
    if way == 7:
        return good[:at]
    return f"{good}, {good};{good}"


def _spoil_bytes(chance: random.Random, text: bytes) -> bytes:
    """Some bytes of the whole message changed, or its end cut off."""
    raw = bytearray(text)
    for _ in range(chance.randint(1, 8)):
        raw[chance.randrange(len(raw))] = chance.randrange(256)
    return bytes(raw[: chance.randint(1, len(raw))] if chance.random() < 0.3 else raw)
