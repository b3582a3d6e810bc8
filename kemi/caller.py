"""Who calls: what an INVITE may say of it, and what a gateway is told. Pure.

An outgoing message says nothing that its sender wrote about itself: From, To, P-Asserted-Identity, Privacy and the user
of the Contact are made here, from a number that the trunk's rules allow (RFC 3323, RFC 3325).
"""

from __future__ import annotations

from typing import NamedTuple

from kemi.invitation import Invitation
from kemi.numbers import caller_for_gateway, international, normalise_caller
from kemi.passport import Passport, origin_id_of
from kemi.store.calls import Leg, RunningCall
from kemi.store.devices import Device
from kemi.store.origins import Origin, trunk_of
from kemi.store.translate import CALLER, Translations, is_number
from kemi.store.translate import NONE as NO_TRANSLATIONS
from kemi.store.trunks import Gateway, Trunk
from kemi.ways import Way

ANONYMOUS = "anonymous"
UNKNOWN = "sip:anonymous@anonymous.invalid"
"""RFC 3323 4.1.1.3: the From of somebody who is not known, or does not want to be."""
_new = tuple.__new__
PRIVATE = frozenset({"id", "user", "header"})
"""Words of a Privacy header that ask for it (RFC 3323 4.2, RFC 3325 9.3)."""


class CallerId(NamedTuple):
    """Who calls."""

    number: str
    """E.164 without `+`; empty: nobody knows."""
    is_private: bool
    """Only who is trusted may be told."""
    attestation: str = ""
    """What can be signed of it (`kemi.passport`); empty: nothing."""


class Parties(NamedTuple):
    """What a gateway is told of both ends."""

    from_uri: str
    to_uri: str
    contact: str
    """The caller's remote target; empty: there is none (a MESSAGE)."""
    asserted: str
    """URI of P-Asserted-Identity; empty: there is none."""
    is_private: bool
    passport: Passport | None = None
    """What is signed for it; None: nothing."""
    codecs: tuple[str, ...] = ()
    """To which the caller's offer is limited; empty: to none."""

    @property
    def attested(self) -> str:
        """What it is told, signed, of the caller's right to the number; empty: nothing."""
        return self.passport.attestation if self.passport else ""


def caller_of(origin: Origin, invitation: Invitation, translations: Translations) -> CallerId:
    """Who calls by what the INVITE says and the rules of its trunk or device allow."""
    number = said_by(origin, invitation, translations)
    if isinstance(origin, Device):
        number = _of_device(origin, number)
    elif origin.caller_rule != "pass":
        number = _of_trunk(origin, number)
    return _new(CallerId, (number, invitation.is_private, ""))


def said_by(origin: Origin, invitation: Invitation, translations: Translations) -> str:
    """The number that the INVITE says it comes from, as E.164; empty: none."""
    said = invitation.asserted if origin.is_trusted and invitation.asserted else invitation.caller
    if translations is NO_TRANSLATIONS:
        return international(origin, said) or ""
    return normalise_caller(origin, said, translations.of_trunk(trunk_of(origin), CALLER))


def _of_trunk(trunk: Trunk, number: str) -> str:
    if trunk.caller_rule == "replace" or (trunk.caller_rule == "listed" and number not in trunk.caller_numbers):
        return next(iter(trunk.caller_numbers), "")
    return number


def _of_device(device: Device, number: str) -> str:
    """One of those that it may say, if it says one; else its own; else as it says."""
    allowed = device.caller_numbers
    if number in allowed:
        return number
    return device.caller_number or (allowed[0] if allowed else number)


def caller_outside(gateway: Gateway, invitation: Invitation) -> CallerId:
    """Who calls by a gateway, as it says."""
    said = invitation.asserted if gateway.is_trusted and invitation.asserted else invitation.caller
    return CallerId(said.removeprefix("+") if is_number(said) else "", invitation.is_private)


def parties_for(way: Way, caller: CallerId, leg: Leg | Invitation, called: str, key: bytes) -> Parties:
    """What the gateway of a way is told; `leg`: the caller's, or its INVITE; `called`: E.164; `key`: the call's."""
    gateway = way.gateway
    rules = () if way.translations is NO_TRANSLATIONS else way.translations.of_gateway(gateway.id, CALLER)
    number = caller_for_gateway(caller.number, gateway, rules)
    known = f"sip:{number}@{host_of(leg.socket)}" if number else ""
    from_uri = UNKNOWN if caller.is_private or not known else known
    host = f"[{gateway.host}]" if ":" in gateway.host else gateway.host
    return Parties(
        from_uri,
        f"sip:{way.called}@{host}",
        masked(leg.contact, from_uri),
        known if gateway.is_trusted else "",
        caller.is_private,
        _passport(gateway, caller, called, key) if gateway.signs else None,
        gateway.codecs,
    )


def _passport(gateway: Gateway, caller: CallerId, called: str, key: bytes) -> Passport | None:
    """Signed is what the gateway may be told, and only a number that is one."""
    may_be_told = gateway.is_trusted or not caller.is_private
    if not (caller.attestation and caller.number and may_be_told):
        return None
    return Passport(caller.attestation, caller.number, called, origin_id_of(key))


def parties_of(way: Way, running: RunningCall) -> Parties:
    """The same of a running call."""
    caller = CallerId(running.caller, running.is_private, running.attestation)
    return parties_for(way, caller, running.caller_leg, running.called, running.key)


def parties_at_home(caller: CallerId, name: str, called: str, leg: Leg) -> Parties:
    """What somebody of ours is told who is called. `name`: the caller's, if it has no number and may be told."""
    host = host_of(leg.socket)
    user = f"+{caller.number}" if caller.number else name
    from_uri = UNKNOWN if caller.is_private or not user else f"sip:{user}@{host}"
    asserted = "" if caller.is_private or not caller.number else from_uri
    return Parties(from_uri, f"sip:{called}@{host}", masked(leg.contact, from_uri), asserted, caller.is_private)


def parties_again(running: RunningCall) -> Parties:
    """The same for the next one who is called."""
    asserted = "" if running.is_private or not running.caller else running.sent_from
    return Parties(running.sent_from, running.sent_to, contact_shown(running), asserted, running.is_private)


def contact_shown(running: RunningCall) -> str:
    """The caller's remote target as the gateway knows it."""
    return masked(running.caller_leg.contact, running.sent_from)


def masked(contact: str, from_uri: str) -> str:
    """A Contact's URI with the user of a From: where requests go stays, who it is is what we say."""
    scheme, _, rest = contact.partition(":")
    return f"{scheme}:{user_of(from_uri)}@{rest.rpartition('@')[2]}"


def user_of(uri: str) -> str:
    """The user of a SIP URI, or the number of a tel URI (RFC 3966) without its separators; empty: it has none."""
    scheme, _, rest = uri.partition(":")
    if scheme.lower() == "tel":
        return rest.partition(";")[0].translate(_SEPARATORS)
    user, at, _ = rest.rpartition("@")
    return user.partition(";")[0].partition(":")[0] if at and scheme.lower() in {"sip", "sips"} else ""


_SEPARATORS = str.maketrans("", "", "-.()")


def wants_privacy(privacy: str, from_user: str, from_host: str) -> bool:
    """Whether an INVITE asks that nobody untrusted learns who calls."""
    if from_user.lower() == ANONYMOUS or from_host.lower() == "anonymous.invalid":
        return True
    return bool(privacy) and not PRIVATE.isdisjoint(
        word.strip().lower() for part in privacy.split(";") for word in part.split(",")
    )


def host_of(socket: str) -> str:
    """The host of one of our sockets, `udp:host:port`."""
    return socket.partition(":")[2].rpartition(":")[0]
