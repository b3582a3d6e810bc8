"""What a request that begins something says, read once; what may not be read is answered here. Shell only."""

from __future__ import annotations

from kemi import guards, named, sip
from kemi.caller import user_of, wants_privacy
from kemi.invitation import Invitation
from kemi.sip import Received, Seen


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
    refusal = _refusal(invitation, seen, by_device=by_device)
    if refusal is not None:
        sip.reply(*refusal)
        return None
    return invitation


def _refusal(invitation: Invitation | None, seen: Seen, *, by_device: bool) -> guards.Answer | None:
    """What a request gets that should not begin anything; None: it may."""
    if invitation is None:
        return guards.BAD_REQUEST
    takes_over = guards.REPLACES in seen.names
    if guards.JOIN in seen.names or (takes_over and not by_device):
        return guards.FORBIDDEN
    if "route" in seen.names:
        if not (by_device and all(map(sip.is_own_uri, sip.uris(sip.headers("Route"))))):
            return guards.FORBIDDEN  # preloaded routes lead past the plan
        sip.remove_header("Route")
    return guards.check_extensions(seen.joined("Require"), takes_over=takes_over)


def read_call(source: Received, called: str, seen: Seen) -> Invitation | None:
    """What the INVITE says; None: as `read_invitation`, or it can't be answered in the call."""
    named.mend_request(seen, source)
    contacts = sip.uris(seen.bodies("Contact"))
    if len(contacts) != 1 or not guards.is_target(contacts[0]):
        return None
    invitation = read_invitation(source, called, contacts[0], seen)
    return invitation if invitation is not None and guards.is_way(contacts[0], invitation.route_set) else None


def read_invitation(source: Received, called: str, contact: str, seen: Seen) -> Invitation | None:
    """What the INVITE says; None: something is missing, too long or not printable."""
    record_routes = seen.bodies("Record-Route")
    if not guards.are_routes(record_routes) or not guards.is_well_formed(sip.first_line(), seen.text("Date")):
        return None
    caller = sip.text("$fU")
    invitation = Invitation(
        call_id=sip.text("$ci"),
        from_tag=sip.text("$ft"),
        cseq=sip.number("$cs"),
        branch=sip.text("$via0(branch)"),
        caller=caller,
        called=called,
        from_uri=sip.text("$fu"),
        to_uri=sip.text("$tu"),
        request_uri=sip.text("$ru"),
        contact=contact,
        route_set=sip.uris(record_routes),
        socket=source.socket,
        ip=source.ip,
        asserted=_asserted(seen),
        is_private=wants_privacy(seen.joined("Privacy"), caller, sip.text("$fd")),
        offer=sip.offer,
    )
    return invitation if invitation.is_within_limits() else None


def _asserted(seen: Seen) -> str:
    """The user of the first P-Asserted-Identity; empty: there is none."""
    uris = sip.uris(seen.bodies("P-Asserted-Identity"))
    return user_of(uris[0]) if uris else ""
