"""What a journal's line says: head, the facts that people look for, and the store's own record of the rest. Pure.

Whole as `{"e":"settled","epoch":…,"seq":…,"boot":…,"boot_ms":…,"wall_ms":…,"call":…,…,"record":…}`. The clerk writes
hundreds a second beside the calls, so that it copies records (base64) where it can; whoever reads opens them.
"""

from __future__ import annotations

import json
from binascii import a2b_base64, b2a_base64
from typing import Any, NamedTuple

from kemi.clock import Now
from kemi.store import queues
from kemi.store.calls import RunningCall, unpack_call
from kemi.store.locations import Location, to_journal

CARRIED = "carried"
"""An answered call, or a device's place, that an older file of the journal need not be kept for."""

_ENCODE = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, check_circular=False).encode


class Origin(NamedTuple):
    """Where a line comes from: a store's life, and a boot of the machine."""

    epoch: int
    boot: str


class Row(NamedTuple):
    """An event as the clerk finds it."""

    sequence: int
    raw: bytes
    event: queues.Event
    """What `raw` says."""
    call: bytes | None
    """The record of the call that it answers; None: that has ended already, or the event is another one."""


def line_of_event(origin: Origin, row: Row) -> bytes:
    """The line of an event."""
    sequence, raw, (kind, boot_ms, wall_ms, payload), call = row
    head = (
        f'{{"e":"{kind}","epoch":{origin.epoch},"seq":{sequence},"boot":"{origin.boot}",'
        f'"boot_ms":{boot_ms},"wall_ms":{wall_ms},'
    )
    if kind == queues.SETTLED:
        key, _, ending, charges, _ = payload
        micros = ",".join([str(charge[1]) for charge in charges])
        facts = f'"call":"{key.hex()}","outcome":"{ending[0]}","duration_ms":{ending[5]},"micros":[{micros}]'
        return f'{head}{facts},"record":"{_text(raw)}"}}'.encode()
    if kind == queues.ANSWERED:
        record = "" if call is None else f',"record":"{_text(call)}"'
        return f'{head}"call":"{payload.hex()}"{record}}}'.encode()
    body = queues.meaning_of(kind, payload, wall_ms)
    return (head + _ENCODE(body)[1:]).encode("utf-8", "surrogateescape")


def line_of_carried(origin: Origin, sequence: int, call: bytes, now: Now) -> bytes:
    """The line of a call that goes on while a new file begins."""
    head = {"e": CARRIED, "epoch": origin.epoch, "seq": sequence, "boot": origin.boot}
    times = {"boot_ms": now.boot_ms, "wall_ms": now.wall_ms}
    return _ENCODE(head | times | {"call": unpack_call(call).hex, "record": _text(call)}).encode()


def line_of_place(origin: Origin, sequence: int, location: Location, now: Now) -> bytes:
    """The line of a device's place while a new file begins."""
    head = {"e": CARRIED, "epoch": origin.epoch, "seq": sequence, "boot": origin.boot}
    times = {"boot_ms": now.boot_ms, "wall_ms": now.wall_ms}
    return _ENCODE(head | times | {"location": to_journal(location)}).encode("utf-8", "surrogateescape")


def _text(record: bytes) -> str:
    return b2a_base64(record, newline=False).decode("ascii")


def read_line(body: bytes) -> dict[str, Any]:
    """What a line says. Of a settled call with its whole record, as `cdr`. Raises ValueError, UnknownVersion."""
    line: dict[str, Any] = json.loads(body)
    if line["e"] == queues.SETTLED:
        line |= queues.event_to_json(a2b_base64(line.pop("record")))
    return line


def call_of_line(line: dict[str, Any]) -> RunningCall | None:
    """The call of an `answered` or `carried` line; None: it had ended when the line was written, or is no call's."""
    record = line.get("record")
    return None if record is None else unpack_call(a2b_base64(record))
