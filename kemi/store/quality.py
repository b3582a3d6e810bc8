"""Figures of gateways in the store: a record for each gateway and prefix, in quarters of an hour, and one for all of a
gateway's calls. The clerk counts what it copies; workers only read, and only for plans that ask for quality, or where a
provider asks for attempts.
"""

from __future__ import annotations

import marshal
import time
from typing import Any, NamedTuple

from kemi.store import queues
from kemi.store.calls import MARSHAL_VERSION, ChargeLeg, RunningCall, unpack_call
from kemi.store.change import Change
from kemi.store.environment import Databases, HotStore
from kemi.store.layout import VERSION, UnknownVersion
from kemi.store.queues import Ending
from kemi.store.specials import MESSAGE
from ratebook.quality import Figures

SLOT_S = 900
WINDOW_MAX_S = 4 * 3600
"""What is older is forgotten."""
RECORDS_MAX = 20_000
"""Beyond, only a gateway's whole is counted: 10 MiB of the store at most."""
REMOVED_PER_CHANGE = 100
ADDED_PER_CHANGE = 20
"""Records that one transaction changes: the workers wait for no longer."""
PAUSE_S = 0.0002
"""Between two of them, with the store free: who gives its lock back would be the first to take it again."""
FALSE_MS = 1_000
SHORT_MS = 6_000
WHOLE = "="
"""In place of a prefix: all calls of a gateway."""
PREFIX_MAX = 4
"""Digits of the number, for a call that nobody pays for."""

Tally = dict[tuple[int, str], Figures]
"""What is to be added, by gateway and prefix."""


class Slot(NamedTuple):
    """A quarter of an hour."""

    number: int
    """Wall-clock seconds through SLOT_S."""
    figures: Figures


def prefix_for(top: ChargeLeg | None, number: str) -> str:
    """By which a call's figures are kept: the prefix by which the operator sells it; `top`: what it earns by."""
    return number[:PREFIX_MAX] if top is None else top.prefix


def _key(gateway_id: int, prefix: str) -> bytes:
    return gateway_id.to_bytes(4, "big") + prefix.encode("ascii")


def _slots(raw: bytes | None) -> list[Slot]:
    if raw is None:
        return []
    version, rows = marshal.loads(raw)  # noqa: S302 -- only our own processes write the store
    if version != VERSION:
        raise UnknownVersion("quality", version)
    return [Slot(number, Figures(*figures)) for number, *figures in rows]


def _pack(slots: list[Slot]) -> bytes:
    return marshal.dumps((VERSION, tuple((number, *figures) for number, figures in slots)), MARSHAL_VERSION)


def _sum(slots: list[Slot], since_s: int) -> Figures:
    total = Figures()
    for number, figures in slots:
        if (number + 1) * SLOT_S > since_s:
            total = total.plus(figures)
    return total


def read(dbs: Databases, txn: Any, gateway_id: int, prefix: str, since_s: int) -> Figures:
    """A gateway's figures for a prefix, or WHOLE, from the quarter of an hour on in which a wall-clock second lies."""
    return _sum(_slots(txn.get(_key(gateway_id, prefix), db=dbs.quality)), since_s)


def by_prefix(dbs: Databases, txn: Any, gateway_id: int, since_s: int) -> dict[str, Figures]:
    """A gateway's figures by prefix, without WHOLE and what has none."""
    first = gateway_id.to_bytes(4, "big")
    found: dict[str, Figures] = {}
    with txn.cursor(dbs.quality) as cursor:
        more = cursor.set_range(first)
        while more and cursor.key()[:4] == first:
            figures = _sum(_slots(cursor.value()), since_s)
            if figures.attempts:
                found[cursor.key()[4:].decode("ascii")] = figures
            more = cursor.next()
    found.pop(WHOLE, None)
    return found


def count(tally: Tally, event: queues.Event) -> None:
    """Adds the attempts of a settled call; other events say nothing."""
    kind, _, _, payload = event
    if kind != queues.SETTLED:
        return
    call, ending = unpack_call(payload[1]), Ending(*payload[2])
    if call.hops or call.special == MESSAGE:
        return  # to somebody of ours, by no gateway; and nobody talks in a MESSAGE
    prefix = prefix_for(call.legs[-1] if call.legs else None, call.rated_number)
    for at, (gateway_id, _, at_ms, ring_ms, _) in enumerate(call.attempts, start=1):
        has_ended = at == len(call.attempts)
        figures = _last(call, ending, at_ms, ring_ms) if has_ended else _failed(at_ms, ring_ms)
        for key in ((gateway_id, prefix), (gateway_id, WHOLE)):
            tally[key] = tally.get(key, Figures()).plus(figures)


def _failed(at_ms: int, ring_ms: int) -> Figures:
    """Of an attempt after which another gateway was tried."""
    return Figures(attempts=1, delayed=int(ring_ms > 0), delay_ms=max(0, ring_ms - at_ms) if ring_ms else 0)


def _last(call: RunningCall, ending: Ending, at_ms: int, ring_ms: int) -> Figures:
    """Of the attempt with which a call ended."""
    has_rung = ring_ms > 0
    delay_ms = (ring_ms if has_rung else call.answer_wall_ms) - at_ms
    return Figures(
        attempts=1,
        answered=int(call.is_answered),
        duration_ms=ending.duration_ms,
        delayed=int(has_rung or call.is_answered),
        delay_ms=max(0, delay_ms) if has_rung or call.is_answered else 0,
        false_answers=int(call.is_answered and not has_rung and delay_ms < FALSE_MS),
        short_calls=int(call.is_answered and ending.duration_ms < SHORT_MS),
    )


def add(change: Change, tally: Tally, wall_s: int) -> None:
    """Adds what was counted to the quarter of an hour that is now."""
    store, now = change.store, wall_s // SLOT_S
    oldest = now - WINDOW_MAX_S // SLOT_S
    left = RECORDS_MAX - change.txn.stat(store.quality)["entries"]
    for (gateway_id, prefix), figures in tally.items():
        key = _key(gateway_id, prefix)
        raw = change.txn.get(key, db=store.quality)
        if raw is None and prefix != WHOLE:
            left -= 1
            if left < 0:
                continue
        slots = {number: before for number, before in _slots(raw) if number > oldest}
        slots[now] = slots.get(now, Figures()).plus(figures)
        change.txn.put(key, _pack([Slot(*one) for one in sorted(slots.items())]), db=store.quality)


def stale(dbs: Databases, txn: Any, wall_s: int) -> list[bytes]:
    """Keys of records in which nothing is young enough."""
    found = []
    for key, raw in txn.cursor(dbs.quality):
        slots = _slots(raw)
        if not slots or (slots[-1].number + 1) * SLOT_S <= wall_s - WINDOW_MAX_S:
            found.append(bytes(key))
    return found


class Counter:
    """What one clerk has counted and not yet written."""

    def __init__(self) -> None:
        self._tally: Tally = {}
        self._slot = 0

    def take(self, event: queues.Event) -> None:
        """One event."""
        count(self._tally, event)

    def write(self, store: HotStore, wall_s: int) -> None:
        """In small transactions of its own: a second's calls may go to as many prefixes."""
        rows, self._tally = [*self._tally.items()], {}
        for start in range(0, len(rows), ADDED_PER_CHANGE):
            with Change(store) as change:
                add(change, dict(rows[start : start + ADDED_PER_CHANGE]), wall_s)
            time.sleep(PAUSE_S)

    def forget_stale(self, store: HotStore, wall_s: int) -> None:
        """Once in a quarter of an hour, in small transactions of its own."""
        if wall_s // SLOT_S == self._slot:
            return
        self._slot = wall_s // SLOT_S
        with store.read() as txn:
            keys = stale(store, txn, wall_s)
        for start in range(0, len(keys), REMOVED_PER_CHANGE):
            with Change(store) as change:
                for key in keys[start : start + REMOVED_PER_CHANGE]:
                    change.txn.delete(key, db=store.quality)
