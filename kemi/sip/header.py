"""The headers of the message at hand."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

import KSR

from kemi.sip.message import text

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

    def bodies(self, name: str) -> list[str]:
        """As `headers`."""
        return headers(name, self.names.count(name.lower()))

    def text(self, name: str) -> str:
        """The first header of this name; empty: there is none."""
        return text(f"$hdr({name})") if name.lower() in self.names else ""

    def joined(self, name: str) -> str:
        """All headers of this name as one (RFC 3261 7.3.1); empty: there is none."""
        return ",".join(self.bodies(name)) if name.lower() in self.names else ""


def seen() -> Seen:
    """The headers of the message at hand. Raises UnicodeDecodeError.

    A line that goes on another one counts as a header of its own, which is one too many at worst.
    """
    found = text("$msg(hdrs)")
    names = [line.partition(":")[0] for line in found.split("\n")]
    is_clean = found.replace("\r\n", "").isprintable() or _CONTROLS.search(found) is None
    return Seen([_USUAL.get(name) or _long(name) for name in names], is_clean and bool(found))


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


def replace_headers(bodies: Mapping[str, str]) -> None:
    """One header of each of these names in what is sent on, with this body."""
    for name in bodies:
        KSR.hdr.remove(name)
    KSR.hdr.append("".join([f"{name}: {body}\r\n" for name, body in bodies.items()]))


def rewrite(bodies: Mapping[str, str]) -> None:
    """As `replace_headers`, for all that looks at the message from here on. Not inside its transaction."""
    replace_headers(bodies)
    KSR.textopsx.msg_apply_changes()
