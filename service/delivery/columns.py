"""What a file says of a call: columns by name, each for the side that may know it. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import Row

from ratebook.money import format_micros
from ratebook.sheets.write import inert
from service.calls.attempts import delay_ms, rate_of
from service.calls.browse import moment_of

CUSTOMER, PROVIDER = "customer", "provider"
BOTH = frozenset({CUSTOMER, PROVIDER})
SEPARATORS = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|"}
Call = Row[Any]
"""A record with the names and the money of one side: `service.delivery.calls`."""


class Column(NamedTuple):
    """One of a file's columns."""

    meaning: str
    cell: Callable[[Call, ZoneInfo], str]
    sides: frozenset[str] = BOTH


def _text(name: str) -> Callable[[Call, ZoneInfo], str]:
    return lambda call, _: _plain(getattr(call, name))


def _number(name: str) -> Callable[[Call, ZoneInfo], str]:
    return lambda call, _: "" if getattr(call, name) is None else str(getattr(call, name))


def _moment(name: str) -> Callable[[Call, ZoneInfo], str]:
    return lambda call, zone: moment(getattr(call, name), zone)


def _plain(value: str | None) -> str:
    """Text that no spreadsheet takes for a formula."""
    return inert(value or "")


def moment(wall_ms: int, zone: ZoneInfo) -> str:
    """ISO 8601 to the millisecond, with the zone's distance from UTC; empty: never."""
    if not wall_ms:
        return ""
    whole, rest = divmod(wall_ms, 1000)
    local = datetime.fromtimestamp(whole, UTC).astimezone(zone)
    return local.replace(microsecond=rest * 1000).isoformat(timespec="milliseconds")


def _caller_sent(call: Call, _: ZoneInfo) -> str:
    """Who asks not to be shown is not shown to providers."""
    return "" if call.private else _plain(call.caller_sent)


def _delay(call: Call, _: ZoneInfo) -> str:
    """Post-dial delay: from the INVITE to the first ringing."""
    found = delay_ms(call.start_ms, call.ring_ms)
    return "" if found is None else str(found)


def _rate(call: Call, _: ZoneInfo) -> str:
    """A minute of the first interval, in the tariff's currency."""
    return "" if call.own_terms is None else rate_of(call.own_terms, moment_of(call)).minute


def _increments(call: Call, _: ZoneInfo) -> str:
    return "" if call.own_terms is None else rate_of(call.own_terms, moment_of(call)).increments


def _amount(call: Call, _: ZoneInfo) -> str:
    return "" if call.amount_micros is None else format_micros(call.amount_micros)


_OURS = frozenset({CUSTOMER})
_THEIRS = frozenset({PROVIDER})
COLUMNS: dict[str, Column] = {
    "call": Column("32 hexadecimal digits that name the call, as its page and the API do", _text("call")),
    "call_id": Column("SIP's Call-ID of the caller's side", _text("call_id"), _OURS),
    "account": Column("Name of the account that made the call", _text("account_name"), _OURS),
    "from_tag": Column("SIP's tag of the caller's side", _text("from_tag"), _OURS),
    "to_tag": Column("SIP's tag of the answering side", _text("to_tag"), _OURS),
    "trunk": Column("Name of the trunk that it came by; empty: by a device", _text("trunk_name"), _OURS),
    "device": Column("User name of the device that it came from; empty: by a trunk", _text("device_name"), _OURS),
    "gateway": Column("Name of the gateway that it left by", _text("gateway_name"), _THEIRS),
    "started": Column("When the INVITE came, to the millisecond", _moment("start_ms")),
    "rung": Column("When it first rang; empty: never", _moment("ring_ms")),
    "answered": Column("When it was answered; empty: never", _moment("answer_ms")),
    "ended": Column("When it ended", _moment("end_ms")),
    "pdd_ms": Column("Post-dial delay: milliseconds from the INVITE to the first ringing", _delay),
    "duration_ms": Column("Milliseconds from answer to end", _number("duration_ms")),
    "kind": Column("call, emergency, free, message, or attempt: a gateway that failed", _text("kind")),
    "outcome": Column("answered, failed, cancelled or refused", _text("outcome")),
    "sip_code": Column("SIP's code of the answer", _number("sip_code")),
    "sip_reason": Column("The words beside that code", _text("sip_reason")),
    "ended_by": Column(
        "Who ended it: caller, callee, operator, or what: grant, suspension, restart and others", _text("ended_by")
    ),
    "caller": Column("Who called, E.164", _text("caller"), _OURS),
    "caller_sent": Column("Who called, as it was sent to the provider; empty: not to be shown", _caller_sent, _THEIRS),
    "called": Column("Who was called, E.164", _text("called"), _OURS),
    "called_sent": Column("Who was called, as it was sent to the provider", _text("called_sent"), _THEIRS),
    "routing_number": Column("Of a ported number: where it is now", _text("routing_number")),
    "destination": Column("What the tariff calls the number's destination", _text("destination"), _OURS),
    "tariff": Column("By which tariff it was priced", _text("own_tariff")),
    "prefix": Column("The prefix of that tariff's rate", _text("own_prefix")),
    "rate": Column("Of a minute of the first interval, in the tariff's currency", _rate),
    "increments": Column("First and next step of the billing, in seconds", _increments),
    "billed_s": Column("Billed seconds", _number("own_billed_s")),
    "covered_s": Column("Seconds that a package has paid", _number("own_covered_s"), _OURS),
    "amount": Column("What it came to, exact", _amount),
    "currency": Column("Of that amount", _text("own_currency")),
}


def columns_of(side: str) -> list[str]:
    """Names of what a side may have, in the order in which a file has them if nobody says another one."""
    return [name for name, column in COLUMNS.items() if side in column.sides]


def file_text(calls: Iterable[Call], names: Sequence[str], *, zone: str, separator: str) -> str:
    """A file: a line of names, then a line a call."""
    place = ZoneInfo(zone)
    cells = [COLUMNS[name].cell for name in names]
    return csv_text([names, *([cell(call, place) for cell in cells] for call in calls)], separator)


def csv_text(lines: Iterable[Sequence[str]], separator: str = ",") -> str:
    """RFC 4180. Cells are written as they are: those of `COLUMNS` are no formulas."""
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=separator, lineterminator="\r\n").writerows(lines)
    return out.getvalue()
