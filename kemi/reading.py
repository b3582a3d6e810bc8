"""What a request that begins something says, read once; what may not be read is answered here. Shell only."""

from __future__ import annotations

from kemi import guards, named, sip
from kemi.caller import user_of, wants_privacy
from kemi.invitation import Invitation
from kemi.sip import Received, Seen

SAID = sip.question(
    *("$ci", "$ft", "$cs", "$via0(branch)", "$fU", "$fd", "$fu", "$tu", "$ru", sip.FIRST_LINE),
    *("$hdr(Contact)", "$hdr(Record-Route)"),
)
"""What an INVITE says, beside where it came from and its called number, which were looked at before."""
ASKING_MUCH = guards.TAKING_OVER | {"route", "require"}
"""Headers, in lower case, by which a request that begins something may ask for too much."""


def sound() -> Seen | None:
    """The headers of the request at hand; None: it may not be looked at, and is answered, or nobody would understand
    the answer.
    """
    if not sip.is_sane():
        return None
    seen = sip.seen()
    if not seen.is_clean:
        sip.reply(*guards.BAD_REQUEST)
        return None
    if not sip.has_hops_left():
        sip.reply(*guards.TOO_MANY_HOPS)
        return None
    return seen


def acceptable(invitation: Invitation | None, seen: Seen, *, by_device: bool = False) -> Invitation | None:
    """What the request at hand says, if it may begin something; None: it is answered. `by_device`: it may say that it
    comes by us (telephones do), and that it takes a call over, which is judged when it has proved who it is.
    """
    if invitation is not None and ASKING_MUCH.isdisjoint(seen.names):
        return invitation
    refusal = guards.BAD_REQUEST if invitation is None else _refusal(seen, by_device=by_device)
    if refusal is not None:
        sip.reply(*refusal)
        return None
    return invitation


def _refusal(seen: Seen, *, by_device: bool) -> guards.Answer | None:
    """What a request with one of ASKING_MUCH gets; None: it may begin something."""
    takes_over = guards.REPLACES in seen.names
    if guards.JOIN in seen.names or (takes_over and not by_device):
        return guards.FORBIDDEN
    if "route" in seen.names:
        if not (by_device and all(map(sip.is_own_uri, sip.uris(sip.headers("Route"))))):
            return guards.FORBIDDEN  # preloaded routes lead past the plan
        sip.remove_header("Route")
    return guards.check_extensions(seen.joined("Require"), takes_over=takes_over)


def read_call(source: Received, called: str, seen: Seen) -> Invitation | None:
    """What the INVITE says; None: as `read_message`, or it can't be answered in the call."""
    said = sip.texts(SAID)
    contacts, routes = seen.uris("Contact", said[-2]), seen.uris("Record-Route", said[-1])
    if len(contacts) != 1 or not named.reaches(contacts[0], routes):
        named.mend_request(seen, source)
        contacts, routes = sip.uris(sip.headers("Contact")), sip.uris(sip.headers("Record-Route"))
        if len(contacts) != 1 or not guards.is_way(contacts[0], routes):
            return None
    return _invitation(source, called, contacts[0], routes, said, seen) if guards.is_target(contacts[0]) else None


def read_message(source: Received, called: str, contact: str, seen: Seen) -> Invitation | None:
    """What a request says that makes no dialog; None: something is missing, too long or not printable."""
    said = sip.texts(SAID)
    return _invitation(source, called, contact, seen.uris("Record-Route", said[-1]), said, seen)


def _invitation(
    source: Received, called: str, contact: str, routes: tuple[str, ...], said: list[str], seen: Seen
) -> Invitation | None:
    call_id, from_tag, cseq, branch, caller, caller_host, from_uri, to_uri, request_uri, first_line, *_ = said
    if "record-route" in seen.names and not guards.are_routes(seen.bodies("Record-Route")):
        return None
    if not guards.is_well_formed(first_line.rstrip("\r\n"), seen.text("Date") if "date" in seen.names else ""):
        return None
    invitation = Invitation(
        call_id=call_id,
        from_tag=from_tag,
        cseq=int(cseq or 0),
        branch=branch,
        caller=caller,
        called=called,
        from_uri=from_uri,
        to_uri=to_uri,
        request_uri=request_uri,
        contact=contact,
        route_set=routes,
        socket=source.socket,
        ip=source.ip,
        asserted=_asserted(seen) if "p-asserted-identity" in seen.names else "",
        is_private=wants_privacy(seen.joined("Privacy") if "privacy" in seen.names else "", caller, caller_host),
        offer=sip.offer,
    )
    return invitation if invitation.is_within_limits() else None


def _asserted(seen: Seen) -> str:
    """The user of the first P-Asserted-Identity; empty: there is none."""
    uris = sip.uris(seen.bodies("P-Asserted-Identity"))
    return user_of(uris[0]) if uris else ""
