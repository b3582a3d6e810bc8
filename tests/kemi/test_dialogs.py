"""The dialog table, to the letter of Kamailio's db_text."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kemi import dialogs
from kemi.store.calls import Leg, RunningCall
from tests.kemi.world import World, moved


def talking(world: World) -> RunningCall:
    """A call on both of whose sides there is a proxy."""
    world.talk()
    (call,) = world.running()
    assert call.callee_leg is not None
    return call._replace(
        caller_leg=call.caller_leg._replace(route_set=("sip:127.0.0.3;lr",), cseq=4),
        callee_leg=call.callee_leg._replace(route_set=("sip:127.0.0.12;lr", "sip:127.0.0.13;lr")),
        h_entry=7,
        h_id=9,
    )


def read(path: Path) -> list[list[str]]:
    """The rows of a table, its way of escaping undone."""
    rows = path.read_text().splitlines()[1:]
    return [[field.replace("\0", ":") for field in row.replace("\\:", "\0").split(":")] for row in rows]


def test_a_running_call_is_a_row_with_all_that_a_bye_needs(world: World, tmp_path: Path) -> None:
    """Tags, targets, route sets, CSeqs, sockets, and the rest of its grant on the wall clock."""
    call = talking(world)
    dialogs.write_tables(tmp_path, [call], moved(world.now, 30))
    names = [word.split("(")[0] for word in dialogs.DIALOG_COLUMNS.split()]
    (fields,) = read(tmp_path / "dialog")
    row = dict(zip(names, fields, strict=True))
    assert (row["hash_entry"], row["hash_id"], row["callid"]) == ("7", "9", call.call_id)
    assert (row["from_tag"], row["to_tag"]) == ("from", "to")
    assert (row["caller_cseq"], row["callee_cseq"]) == ("4", "0")
    assert row["caller_route_set"] == "<sip:127.0.0.3;lr>"
    assert row["callee_route_set"] == "<sip:127.0.0.12;lr>,<sip:127.0.0.13;lr>"
    assert (row["caller_contact"], row["callee_contact"]) == ("sip:caller@127.0.0.2:5060", "sip:callee@127.0.0.11")
    assert (row["state"], row["iflags"]) == ("4", "9")
    assert int(row["timeout"]) == moved(world.now, 30).wall_s + call.grant_s - 30
    sent = f"{call.from_tag} {call.sent_from} {call.sent_to} 0"
    assert read(tmp_path / "dialog_vars") == [["1", "7", "9", "call", call.hex], ["2", "7", "9", "sent", sent]]
    assert read(tmp_path / "version") == [["1", "dialog", "7"], ["2", "dialog_vars", "1"]]


def test_what_the_dialog_kept_for_us_stands_beside(world: World, tmp_path: Path) -> None:
    """Codecs of the gateway, who may be told of a REFER, and which sides stand behind a NAT; nothing that is empty."""
    call = talking(world)._replace(codecs=("PCMA", "G729"), referred="callee")
    dialogs.write_tables(tmp_path, [call], world.now, {call.key: "caller"})
    assert [row[3:] for row in read(tmp_path / "dialog_vars")][2:] == [
        ["nat", "caller"],
        ["codecs", "PCMA G729"],
        ["referred", "callee"],
    ]


@pytest.mark.parametrize("late_s", [100, 101, 5000])
def test_a_grant_that_is_over_gets_a_second(world: World, tmp_path: Path, late_s: int) -> None:
    """Kamailio ends it then, with BYE to both; a timeout that has passed it would take as none."""
    dialogs.write_tables(tmp_path, [talking(world)], moved(world.now, late_s))
    (fields,) = read(tmp_path / "dialog")
    assert int(fields[18]) == moved(world.now, late_s).wall_s + 1


def test_no_call_is_a_table_without_rows(tmp_path: Path, world: World) -> None:
    """Kamailio won't start without the files. What stood there before is gone."""
    dialogs.write_tables(tmp_path, [talking(world)], world.now)
    dialogs.write_tables(tmp_path, [], world.now)
    assert [read(tmp_path / name) for name in ("dialog", "dialog_vars")] == [[], []]
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == ["dialog", "dialog_vars", "version"]


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0")))
def test_a_text_stays_in_its_field(text: str) -> None:
    """Whatever a peer wrote: no line ends, and every colon is escaped."""
    escaped = dialogs.escape(text)
    assert "\n" not in escaped
    assert "\r" not in escaped
    assert ":" not in escaped.replace("\\\\", "").replace("\\:", "")


def test_a_leg_without_routes_has_an_empty_field(world: World, tmp_path: Path) -> None:
    """Not a pair of brackets."""
    call = talking(world)
    bare = Leg("from", "sip:a@b", (), 1, "udp:127.0.0.1:5060")
    dialogs.write_tables(tmp_path, [call._replace(caller_leg=bare)], world.now)
    assert read(tmp_path / "dialog")[0][10] == ""
