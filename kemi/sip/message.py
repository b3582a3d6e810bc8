"""The message at hand: where it came from, what it says beside its headers, and whether it is one."""

from __future__ import annotations

import re
from typing import NamedTuple

import KSR

from kemi.certificates import identities
from kemi.sip.question import question, texts


class Received(NamedTuple):
    """Where the message at hand came from, and by which of our sockets."""

    ip: str
    port: int
    transport: str
    socket: str


CSEQ = re.compile(r"[0-9]{1,10}")
"""RFC 3261 20.16: digits, of a 32-bit number."""
NO_CSEQ = -1
"""Less than any: no request that has it is a next one, and no reply answers anything by it."""

_TRANSPORTS = {"UDP": "udp", "TCP": "tcp", "TLS": "tls"}


_PLACE = question("$si", "$sp", "$proto", "$Ri", "$Rp")
_INCOMING = question("$rm", "$rU", "$tt", *_PLACE.names)


class Incoming(NamedTuple):
    """What a request says that is looked at before anybody knows who has sent it."""

    method: str
    called: str
    """User of its URI; empty: it has none."""
    to_tag: str
    """Empty: it is in no dialog."""
    source: Received


def incoming() -> Incoming:
    """The request at hand."""
    method, called, to_tag, *place = texts(_INCOMING)
    return tuple.__new__(Incoming, (method, called, to_tag, received_at(*place)))


def get(name: str) -> str | None:
    """A pseudo-variable's text; None: it has none. Raises UnicodeDecodeError."""
    value: str | None = KSR.pv.get(name)
    return value


def text(name: str) -> str:
    """A pseudo-variable's text; empty: it has none."""
    value: str | None = KSR.pv.get(name)
    return value or ""


def loose_text(name: str) -> str:
    """The same of a name without its `$`, in which bytes that are no text are U+FFFD."""
    try:
        return text(f"${name}")
    except UnicodeDecodeError:
        return bytes.fromhex(text(f"$({name}{{s.encode.hexa}})")).decode(errors="replace")


def body_text(name: str) -> str:
    """The same of an SDP: what is no text in it are names in older alphabets, and no reason to read no further. NUL,
    which Kamailio would not take back, is U+FFFD too.
    """
    return loose_text(name).replace("\0", "\ufffd")


FIRST_LINE = "$(mb{line.at,0})"
"""The message's first line as it came; its end may stand behind it."""


def number(name: str) -> int:
    """A pseudo-variable's number; 0: it has none."""
    return int(KSR.pv.get(name) or 0)


def cseq() -> int:
    """The CSeq's number of the message at hand; NO_CSEQ: it has none."""
    return cseq_in(text("$cs"))


def cseq_in(said: str) -> int:
    """The number of a CSeq; NO_CSEQ: it is none. Kamailio takes any word for one and passes it on, but its dialogs
    can't count on from it: the other side would get no BYE. Only what begins something is looked at by `is_sane`.
    """
    return int(said) if CSEQ.fullmatch(said) else NO_CSEQ


def received() -> Received:
    """The source of the message."""
    return received_at(*texts(_PLACE))


def received_at(ip: str, port: str, proto: str, ours: str, our_port: str) -> Received:
    """The source of a message by what Kamailio says of it."""
    transport = _TRANSPORTS.get(proto.upper(), "udp")
    host = f"[{ours}]" if ":" in ours and not ours.startswith("[") else ours
    return tuple.__new__(Received, (ip, int(port or 0), transport, f"{transport}:{host}:{our_port or 0}"))


def proven() -> tuple[str, ...]:
    """Whom the verified certificate of the sender of the message at hand names (`kemi.certificates`); empty: it has
    shown none, or it came by another transport.
    """
    if text("$proto").upper() != "TLS" or text("$tls_peer_verified") != "1":
        return ()
    cn, dns_name, uri = "$tls_peer_subject_cn", "$tls_peer_san_hostname", "$tls_peer_san_uri"
    return identities(text("$tls_peer_raw_cert"), text(cn), text(dns_name), text(uri))


_ASKED = question("$T_req($hdr(From))", "$T_req($hdr(To))", "$T_req($tt)")


def asked() -> list[str]:
    """In a reply: From, To and To-tag of the request that it answers, as they came; empty: unknown, or no tag."""
    return texts(_ASKED)


SDP = "application/sdp"


def offer() -> str:
    """The SDP of the request at hand, alone or among other parts (RFC 5621); empty: it has none."""
    if _has_parts():
        return body_text("var(part)").strip("\r\n")
    return body_text("rb") if text("$cT").lower().startswith(SDP) else ""


def set_sdp(sdp: str) -> None:
    """Another SDP in what is sent on, in the place of its own; other parts of its body stay."""
    if not (_has_parts() and KSR.textops.replace_body_str(offer(), sdp.rstrip("\r\n"), "f") > 0):
        KSR.textops.set_body(sdp, SDP)


def _has_parts() -> bool:
    """Whether the body is of several parts, one of them an SDP: `$var(part)` has the first such one."""
    if not text("$cT").lower().startswith("multipart/"):
        return False
    KSR.pv.sets("$var(part)", "")  # a process keeps it from message to message
    KSR.textops.get_body_part(SDP, "$var(part)")
    return bool(loose_text("var(part)"))


SANITY_CHECKS = 1 + 2 + 4 + 32 + 64 + 128 + 256 + 512 + 1024 + 4096 + 16384
"""Of the sanity module: version, scheme, required headers, CSeq, lengths, Expires, Proxy-Require, URIs, tags, Via."""
SANITY_URIS = 7
"""The URIs that it parses: request URI, From, To."""


def is_sane() -> bool:
    """Whether the request is well-formed; if not, it has been answered with 400."""
    return bool(KSR.sanity.sanity_check(SANITY_CHECKS, SANITY_URIS) > 0)


def has_hops_left() -> bool:
    """Whether Max-Forwards allows another hop; counts it down."""
    return bool(KSR.maxfwd.process_maxfwd(70) > 0)


def hops_left() -> int:
    """What Max-Forwards says; 0: nothing."""
    value = text("$hdr(Max-Forwards)").strip()
    return int(value) if value.isascii() and value.isdigit() else 0
