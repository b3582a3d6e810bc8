"""What an INVITE says, and the limits on it. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from kemi.notes import ROUTES_MAX, URI_MAX
from kemi.passport import Shown
from kemi.store.calls import Hop

CALL_ID_MAX = 255
TAG_MAX = 128
USER_MAX = 64
BRANCH_MAX = 128
CSEQ_FIRST_MAX = 2**30
"""A first CSeq beyond leaves no room for the ones that follow (ours in a BYE among them)."""


def no_offer() -> str:
    """Of a request without SDP, and of one that nobody has sent."""
    return ""


class Redirected(NamedTuple):
    """What a call goes on from that somebody of ours forwards (`kemi.forwards`)."""

    calls: tuple[bytes, ...]
    """Keys of the dialog's calls so far."""
    code: int
    """Of the redirection."""
    ring_ms: int
    """When it rang there; 0: it didn't."""


class Invitation(NamedTuple):
    """What an INVITE says, decoded."""

    call_id: str
    from_tag: str
    cseq: int
    branch: str
    """Of the topmost Via."""
    caller: str
    called: str
    """User part of the request URI, as sent."""
    from_uri: str
    to_uri: str
    request_uri: str
    contact: str
    route_set: tuple[str, ...]
    """What a request to the caller must carry, in order."""
    socket: str
    ip: str
    """Where it came from."""
    asserted: str = ""
    """User part of the first P-Asserted-Identity; whether it counts is the trunk's to say."""
    is_private: bool = False
    """Whether the caller wants to stay unknown."""
    shown: Shown | None = None
    """What its Identity header came to; None: it was not looked at."""
    offer: Callable[[], str] = no_offer
    """Reads its SDP: asked only for a gateway that doesn't take every codec."""
    place: Hop | None = None
    """The only one where it may go: it is to take over a call there. None: anywhere."""
    redirected: Redirected | None = None
    """None: somebody has sent it."""

    def is_within_limits(self) -> bool:
        """Whether each text is there, printable and not too long, and the CSeq leaves room for those that follow."""
        call_id, from_tag, cseq, branch, _, called, from_uri, to_uri, request_uri, contact, route_set, *_ = self
        return (
            0 <= cseq < CSEQ_FIRST_MAX
            and 0 < len(call_id) <= CALL_ID_MAX
            and 0 < len(from_tag) <= TAG_MAX
            and " " not in from_tag  # as `is_tag`
            and 0 < len(branch) <= BRANCH_MAX
            and 0 < len(called) <= USER_MAX
            and 0 < len(from_uri) <= URI_MAX
            and 0 < len(to_uri) <= URI_MAX
            and 0 < len(request_uri) <= URI_MAX
            and 0 < len(contact) <= URI_MAX
            and len(route_set) <= ROUTES_MAX
            and "".join((call_id, from_tag, branch, called, from_uri, to_uri, request_uri, contact)).isprintable()
        )


def is_tag(text: str) -> bool:
    """Whether a tag is one word (RFC 3261 25.1): what keeps several of them in one text divides them by blanks."""
    return 0 < len(text) <= TAG_MAX and text.isprintable() and " " not in text


def is_within_limit(text: str, length_max: int) -> bool:
    """Whether a text is there, not longer than its limit, and without control characters."""
    return 0 < len(text) <= length_max and text.isprintable()
