"""Both ends of a call in messages: each side sees From, To and Contact as it knows them. Shell only.

A gateway is told its own From and To (kemi.caller). What goes to it in the call has them again, and what comes from it
has those that the caller wrote: RFC 3261 tells dialogs by tags, but older telephones look at the URIs too.
"""

from __future__ import annotations

from collections.abc import Sequence

from kemi import codecs, guards, notes, sip, stir
from kemi.caller import Parties, contact_shown, masked
from kemi.guards import InDialog
from kemi.notes import Sent
from kemi.sip import Response, Seen
from kemi.store.calls import RunningCall


def introduce(parties: Parties) -> None:
    """In a branch of an INVITE: what its gateway is told."""
    headers = {"From": f"<{parties.from_uri}>;tag={sip.text('$ft')}", "To": f"<{parties.to_uri}>"}
    if parties.contact:
        headers["Contact"] = f"<{parties.contact}>"
    else:
        sip.remove_header("Contact")
    sip.replace_headers(headers)
    if parties.asserted:
        sip.add_header("P-Asserted-Identity", f"<{parties.asserted}>")
    if parties.is_private:
        sip.add_header("Privacy", "id")
    if parties.passport is not None:
        stir.introduce(parties.passport)
    kept = sip.kept_offer()
    if parties.codecs:
        limit_codecs(parties.codecs, kept)
    elif kept:
        sip.set_sdp(kept)


def limit_codecs(wanted: Sequence[str], relayed: str) -> None:
    """In a request that goes on: its offer has these codecs alone. `relayed`: what rtpengine has made of it, if any."""
    sdp = relayed or sip.offer()
    if sdp:
        sip.set_sdp(codecs.limited(wanted, sdp))


def readdress(running: RunningCall, request: InDialog, side: str, seen: Seen) -> None:
    """A request in a call, as its other side knows the two."""
    if side == "caller":
        _name(running.sent_from, request.from_tag, running.sent_to, request.to_tag)
        if request.contacts:
            sip.replace_headers({"Contact": f"<{masked(request.contacts[0], running.sent_from)}>"})
        elif request.method in guards.TRANSFERRING or "contact" in seen.names:
            sip.replace_headers({"Contact": f"<{contact_shown(running)}>"})
    else:
        _name(running.to_uri, request.from_tag, running.from_uri, request.to_tag)
        sip.set_uri(running.caller_leg.contact)


def _name(from_uri: str, from_tag: str, to_uri: str, to_tag: str) -> None:
    sip.name_ends(f"<{from_uri}>;tag={from_tag}", f"<{to_uri}>;tag={to_tag}")


def answer_as_asked(reply: Response, sent: str, passed: frozenset[str]) -> None:
    """A reply with a transaction: From and To as the one who asked wrote them (RFC 3261 8.2.6.2), and of the rest what
    is passed on. `sent`: the dialog's note of that name.
    """
    _name_as_asked(reply.to_tag)
    if sent and sent.partition(" ")[0] != reply.from_tag:
        _hide_callers_contact(reply.seen, sent)
    sip.keep_headers(reply.seen, passed)


def answer_in_doubt(tag: str, passed: frozenset[str]) -> None:
    """The same of one whose headers can't be read. `tag`: of its To."""
    _name_as_asked(tag)
    sip.remove_header("Contact")
    sip.keep_headers_unseen(passed)


def _name_as_asked(tag: str) -> None:
    asked_from, asked_to, asked_tag = sip.asked()
    if asked_from:
        sip.name_ends(asked_from, asked_to if asked_tag or not tag else f"{asked_to};tag={tag}")


def _hide_callers_contact(seen: Seen, noted: str) -> None:
    """A reply of the caller's side has its Contact as the gateway knows it."""
    sent = Sent.from_note(noted)
    contacts = sip.uris(seen.bodies("Contact"))
    if sent is not None and len(contacts) == 1 and guards.is_target(contacts[0]):
        sip.replace_headers({"Contact": f"<{masked(contacts[0], sent.from_uri)}>"})


def keep_target(running: RunningCall, side: str) -> None:
    """An answer of a side whose Contact can't be a target: the other one goes on with that which it knows."""
    leg = running.callee_leg
    contact = leg.contact if side == "callee" and leg is not None else contact_shown(running)
    sip.replace_headers({"Contact": f"<{contact}>"})


def answer_alone(running: RunningCall, side: str) -> None:
    """A repeated 2xx whose transaction is gone, of a side of a call."""
    from_tag, to_tag = sip.text("$ft"), sip.text("$tt")
    if side == "callee":
        _name(running.from_uri, from_tag, running.to_uri, to_tag)
    else:
        _name(running.sent_to, from_tag, running.sent_from, to_tag)
        sip.replace_headers({"Contact": f"<{contact_shown(running)}>"})


OWN = sip.question("$ci", "$ft", "$tt", *map("$dlg_var({})".format, (notes.SENT, notes.MOVED, notes.PRACKED)))
"""Of a request of Kamailio's own: whose it is, and its dialog's notes."""


def readdress_own(from_tag: str, to_tag: str, sent: str, moved: str, pracked: str) -> None:
    """A request of Kamailio's own, whose dialog module knows only the first targets, and what the caller wrote: it goes
    to the present one. `sent`, `moved`, `pracked`: the dialog's notes of these names.
    """
    headers = {}
    if sent and sent.partition(" ")[0] == from_tag:
        _, from_uri, to_uri, _ = sent.split(" ")
        headers = {"From": f"<{from_uri}>;tag={from_tag}", "To": f"<{to_uri}>;tag={to_tag}"}
        sip.name_ends(headers["From"], headers["To"])
    last = notes.last_prack(pracked, from_tag) if pracked else 0
    if last and last >= sip.cseq():
        headers["CSeq"] = f"{last + 1} BYE"
        sip.replace_headers({"CSeq": headers["CSeq"]})
    target = notes.moved_targets(moved).get(to_tag) if moved else None
    if target is not None:
        sip.redirect(target, headers)
