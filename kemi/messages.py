"""ACK and BYE to a leg that must not be: text only, built from the 2xx that it sent. Pure.

Kamailio has no dialog for such a leg, so nobody else would end it.
"""

from __future__ import annotations

from typing import NamedTuple


class LostLeg(NamedTuple):
    """The 2xx of a leg that gets ACK and BYE."""

    call_id: str
    from_header: str
    """With the caller's tag, as it stood."""
    to_header: str
    """With the leg's tag."""
    cseq: int
    contact: str
    """Its remote target; empty: it gave none, and only its address is left."""
    route_set: tuple[str, ...]
    ip: str
    port: int
    socket: str
    """Ours, `udp:host:port`."""


def destination(leg: LostLeg) -> str:
    """Where both go: back to where the 2xx came from, which is the first hop of its route."""
    host = f"[{leg.ip}]" if ":" in leg.ip else leg.ip
    return f"sip:{host}:{leg.port}"


def request(leg: LostLeg, method: str, branch: str) -> str:
    """The ACK (same CSeq) or BYE (the next one) of the leg."""
    transport, _, sent_by = leg.socket.partition(":")
    cseq = leg.cseq if method == "ACK" else leg.cseq + 1
    lines = [
        f"{method} {leg.contact or destination(leg)} SIP/2.0",
        f"Via: SIP/2.0/{transport.upper()} {sent_by};branch=z9hG4bK{branch}",
        *(f"Route: <{uri}>" for uri in leg.route_set),
        f"From: {leg.from_header}",
        f"To: {leg.to_header}",
        f"Call-ID: {leg.call_id}",
        f"CSeq: {cseq} {method}",
        "Max-Forwards: 70",
        "Content-Length: 0",
        "",
        "",
    ]
    return "\r\n".join(lines)
