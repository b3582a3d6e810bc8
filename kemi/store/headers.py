"""Which headers of a message go on to the other side of a call. Pure.

A list of what may, never of what may not: a name that nobody has heard of tells a provider who its caller is as well as
a known one. What stands here both ends agree upon by themselves; what we say in a message is added when it leaves.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

PASSED = frozenset({
    # Which request it is, of which dialog, and where it goes (RFC 3261)
    "via", "from", "to", "call-id", "cseq", "contact", "max-forwards", "max-breadth", "route", "record-route",
    # What it carries
    "content-type", "content-length", "content-disposition", "content-encoding", "content-language", "content-id",
    "content-transfer-encoding", "mime-version",
    # What its sender can do, takes, and asks for
    "accept", "accept-encoding", "accept-language", "allow", "supported", "require", "unsupported", "expires",
    "retry-after",
    # Reliable 18x (RFC 3262), session timers (RFC 4028), early media (RFC 5009), INFO packages (RFC 6086)
    "rseq", "rack", "session-expires", "min-se", "p-early-media", "info-package", "recv-info",
    # Transfers, where `kemi.transfers` lets them: an INVITE that takes a call over, and news of a REFER
    "replaces", "event", "subscription-state", "refer-sub",
})  # fmt: skip
"""Names, in lower case. Those that are another party's affair to allow (`replaces`, `route`, `require`) were judged
before.
"""
LOCATING = frozenset({"geolocation", "geolocation-routing", "call-info", "p-access-network-info"})
"""Those by which whoever answers an emergency call finds its caller (RFC 6442, RFC 7852, RFC 7315)."""
OURS = frozenset({
    "p-asserted-identity", "p-preferred-identity", "remote-party-id", "privacy", "identity", "identity-info",
    "p-called-party-id", "p-associated-uri", "p-profile-key", "p-user-database", "p-visited-network-id",
    "p-asserted-service", "p-preferred-service", "p-served-user", "p-charge-info", "p-charging-vector",
    "p-charging-function-addresses",
    "refer-to", "referred-by", "join", "authorization", "proxy-authorization", "proxy-require", "www-authenticate",
    "proxy-authenticate", "authentication-info", "proxy-authentication-info", "path", "service-route",
})  # fmt: skip
"""Names, in lower case, that no setting passes. Who calls, who pays, and whom to call next is said by us; and by what
proves to us who somebody is, or asks for it, whoever else read it could guess passwords (ACK and re-INVITE have it too,
RFC 3261 22.3).
"""
is_name = re.compile(r"[A-Za-z0-9.!%*_+~-]{1,64}").fullmatch
"""What can be the name of a header (RFC 3261 25.1, `token`) to Kamailio too."""


def passed_with(further: Iterable[str]) -> frozenset[str]:
    """PASSED, and what the operator passes besides."""
    return PASSED | ({name.lower() for name in further} - OURS)
