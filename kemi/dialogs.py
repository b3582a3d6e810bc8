"""The dialog table that Kamailio reads at its start: text files of its db_text module, made from running calls.

Kamailio writes no table while it runs; this is how an answered call has its timer and its BYE again after a
restart. Columns and their order are those of Kamailio 5.6's dialog (version 7) and dialog_vars (version 1).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

from kemi.clock import Now
from kemi.notes import CODECS, NAT, REFERRED, SENT, Sent
from kemi.store.calls import RunningCall

CONFIRMED = 4
"""The dialog module's state of an answered call whose ACK has come."""
TIMEOUT_BYE = 1
TIMER_NORESET = 8
"""Internal flags of the module: BYE at the timeout; requests don't prolong it."""

DIALOG_COLUMNS = (
    "id(int,auto) hash_entry(int) hash_id(int) callid(string) from_uri(string) from_tag(string) to_uri(string) "
    "to_tag(string) caller_cseq(string) callee_cseq(string) caller_route_set(string,null) "
    "callee_route_set(string,null) caller_contact(string) callee_contact(string) caller_sock(string) "
    "callee_sock(string) state(int) start_time(int) timeout(int) sflags(int) iflags(int) toroute_name(string,null) "
    "req_uri(string) xdata(string,null)"
)
ALL_REACHABLE: Mapping[bytes, str] = MappingProxyType({})

VARS_COLUMNS = "id(int,auto) hash_entry(int) hash_id(int) dialog_key(string) dialog_value(string)"
VERSION_COLUMNS = "id(int,auto) table_name(string) table_version(int)"


def escape(value: str) -> str:
    """A text as db_text keeps it: its separator and line ends behind a backslash."""
    return value.replace("\\", "\\\\").replace(":", "\\:").replace("\n", "\\n").replace("\r", "\\r")


def _row(number: int, *fields: str | int) -> str:
    return ":".join(escape(str(field)) for field in (number, *fields))


def dialog_row(number: int, call: RunningCall, now: Now) -> str:
    """The line of an answered call. A grant that is over gets a second: Kamailio then ends it with its BYEs."""
    caller, callee = call.caller_leg, call.callee_leg
    assert callee is not None, "an answered call has a callee"
    left_s = max(1, (call.grant_end_boot_ms - now.boot_ms) // 1000)
    return _row(
        number,
        call.h_entry,
        call.h_id,
        call.call_id,
        call.from_uri,
        caller.tag,
        call.to_uri,
        callee.tag,
        caller.cseq,
        callee.cseq,
        _routes(caller.route_set),
        _routes(callee.route_set),
        caller.contact,
        callee.contact,
        caller.socket,
        callee.socket,
        CONFIRMED,
        call.answer_wall_ms // 1000,
        now.wall_s + left_s,
        0,
        TIMEOUT_BYE | TIMER_NORESET,
        "",
        call.request_uri,
        "",
    )


def _routes(uris: tuple[str, ...]) -> str:
    return ",".join(f"<{uri}>" for uri in uris)


def write_tables(
    folder: Path, calls: Iterable[RunningCall], now: Now, nat: Mapping[bytes, str] = ALL_REACHABLE
) -> None:
    """Writes the tables anew, each whole or not at all. `nat`: by call, the note of sides that may stand behind one."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o2770)
    rows: list[str] = []
    variables: list[str] = []
    for number, call in enumerate(calls, start=1):
        rows.append(dialog_row(number, call, now))
        for name, value in _notes(call, nat.get(call.key, "")):
            variables.append(_row(len(variables) + 1, call.h_entry, call.h_id, name, value))
    _write(folder / "version", VERSION_COLUMNS, ["1:dialog:7", "2:dialog_vars:1"])
    _write(folder / "dialog", DIALOG_COLUMNS, rows)
    _write(folder / "dialog_vars", VARS_COLUMNS, variables)


def _notes(call: RunningCall, nat: str) -> Iterator[tuple[str, str]]:
    """What the dialog kept for us of an answered call."""
    yield "call", call.hex
    yield SENT, Sent(call.from_tag, call.sent_from, call.sent_to).to_note()
    said = {NAT: nat, CODECS: " ".join(call.codecs), REFERRED: call.referred}
    yield from ((name, value) for name, value in said.items() if value)


def _write(path: Path, columns: str, rows: list[str]) -> None:
    new = path.with_name(path.name + ".new")
    new.write_text("\n".join([columns + " ", *rows]) + "\n", encoding="utf-8")
    os.replace(new, path)  # noqa: PTH105 -- atomic, as said
