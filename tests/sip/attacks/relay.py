"""Requests with a To-tag, and Routes, that would lead past the plan: 200 ways to ask a proxy for a free call."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from tests.sip.attacks.cases import NUMBER, ONCE, SDP, request

METHODS = ("INVITE", "UPDATE", "INFO", "MESSAGE", "REFER", "PRACK", "BYE", "ACK")
TO_TAGS = ("", f";tag=t{ONCE}", ";tag=", f";tag=t{ONCE};tag=u")
GATEWAY, ELSEWHERE = "127.0.0.11:5060", "127.0.0.98:5060"


def routes(ours: str) -> tuple[str, ...]:
    """Route headers; empty: none."""
    return (
        f"<sip:{ours};lr>",
        f"<sip:{ours}>",
        f"<sip:user@{ours};lr;did=1a2.3b4>",
        f"<sip:{ours};lr>, <sip:{GATEWAY};lr>",
        f"<sip:{ours};r2=on;lr>, <sip:{ours};r2=on;lr>, <sip:{ELSEWHERE};lr>",
        f"<sip:{GATEWAY};lr>",
        f"<sip:{ELSEWHERE};lr>",
        f"<sip:{ours};lr;maddr={ELSEWHERE.split(':', maxsplit=1)[0]}>",
        f"<sip:{ours};transport=tcp;lr>",
        "",
    )


def uris(ours: str) -> tuple[str, ...]:
    """Request URIs."""
    return (f"sip:{NUMBER}@{GATEWAY}", f"sip:{NUMBER}@{ours}", f"sip:{NUMBER}@{ours};maddr=127.0.0.11",
            f"sip:{NUMBER}@{ELSEWHERE};lr")  # fmt: skip


def messages(ours: str, count: int) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of `count` of them, spread over all; without the plain INVITEs, which are calls."""
    every = list(itertools.product(METHODS, TO_TAGS, routes(ours), uris(ours)))
    every = [one for one in every if not (one[0] == "INVITE" and one[1] in {"", ";tag="} and not one[2])]
    for at in range(count):
        method, tag, route, uri = every[at * len(every) // count]
        raw = request(
            method,
            uri,
            body=SDP if method == "INVITE" else "",
            To=f"<sip:{NUMBER}@example.com>{tag}",
            Route=route or None,
        )
        yield f"{method} {tag} {route} {uri}", raw
