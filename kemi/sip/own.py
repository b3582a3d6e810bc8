"""What Kamailio says of its own accord, and where it listens."""

from __future__ import annotations

import json
from functools import cache
from ipaddress import ip_address
from typing import NamedTuple

import KSR

from kemi.sip.header import MARK
from kemi.sip.message import number, text


class Request(NamedTuple):
    """A request outside calls, that tm sends and repeats."""

    method: str
    uri: str
    from_uri: str
    to_uri: str
    headers: str
    """Whole lines."""
    call_id: str
    mark: str
    """Comes back with the answer."""


def ask(request: Request) -> bool:
    """Sends it; the answer, or 408 for silence, comes to `ksr_uac_event`. False: it could not be sent.

    Not with uac's own digest: Kamailio 5.6 frees its memory twice then.
    """
    put = KSR.pv.sets
    put("$uac_req(all)", "")
    put("$uac_req(method)", request.method)
    put("$uac_req(ruri)", request.uri)
    put("$uac_req(furi)", request.from_uri)
    put("$uac_req(turi)", request.to_uri)
    put("$uac_req(hdrs)", request.headers)
    put("$uac_req(callid)", request.call_id)
    put("$uac_req(evparam)", request.mark)
    KSR.pv.seti("$uac_req(evroute)", 1)
    return bool(KSR.uac.uac_req_send() > 0)


_SILENCE = 2
"""uac's type of an event that no reply has brought."""


def asked_answer() -> tuple[str, int, bool]:
    """In `ksr_uac_event`: the mark of the request, the final code that it came to, and whether somebody sent that."""
    return text("$uac_req(evparam)"), number("$uac_req(evcode)"), number("$uac_req(evtype)") != _SILENCE


@cache
def own_sockets() -> tuple[str, ...]:
    """Where Kamailio listens, `transport:address:port` each, IPv6 without brackets."""
    KSR.jsonrpcs.exec('{"jsonrpc": "2.0", "method": "core.sockets_list", "id": 1}')
    listed = [one["socket"] for one in json.loads(text("$jsonrpl(body)"))["result"]]
    return tuple([f"{one['proto']}:{ip_address(one['ipaddress'])}:{one['port']}" for one in listed])


@cache
def ways() -> frozenset[tuple[str, int]]:
    """Transport and version of IP of each socket: by others nothing leaves."""
    sockets = [socket.partition(":") for socket in own_sockets()]
    return frozenset([(transport, ip_address(place.rpartition(":")[0]).version) for transport, _, place in sockets])


def own_address() -> str:
    """`host:port` of the first socket, as `kamailio-local.cfg` names it."""
    return text("$def(KAMBILL_LISTEN)").partition(" ")[0].partition(":")[2]


def is_defined(name: str) -> bool:
    """Whether kamailio.cfg or kamailio-local.cfg defines a name; before the fork too."""
    return KSR.pv.get(f"$def({name})") is not None


def marks() -> frozenset[str]:
    """Headers, in lower case, that a module of Kamailio writes into what comes in and takes out of what goes out: topoh
    knows by its own what it has to hide.
    """
    return frozenset({MARK}) if is_defined("WITH_TOPOLOGY_HIDING") else frozenset()


def send(destination: str, message: str) -> None:
    """Sends a message as it stands from our socket. `destination`: a SIP URI of an address."""
    KSR.corex.send_data(destination, message)


def send_by(socket: str, destination: str, message: str) -> None:
    """The same from one of our sockets, `udp:host:port`: a NAT lets nothing in from another one."""
    KSR.corex.sendx(destination, socket, message)
