"""Asks gateways whether they are there: OPTIONS, by the meter's process, and what the answers say.

When each was asked last is this process's own to know: after a start all are asked within their interval.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from kemi.clock import Now
from kemi.rooms import Rooms
from kemi.store import health
from kemi.store.change import Change
from kemi.store.health import Registration
from kemi.store.trunks import Gateway

PROBE, REGISTER, AGAIN = "probe", "register", "again"
"""What an answer is to: OPTIONS, a REGISTER, a REGISTER with credentials."""
REGISTER_RETRY_S = 30
"""After a REGISTER that was refused, or met silence."""
REFRESH_PART = 2
"""A registration is said again after this part of its time."""


class Asked(NamedTuple):
    """What was asked of which gateway; it goes along with the request as a text."""

    what: str
    gateway: int

    @classmethod
    def from_text(cls, text: str) -> Asked | None:
        """What stands in a text; None: it is none of ours."""
        what, _, number = text.partition(":")
        return cls(what, int(number)) if what in {PROBE, REGISTER, AGAIN} and number.isdecimal() else None

    def __str__(self) -> str:
        """As it goes along."""
        return f"{self.what}:{self.gateway}"


_CALL_ID = re.compile(r"kambill-([0-9]{1,9})-[0-9a-f]{32}", re.ASCII)


def call_id_of(asked: Asked, token: str) -> str:
    """The Call-ID of a request to a gateway, by which an answer says whom it must be of. `token`: 32 hex digits."""
    return f"kambill-{asked.gateway}-{token}"


def gateway_asked(call_id: str) -> int | None:
    """To which gateway a request of this Call-ID went; None: it is none of these."""
    found = _CALL_ID.fullmatch(call_id)
    return None if found is None else int(found[1])


Ask = Callable[[Asked, Gateway], None]
"""Sends the request."""


class Prober:
    """Of the meter's process."""

    def __init__(self, rooms: Rooms, ask: Ask) -> None:
        self._rooms, self._ask = rooms, ask
        self._number: bytes | None = None
        self._gateways: list[Gateway] = []
        self._next_ms: dict[tuple[str, int], int] = {}

    def tick(self, now: Now) -> None:
        """Asks those whose time has come."""
        if not self._rooms.usable():
            return
        self._read()
        for gateway in self._gateways:
            if gateway.probe_s and self._is_time(PROBE, gateway.id, gateway.probe_s, now):
                self._ask(Asked(PROBE, gateway.id), gateway)
            if gateway.register_s and self._is_time(REGISTER, gateway.id, self._register_each_s(gateway, now), now):
                self._ask(Asked(REGISTER, gateway.id), gateway)

    def _read(self) -> None:
        """The gateways, when the configuration is another one."""
        store = self._rooms.store
        with store.read() as txn:
            configuration = store.configuration(txn)
            if configuration.number == self._number:
                return
            self._number = configuration.number
            before = set(self._gateways)
            self._gateways = [one for one in configuration.gateways(txn) if one.is_active]
        same = {one.id for one in self._gateways if one in before}
        self._next_ms = {key: at_ms for key, at_ms in self._next_ms.items() if key[1] in same}

    def _is_time(self, what: str, gateway_id: int, each_s: int, now: Now) -> bool:
        """The first time lies somewhere in the interval, so that not all are asked at once."""
        first_ms = now.boot_ms + gateway_id % min(each_s, 10) * 1000
        if self._next_ms.setdefault((what, gateway_id), first_ms) > now.boot_ms:
            return False
        self._next_ms[what, gateway_id] = now.boot_ms + each_s * 1000
        return True

    def _register_each_s(self, gateway: Gateway, now: Now) -> int:
        store = self._rooms.store
        with store.read() as txn:
            found = health.registration(store, txn, gateway.id)
        stands = found is not None and found.until_ms > now.boot_ms + REGISTER_RETRY_S * 1000
        return gateway.register_s // REFRESH_PART if stands or found is None else REGISTER_RETRY_S


class Turn(NamedTuple):
    """A gateway that has gone out or come back."""

    gateway: int
    is_out: bool
    code: int


def note_result(rooms: Rooms, gateway_id: int, code: int, now: Now) -> Turn | None:
    """What a call or probe came to at a gateway; whether that turns it. None: it stays what it is.

    408 is silence. Of the other codes only those that the gateway names are failures: whoever says 404 is there.
    """
    store = rooms.store
    with store.read() as txn:
        gateway = store.configuration(txn).gateway(txn, gateway_id)
        before = None if gateway is None else health.read(store, txn, gateway_id)
    if gateway is None or not gateway.failures_max:
        return None
    if code in gateway.failure_codes:
        with Change(store) as change:
            goes = health.failed(change, gateway, code, now.boot_ms, now.wall_ms)
        return Turn(gateway_id, is_out=True, code=code) if goes else None
    if before is None:
        return None
    with Change(store) as change:
        health.worked(change, gateway_id)
    return Turn(gateway_id, is_out=False, code=code) if before.out_until_ms else None


def note_registration(rooms: Rooms, gateway_id: int, code: int, expires_s: int, now: Now) -> None:
    """What a REGISTER came to."""
    until_ms = now.boot_ms + expires_s * 1000 if 200 <= code < 300 else 0
    with Change(rooms.store) as change:
        health.registered(change, gateway_id, Registration(code, until_ms))
