"""The headers of the message at hand."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

import KSR

from kemi.sip.message import CSEQ, NO_CSEQ, text
from kemi.sip.question import question, texts

HEADERS_MAX = 65_536
"""More than a message has."""
_COMPACT = {
    "a": "accept-contact", "b": "referred-by", "c": "content-type", "d": "request-disposition", "e": "content-encoding",
    "f": "from", "i": "call-id", "j": "reject-contact", "k": "supported", "l": "content-length", "m": "contact",
    "n": "identity-info", "o": "event", "r": "refer-to", "s": "subject", "t": "to", "u": "allow-events", "v": "via",
    "x": "session-expires", "y": "identity",
}  # fmt: skip
"""RFC 3261 7.3.3, and those that came later."""
_USUAL = {
    name: name.lower()
    for name in (
        "Via", "From", "To", "Call-ID", "CSeq", "Contact", "Max-Forwards", "Content-Type", "Content-Length", "Route",
        "Record-Route", "Allow", "Supported", "User-Agent", "Server", "Accept", "P-Asserted-Identity", "Privacy",
    )
}  # fmt: skip
"""As nearly everybody writes them."""
MARK = "th"
"""Of topoh: the last one, which it has written itself. It believes the first one, so that a peer's would unmask all."""
ONE_BY_ONE_MAX = 12
"""Names that are taken out each by itself. With more, Kamailio looks through the headers once, by an expression that it
reads anew for each message: as much work as fifty names.
"""
_FOUND_AGAIN = re.compile(r"[!-9;-~]{1,64}")
"""Names that Kamailio knows again when it is told one: of any others, a blank before the colon is part of it."""
_NAMES = re.compile(r"^[^:\n]*", re.MULTILINE)
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\r(?!\n)")
_URI_IN_BRACKETS = re.compile(r"<([^>]*)>")


class Seen(NamedTuple):
    """Which headers the message at hand may have. Looked at once: nobody asks Kamailio for one that isn't there."""

    names: list[str]
    """Long and in lower case; as often as they may stand there."""
    is_clean: bool
    """Whether Kamailio can read them all, and none has a control character: what one reader takes as the end of a line,
    another one may not.
    """
    written: list[str]
    """The same names as they stand there."""

    def bodies(self, name: str) -> list[str]:
        """As `headers`."""
        return headers(name, self.names.count(name.lower()))

    def uris(self, name: str, first: str) -> tuple[str, ...]:
        """The URIs of all headers of this name, in order. `first`: the first one's body, if there is one."""
        count = self.names.count(name.lower())
        if count == 1 and (found := _URI_IN_BRACKETS.findall(first)):
            return tuple(found)
        return uris(headers(name, count)) if count else ()

    def text(self, name: str) -> str:
        """The first header of this name; empty: there is none."""
        return text(f"$hdr({name})") if name.lower() in self.names else ""

    def joined(self, name: str) -> str:
        """All headers of this name as one (RFC 3261 7.3.1); empty: there is none."""
        return ",".join(self.bodies(name)) if name.lower() in self.names else ""


NOTHING_SEEN = Seen([], is_clean=False, written=[])
"""Of a message whose headers can't be read."""


def seen() -> Seen:
    """The headers of the message at hand. Raises UnicodeDecodeError.

    A line that goes on another one counts as a header of its own, which is one too many at worst.
    """
    return seen_in(KSR.pv.get("$msg(hdrs)") or "")


def seen_in(found: str) -> Seen:
    """What is seen in the text of all headers."""
    is_clean = found.replace("\r\n", "").isprintable() or _CONTROLS.search(found) is None
    written = _NAMES.findall(found.removesuffix("\n"))
    names = [*map(_USUAL.get, written)]
    if None in names:
        names = [_USUAL.get(name) or _long(name) for name in written]
    return tuple.__new__(Seen, (names, is_clean and bool(found), written))


_RESPONSE = question("$rs", "$rm", "$cs", "$ft", "$tt", "$via0(branch)", "$msg(hdrs)")


class Response(NamedTuple):
    """What a reply says."""

    code: int
    method: str
    cseq: int
    from_tag: str
    to_tag: str
    branch: str
    """Of our Via."""
    seen: Seen


def response() -> Response:
    """The reply at hand. Raises UnicodeDecodeError."""
    code, method, cseq, from_tag, to_tag, branch, found = texts(_RESPONSE)
    number = int(cseq) if CSEQ.fullmatch(cseq) else NO_CSEQ  # as `cseq_in`
    said = int(code or 0), method, number, from_tag, to_tag, branch, seen_in(found)
    return tuple.__new__(Response, said)


def _long(name: str) -> str:
    name = name.strip().lower()
    return _COMPACT.get(name, name)


def headers(name: str, most: int = HEADERS_MAX) -> list[str]:
    """The bodies of all headers of this name, top first, as they stand. `most`: there are no more."""
    found: list[str] = []
    while len(found) < most and (value := KSR.hdr.get_idx(name, len(found))) is not None:
        found.append(value)
    return found


def has_header(name: str) -> bool:
    """Whether there is such a header."""
    return bool(KSR.hdr.is_present(name) > 0)


def uris(bodies: list[str]) -> tuple[str, ...]:
    """The URIs of name-addr lists (Route, Record-Route, Contact) without brackets, in order."""
    found: list[str] = []
    for body in bodies:
        bracketed = _URI_IN_BRACKETS.findall(body)
        found += bracketed or [part.split(";")[0].strip() for part in body.split(",") if part.strip()]
    return tuple(found)


def add_header(name: str, body: str) -> None:
    """One more header in what is sent on."""
    KSR.hdr.append(f"{name}: {body}\r\n")


def remove_header(name: str) -> None:
    """Takes every header of this name out of what is sent on."""
    KSR.hdr.remove(name)


def keep_headers(seen: Seen, passed: frozenset[str]) -> None:
    """Takes every header out of what is sent on whose name isn't among these, long and in lower case."""
    if MARK in passed:
        for at in range(seen.names.count(MARK) - 1):
            KSR.textops.remove_hf_idx(MARK, at)
    if passed.issuperset(seen.names):
        return
    others = {written for name, written in zip(seen.names, seen.written, strict=True) if name not in passed}
    if len(others) <= ONE_BY_ONE_MAX and all(map(_FOUND_AGAIN.fullmatch, others)):
        for name in others:
            KSR.hdr.remove(name)
    else:
        keep_headers_unseen(passed)


def keep_headers_unseen(passed: frozenset[str]) -> None:
    """The same of a message whose headers can't be read, or not told apart."""
    KSR.textopsx.keep_hf_re(_expression(passed))


@lru_cache(maxsize=4)
def _expression(passed: frozenset[str]) -> str:
    """What matches these names, short ones too, and no others, as regex(7) has it."""
    short = [letter for letter, name in _COMPACT.items() if name in passed]
    names = [re.sub(r"[.*+]", r"\\\g<0>", name) for name in sorted(passed)]
    return f"^({'|'.join([*names, *short])})[ \t]*$"


def replace_headers(bodies: Mapping[str, str]) -> None:
    """One header of each of these names in what is sent on, with this body."""
    lines = ""
    for name, body in bodies.items():
        KSR.hdr.remove(name)
        lines += f"{name}: {body}\r\n"
    KSR.hdr.append(lines)


def name_ends(from_body: str, to_body: str) -> None:
    """Another From and To in what is sent on."""
    KSR.hdr.remove("From")
    KSR.hdr.remove("To")
    KSR.hdr.append(f"From: {from_body}\r\nTo: {to_body}\r\n")


def rewrite(bodies: Mapping[str, str]) -> None:
    """As `replace_headers`, for all that looks at the message from here on. Not inside its transaction."""
    replace_headers(bodies)
    KSR.textopsx.msg_apply_changes()
