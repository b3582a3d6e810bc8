"""What Kambill says to gateways beside calls, and how it proves who it is. Shell only, as `calls_in`."""

from __future__ import annotations

import re
import secrets

from kemi import notes, sip
from kemi.again import same_place
from kemi.authorize import Target
from kemi.clock import now
from kemi.prober import (
    AGAIN,
    PROBE,
    REGISTER,
    Asked,
    Turn,
    call_id_of,
    gateway_asked,
    note_registration,
    note_result,
)
from kemi.proofs import Asking, Credentials, respond
from kemi.redirects import Aim
from kemi.rooms import Rooms
from kemi.store.networks import lies_in
from kemi.store.trunks import Gateway

PROOFS = {401: ("WWW-Authenticate", "Authorization"), 407: ("Proxy-Authenticate", "Proxy-Authorization")}
"""Headers of challenge and answer, by code."""
_EXPIRES = re.compile(r";[ \t]*expires[ \t]*=[ \t]*([0-9]{1,9})", re.IGNORECASE | re.ASCII)


def ask(asked: Asked, gateway: Gateway) -> None:
    """OPTIONS or REGISTER."""
    if asked.what == PROBE:
        uri = _uri(gateway)
        ours = f"sip:kambill@{sip.own_address()}"
        sip.ask(sip.Request("OPTIONS", uri, ours, uri, "Accept: application/sdp\r\n", _name(asked), str(asked)))
    else:
        _register(asked, gateway, "")


def _uri(gateway: Gateway) -> str:
    return sip.uri_of("", gateway.host, gateway.port, gateway.transport)


def _register(asked: Asked, gateway: Gateway, proof: str) -> None:
    """`proof`: a whole header line; empty: nobody has asked for one."""
    host = f"[{gateway.host}]" if ":" in gateway.host else gateway.host
    ours = f"sip:{gateway.username}@{host}"
    contact = f"<sip:{gateway.username}@{gateway.contact or sip.own_address()}>"
    headers = f"Contact: {contact}\r\nExpires: {gateway.register_s}\r\n{proof}"
    sip.ask(sip.Request("REGISTER", _uri(gateway), ours, ours, headers, _name(asked), str(asked)))


def _name(asked: Asked) -> str:
    return call_id_of(asked, secrets.token_hex(16))


def may_answer(rooms: Rooms, call_id: str, ip: str) -> bool:
    """Whether a reply to OPTIONS or REGISTER that is of no dialog comes from the gateway that was asked: tm looks at
    the branch alone, and somebody else's would put a gateway in or out. Before its transaction is looked for.
    """
    number = gateway_asked(call_id)
    return number is not None and rooms.has_store() and _is_of(rooms, number, ip)


def _is_of(rooms: Rooms, number: int, ip: str) -> bool:
    with rooms.store.read() as txn:
        gateway = rooms.store.configuration(txn).gateway(txn, number)
    return gateway is not None and lies_in(ip, gateway.networks)


def answered(rooms: Rooms) -> None:
    """The answer to a request of ours; 408: there was none."""
    mark, code, is_said = sip.asked_answer()
    asked = Asked.from_text(mark)
    if asked is None or not rooms.usable():
        return
    if is_said and not _is_of(rooms, asked.gateway, sip.text("$si")):
        return  # another gateway's, who knew the branch of this one's
    if asked.what == PROBE:
        tell(note_result(rooms, asked.gateway, code, now()))
    else:
        _registered(rooms, asked, code)


def _registered(rooms: Rooms, asked: Asked, code: int) -> None:
    with rooms.store.read() as txn:
        gateway = rooms.store.configuration(txn).gateway(txn, asked.gateway)
    if gateway is None or not gateway.register_s:
        return
    if asked.what == REGISTER and code in PROOFS:
        challenge, header = PROOFS[code]
        proof = _proof(gateway, sip.headers(challenge), "REGISTER", _uri(gateway))
        if proof is not None:
            _register(Asked(AGAIN, gateway.id), gateway, f"{header}: {proof}\r\n")
            return
    expires_s = _expires_s(gateway) if 200 <= code < 300 else 0
    note_registration(rooms, gateway.id, code, expires_s, now())
    if not expires_s:
        sip.say_seldom(f"kambill: gateway {gateway.id} refuses our registration: {code} (408: silence)")


def _expires_s(gateway: Gateway) -> int:
    """How long the registrar says that it holds, at most what was asked for."""
    said = [int(found[1]) for body in sip.headers("Contact") if (found := _EXPIRES.search(body)) is not None]
    header = sip.text("$hdr(Expires)").strip()
    said += [int(header)] if not said and header.isascii() and header.isdigit() and len(header) < 10 else []
    return min([gateway.register_s, *said])


def _proof(gateway: Gateway, challenges: list[str], method: str, uri: str) -> str | None:
    """The body of the header that answers a challenge; None: it can't be answered."""
    if not gateway.username:
        return None
    credentials = Credentials(gateway.username, gateway.realm, gateway.ha1_md5, gateway.ha1_sha256)
    return respond(challenges, credentials, Asking(method, uri, secrets.token_hex(8)))


def prove(rooms: Rooms, call: str, code: int) -> Target | None:
    """In a failure route: the same place once more, with an answer to its challenge.

    None: it didn't challenge, it can't be answered, or it has been.
    """
    if code not in PROOFS:
        return None
    found = same_place(rooms, call, Aim.from_note(sip.dialog_note(notes.AIM)), now())
    if found is None:
        return None
    target, gateway = found
    place = f"{gateway.id} {target.host} {target.port}"
    if sip.dialog_note(notes.PROVED) == place:
        return None
    challenge, header = PROOFS[code]
    uri = sip.uri_of(target.number, target.host, target.port, target.transport)
    proof = _proof(gateway, sip.failure_headers(challenge), "INVITE", uri)
    if proof is None:
        sip.say_seldom(f"kambill: gateway {gateway.id} asks for credentials that it was not given: its realm and name?")
        return None
    sip.set_dialog_note(notes.PROVED, place)
    sip.remove_header(header)
    sip.add_header(header, proof)
    return target


def tell(turn: Turn | None) -> None:
    """A line in the log about a gateway that goes out or comes back."""
    if turn is None:
        return
    if turn.is_out:
        sip.say(f"kambill: gateway {turn.gateway} is out: its last failure was {turn.code} (408: silence)")
    else:
        sip.say(f"kambill: gateway {turn.gateway} is back: it answered {turn.code}")
