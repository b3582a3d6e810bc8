"""INVITEs with one broken element each, in the manner of the PROTOS c07-sip suite: every element of the grammar that a
proxy reads, with what breaks parsers in it.
"""

from __future__ import annotations

from collections.abc import Iterator

from tests.sip.attacks.cases import HERE, NUMBER, ONCE, request

OVERFLOW = {"none": "", "16": "a" * 16, "300": "a" * 300, "4096": "a" * 4096, "20000": "a" * 20000}
FORMATS = {
    "formats": "%s%n%x%d" * 30,
    "nul": "\0" * 8,
    "utf-8": "ä€𝄞",
    "not utf-8": "\udcff\udcfe",
    "bell": "\a\b\x1b[2J",
}
NUMBERS = {
    "minus": "-1",
    "32": "4294967296",
    "64": "18446744073709551616",
    "words": "abc",
    "hex": "0x7f",
    "float": "1e9",
}
ADDRESSES = {
    "big octet": "999.1.1.1",
    "dots": "1.1.1.1.1.1",
    "v6 long": "[" + "1:" * 40 + "]",
    "open": "[::1",
    "zone": "[fe80::1%lo]",
}
PORTS = {"0": "0", "65536": "65536", "-1": "-1", "long": "9" * 300}
REPEATED = {
    "separators": ";" * 500,
    "quotes": '"' * 501,
    "brackets": "<" * 500,
    "equals": ";=" * 300,
    "blanks": " " * 2000,
}

TEXTS = OVERFLOW | FORMATS | REPEATED


def messages() -> Iterator[tuple[str, bytes]]:
    """Name and bytes of each."""
    for name, value in TEXTS.items():
        yield f"method {name}", request(first=f"{value} sip:{NUMBER}@example.com SIP/2.0")
        yield f"scheme {name}", request(uri=f"{value}:{NUMBER}@example.com")
        yield f"user {name}", request(uri=f"sip:{value}@example.com")
        yield f"password {name}", request(uri=f"sip:{NUMBER}:{value}@example.com")
        yield f"host {name}", request(uri=f"sip:{NUMBER}@{value}")
        yield f"parameter {name}", request(uri=f"sip:{NUMBER}@example.com;{value}={value}")
        yield f"version {name}", request(first=f"INVITE sip:{NUMBER}@example.com {value}/{value}")
        yield f"Via {name}", request(Via=value)
        yield f"Via branch {name}", request(Via=f"SIP/2.0/UDP 127.0.0.2:{HERE};branch={value}")
        yield f"Via host {name}", request(Via=f"SIP/2.0/UDP {value};branch=z9hG4bK{ONCE}")
        yield f"Via transport {name}", request(Via=f"SIP/2.0/{value} 127.0.0.2;branch=z9hG4bK{ONCE}")
        yield f"From {name}", request(From=value)
        yield f"From name {name}", request(From=f'"{value}" <sip:caller@example.net>;tag={ONCE}')
        yield f"From tag {name}", request(From=f"<sip:caller@example.net>;tag={value}")
        yield f"To {name}", request(To=value)
        yield f"To tag {name}", request(To=f"<sip:{NUMBER}@example.com>;tag={value}")
        yield f"Call-ID {name}", request(Call_ID=value)
        yield f"CSeq method {name}", request(CSeq=f"1 {value}")
        yield f"Contact {name}", request(Contact=value)
        yield f"Contact URI {name}", request(Contact=f"<sip:{value}@{value}>")
        yield f"Content-Type {name}", request(Content_Type=value)
        yield f"header name {name}", request(extra=f"{value}: 1\r\n")
        yield f"header {name}", request(extra=f"Record-Route: {value}\r\nRequire: {value}\r\n")
        yield f"body {name}", request(body=value)
    for name, value in NUMBERS.items():
        yield f"CSeq {name}", request(CSeq=f"{value} INVITE")
        yield f"Content-Length {name}", request(Content_Length=value)
        yield f"Max-Forwards {name}", request(Max_Forwards=value)
        yield f"Expires {name}", request(Expires=value)
    for name, value in ADDRESSES.items():
        yield f"URI address {name}", request(uri=f"sip:{NUMBER}@{value}")
        yield f"Via address {name}", request(Via=f"SIP/2.0/UDP {value}:{HERE};branch=z9hG4bK{ONCE}")
        yield f"Contact address {name}", request(Contact=f"<sip:caller@{value}>")
    for name, value in PORTS.items():
        yield f"URI port {name}", request(uri=f"sip:{NUMBER}@example.com:{value}")
        yield f"Via port {name}", request(Via=f"SIP/2.0/UDP 127.0.0.2:{value};branch=z9hG4bK{ONCE}")
        yield f"rport {name}", request(Via=f"SIP/2.0/UDP 127.0.0.2:{HERE};rport={value};branch=z9hG4bK{ONCE}")
    for name, raw in WHOLE.items():
        yield name, raw


WHOLE = {
    "nothing": b"",
    "a nul": b"\0",
    "line ends": b"\r\n" * 2000,
    "a first line": b"INVITE sip:1@example.com SIP/2.0\r\n",
    "no end": request().split(b"\r\n\r\n")[0],
    "line feeds": request().replace(b"\r\n", b"\n"),
    "returns": request().replace(b"\r\n", b"\r"),
    "twice": request() + request(),
    "MSRP": b"MSRP a786hjs2 SEND\r\nTo-Path: msrp://x\r\n-------a786hjs2$\r\n",
    "HTTP": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "STUN": b"\x00\x01\x00\x00\x21\x12\xa4\x42" + b"\0" * 12,
    "all bytes": bytes(range(256)) * 16,
    "many Vias": request(extra="Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKx\r\n" * 600),
    "many headers": request(extra="X-Header: value\r\n" * 3000),
    "many parameters": request(From=f"<sip:caller@example.net>;tag={ONCE}" + ";a=b" * 5000),
    "64 KiB": request(body="x" * 63000),
}
