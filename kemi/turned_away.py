"""ACK and BYE to legs that have sent a 2xx and must not be. Shell only, as `calls_on`.

Always to the address that the 2xx came from, whatever it says of where its sender is.
"""

from __future__ import annotations

import re
import secrets

from kemi import farewell, messages, sip
from kemi.clock import now
from kemi.identify import is_known
from kemi.messages import Far
from kemi.rooms import Rooms
from kemi.sip import Received, Response

_BRANCH = re.compile(r"z9hG4bK[0-9a-f]{1,8}\.[0-9a-f]{32}\.[0-9a-f]{1,4}")
"""What tm writes into the Vias of our INVITEs."""
_VIA = sip.question("$via0(host)", "$via0(port)")


def hang_up(rooms: Rooms, received: Received, contact: str, route_set: tuple[str, ...]) -> None:
    """The leg that sent the 2xx at hand. Its BYE is said again until it is answered."""
    key = secrets.token_bytes(farewell.KEY_BYTES)
    leg = _leg(received, contact, route_set)
    _acknowledge(leg)
    _say_bye(rooms, leg, key)


def hang_up_unknown(
    rooms: Rooms, heard: Response, received: Received, contact: str, route_set: tuple[str, ...]
) -> None:
    """The leg of a 2xx that comes when nothing is known of its INVITE any more, if that was ours by its Via, and the
    sender is a gateway's or trunk's address. It would run on, and the carrier ask money for it.

    Who forges one gets as much as an honest gateway: a BYE for a dialog at a time, and so many in a second.
    """
    if not (rooms.usable() and _BRANCH.fullmatch(heard.branch) and _is_by_our_via() and is_known(rooms, received.ip)):
        return
    if not rooms.gate.may_be_hung_up(received.ip, now()):
        return
    leg = _leg(received, contact, route_set)
    _acknowledge(leg)
    key = farewell.key_of(rooms, leg.call_id, heard.from_tag, heard.to_tag)
    if not farewell.is_kept(rooms, key):
        _say_bye(rooms, leg, key)


def _is_by_our_via() -> bool:
    host, port = sip.texts(_VIA)
    return bool(host) and sip.is_own_uri(f"sip:{host}:{port}" if int(port or 0) else f"sip:{host}")


def _leg(received: Received, contact: str, route_set: tuple[str, ...]) -> Far:
    return Far(
        sip.text("$ci"),
        sip.loose_text("hdr(From)"),
        sip.loose_text("hdr(To)"),
        max(0, sip.cseq()),
        contact,
        route_set,
        messages.address(received.ip, received.port, received.transport),
        received.socket,
    )


def _acknowledge(leg: Far) -> None:
    sip.send(leg.next_hop, messages.request(leg, "ACK", secrets.token_hex(8)))


def _say_bye(rooms: Rooms, leg: Far, key: bytes) -> None:
    bye = messages.request(leg, "BYE", farewell.branch_of(key))
    sip.send(leg.next_hop, bye)
    if rooms.has_store():
        farewell.keep(rooms, key, leg.next_hop, bye, first_ms=farewell.T1_MS, now=now())
