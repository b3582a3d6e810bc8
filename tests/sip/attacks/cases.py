"""A hostile message and what must become of it. Pure."""

from __future__ import annotations

from typing import NamedTuple

SILENCE = 0
"""Instead of a code: no answer at all."""

HERE = "@PORT@"
"""In a message: the sender's port."""
ONCE = "@ONCE@"
"""In a message: another text each time that it is sent, so that no transaction of an earlier time takes it."""
NUMBER = "0033123"
"""A number that a call could go to, so that nothing but a message's peculiarity stands in its way."""


class Case(NamedTuple):
    """One message."""

    name: str
    text: bytes
    codes: frozenset[int] = frozenset({400})
    """What may be answered, `SILENCE` among it; of a call that passes, the gateway's own refusal."""
    passes: bool = False
    """Whether it reaches a gateway."""

    def sent_by(self, port: int, once: str) -> bytes:
        """The bytes of one sending."""
        return self.text.replace(HERE.encode(), str(port).encode()).replace(ONCE.encode(), once.encode())


def usual(method: str) -> dict[str, str | None]:
    """The headers of a request without fault, from 127.0.0.2."""
    return {
        "Via": f"SIP/2.0/UDP 127.0.0.2:{HERE};branch=z9hG4bK{ONCE}",
        "Max-Forwards": "70",
        "From": f"<sip:caller@example.net>;tag=f{ONCE}",
        "To": f"<sip:{NUMBER}@example.com>",
        "Call-ID": f"{ONCE}@torture",
        "CSeq": f"1 {method}",
        "Contact": f"<sip:caller@127.0.0.2:{HERE}>",
    }


SDP = "v=0\r\no=u 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 9 RTP/AVP 0\r\n"


def request(
    method: str = "INVITE",
    uri: str = f"sip:{NUMBER}@example.com",
    *,
    first: str | None = None,
    body: str = SDP,
    extra: str = "",
    **headers: str | None,
) -> bytes:
    """A request by its differences from a good one. `headers`: instead of the usual; None: left out. `first`: the whole
    first line. `extra`: header lines as they stand.
    """
    values = usual(method) | {"Content-Type": "application/sdp" if body else None}
    values |= {"Content-Length": str(len(body.encode("utf-8", "surrogateescape")))}
    values |= {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [f"{name}: {value}\r\n" for name, value in values.items() if value is not None]
    text = f"{first or f'{method} {uri} SIP/2.0'}\r\n{''.join(lines)}{extra}\r\n{body}"
    return text.encode("utf-8", "surrogateescape")


def reply(first: str, method: str = "INVITE", *, extra: str = "", **headers: str | None) -> bytes:
    """A reply to a request that was never sent, with a second Via of somebody who would be hit by it."""
    values = usual(method)
    values["Via"] = f"SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bK{ONCE}, SIP/2.0/UDP 127.0.0.98:5060;branch=z9hG4bKv"
    values["To"] = f"{values['To']};tag=t{ONCE}"
    values |= {"Content-Length": "0"} | {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [f"{name}: {value}\r\n" for name, value in values.items() if value is not None]
    return f"{first}\r\n{''.join(lines)}{extra}\r\n".encode("utf-8", "surrogateescape")
