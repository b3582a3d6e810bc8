"""Hosts that are names where requests to a message's sender would go, and transports that we have not. Shell only.

At the door they become the address that the message came from. Kamailio would look names up with its worker waiting,
and whoever owns the name says how long: four of them would stop all calls. By a transport without a socket nothing
leaves, no BYE either.
"""

from __future__ import annotations

from kemi import sip
from kemi.nat import at_address, is_within_reach
from kemi.sip import Received, Seen


def reaches(contact: str, routes: tuple[str, ...]) -> bool:
    """Whether requests to who gives this Contact and these Routes leave us, and at once."""
    return is_within_reach(routes[0] if routes else contact, sip.ways())


def mend_request(seen: Seen, source: Received) -> None:
    """Of a request that begins a dialog. Before its transaction."""
    _mend(seen, source, sip.uris(seen.bodies("Record-Route")), 0)


def mend_answer(seen: Seen, source: Received) -> None:
    """Of an answer to one, or to one that moves targets. Before its transaction is looked for."""
    routes = sip.uris(seen.bodies("Record-Route"))
    _mend(seen, source, routes, own_at(routes) - 1)


def mend_contact(seen: Seen, source: Received) -> None:
    """Of a request in a dialog whose sender is reached without a Route. Before its transaction."""
    _mend(seen, source, (), 0)


def own_at(routes: tuple[str, ...]) -> int:
    """Which of an answer's Record-Routes is ours; beyond the last one: none is. Those of proxies behind us stand above
    it, the next to us last.
    """
    for at, uri in enumerate(routes):
        if sip.is_own_uri(uri):
            return at
    return len(routes)


def _mend(seen: Seen, source: Received, routes: tuple[str, ...], hop: int) -> None:
    """`hop`: which of the routes a request takes first; where there is none, its Contact is where it goes."""
    if 0 <= hop < len(routes):
        mended = at_address(routes[hop], source, sip.ways())
        if mended != routes[hop]:
            after = (*routes[:hop], mended, *routes[hop + 1 :])
            sip.rewrite({"Record-Route": ", ".join([f"<{uri}>" for uri in after])})
        return
    contacts = sip.uris(seen.bodies("Contact"))
    if len(contacts) == 1 and (mended := at_address(contacts[0], source, sip.ways())) != contacts[0]:
        sip.rewrite({"Contact": f"<{mended}>"})
