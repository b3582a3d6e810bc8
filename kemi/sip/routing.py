"""Where the message at hand goes."""

from __future__ import annotations

import KSR

from kemi.sip.header import has_header
from kemi.sip.message import text
from kemi.sip.own import send


def send_to(user: str, host: str, port: int, transport: str) -> None:
    """Where the request goes, as request URI and next hop."""
    KSR.seturi(uri_of(user, host, port, transport))
    KSR.resetdsturi()


def uri_of(user: str, host: str, port: int, transport: str) -> str:
    """The URI of a place; `user` empty: of the place itself."""
    uri_host = f"[{host}]" if ":" in host else host
    suffix = "" if transport == "udp" else f";transport={transport}"
    return f"sip:{user}@{uri_host}:{port}{suffix}" if user else f"sip:{uri_host}:{port}{suffix}"


def set_uri(uri: str) -> None:
    """Another request URI."""
    KSR.seturi(uri)


def send_through(uri: str, host: str, port: int, transport: str, socket: str) -> None:
    """Where the request goes when its URI does not say it: behind a NAT. `socket`: ours; empty: any."""
    uri_host = f"[{host}]" if ":" in host else host
    suffix = "" if transport == "udp" else f";transport={transport}"
    KSR.seturi(uri)
    KSR.setdsturi(f"sip:{uri_host}:{port}{suffix}")
    if socket:
        KSR.corex.set_send_socket(socket)


def redirect(uri: str, headers: dict[str, str]) -> None:
    """Of a request of Kamailio's own: another request URI. Where it goes was settled before: unless Route headers say
    so, a copy of it (the same transaction, so that either answer ends it) goes to the address of the new one.
    `headers`: those that were replaced.
    """
    KSR.seturi(uri)
    if not has_header("Route"):
        first_line, *lines = text("$mb").split("\r\n")
        lines = [_replaced(line, headers) for line in lines]
        send(uri, "\r\n".join([f"{first_line.split(' ')[0]} {uri} SIP/2.0", *lines]))


def _replaced(line: str, headers: dict[str, str]) -> str:
    name = line.partition(":")[0]
    return f"{name}: {headers[name]}" if name in headers else line


def record_route() -> None:
    """Keeps us in the way of the dialog's requests."""
    KSR.rr.record_route()


def loose_route() -> bool:
    """Follows the Route headers of a request in a dialog; the dialog module takes note of it."""
    return bool(KSR.rr.loose_route() > 0)


def is_own_uri(uri: str) -> bool:
    """Whether a URI is one of our own sockets."""
    return bool(KSR.is_myself(uri))
