"""ACK and BYE that Kamailio doesn't send: text only. Pure.

To a leg that must not be, built from the 2xx that it sent; to a side of a call, built from what the store knows.
"""

from __future__ import annotations

from typing import NamedTuple

from kemi.store.calls import RunningCall


class Far(NamedTuple):
    """A leg, as whoever ends it must address it."""

    call_id: str
    from_header: str
    """Of whom it talks to, with the tag."""
    to_header: str
    """Its own, with the tag."""
    cseq: int
    """Of the last request that was sent to it."""
    contact: str
    """Its remote target; empty: it gave none, and only its address is left."""
    route_set: tuple[str, ...]
    next_hop: str
    """A SIP URI."""
    socket: str
    """Ours, `udp:host:port`."""


def address(ip: str, port: int, transport: str) -> str:
    """The URI of a place that a message came from."""
    host = f"[{ip}]" if ":" in ip else ip
    return f"sip:{host}:{port}" if transport == "udp" else f"sip:{host}:{port};transport={transport}"


def side_of(running: RunningCall, tag: str) -> Far | None:
    """The side of an answered call that has this tag; None: neither."""
    caller, callee = running.caller_leg, running.callee_leg
    if callee is None or tag not in {caller.tag, callee.tag}:
        return None
    leg, other = (caller, callee) if tag == caller.tag else (callee, caller)
    if leg is caller:
        uris = {caller.tag: running.from_uri, callee.tag: running.to_uri}
    else:
        uris = {caller.tag: running.sent_from, callee.tag: running.sent_to}
    return Far(
        running.call_id,
        f"<{uris[other.tag]}>;tag={other.tag}",
        f"<{uris[leg.tag]}>;tag={leg.tag}",
        other.cseq,
        leg.contact,
        leg.route_set,
        leg.route_set[0] if leg.route_set else leg.contact,
        leg.socket,
    )


def request(leg: Far, method: str, branch: str) -> str:
    """The ACK (same CSeq) or BYE (the next one) of the leg."""
    transport, _, sent_by = leg.socket.partition(":")
    cseq = leg.cseq if method == "ACK" else leg.cseq + 1
    lines = [
        f"{method} {leg.contact or leg.next_hop} SIP/2.0",
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
