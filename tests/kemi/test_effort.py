"""What each message of a plain call takes: functions around the decisions, of these, and calls of Kamailio's.

Figures that no neighbour on the machine moves. `scripts/bench messages` counts inside Kamailio.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.kemi.fake_ksr import FakeKsr
from tests.kemi.test_route import INVITE, kambill, ksr
from tests.kemi.world import World

from kemi import rooms, route  # isort: skip -- imports KSR

__all__ = ["kambill", "ksr"]

SHELL = frozenset(
    {"route", "calls_in", "calls_on", "in_dialog", "reading", "named", "nat", "ends", "sending", "guards", "gate"}
    | {"closings", "devices_in", "notes", "invitation", "caller", "counters", "clock", "overload"}
)
"""Modules that surround the decisions; all of `kemi/sip` too."""
HOME = Path(route.__file__).parents[1]
DECIDING = str(HOME / "kemi"), str(HOME / "ratebook")
"""Folders whose other functions decide."""
MOST = {
    "INVITE": (66, 115, 22),
    "180": (44, 16, 15),
    "200": (44, 47, 10),
    "ACK": (37, 11, 13),
    "BYE": (29, 39, 10),
    "BYE of ours": (8, 0, 5),
}
"""Functions around the decisions (three of which are the gate's look at each second, as is one of the next), functions
of the decisions, and calls of Kamailio's.
"""
OURS, GATEWAY = "<sip:127.0.0.1:5060;lr;did=1.2>", "<sip:gw@127.0.0.11:5060>"
REPLY = INVITE | {
    "$tt": "t1",
    "$si": "127.0.0.11",
    "$via0(branch)": "z9hG4bK1.0",
    "$T_req($hdr(From))": "<sip:+441632960000@127.0.0.2>;tag=f1",
    "$T_req($hdr(To))": "<sip:0033123@127.0.0.1>",
    "$dlg(state)": 2,
    "$dlg(h_entry)": 7,
    "$dlg(h_id)": 9,
}
IN_CALL = INVITE | {"$tt": "t1", "$ru": GATEWAY[1:-1], "$rU": "gw"}


class Counted:
    """One process of Kamailio's, with counts."""

    def __init__(self, process: route.Kambill, ksr: FakeKsr) -> None:
        self._process, self._ksr = process, ksr
        self.found: dict[str, tuple[int, int, int]] = {}
        ksr.answers |= {
            "core.is_myself": lambda uri: 1 if uri.startswith("sip:127.0.0.1") else -1,
            "dialog.dlg_set_timeout": 1,
            "dialog.dlg_get": 1,
            "dialog.dlg_bye": 1,
            "rr.loose_route": 1,
        }

    def message(self, name: str, values: dict[str, Any], headers: dict[str, list[str]]) -> None:
        """A message, with what the dialog keeps."""
        kept = {f"$dlg_var({key})": value for key, value in self._ksr.called("dialog.var_sets")}
        self._ksr.pv_values, self._ksr.headers = values | kept, headers
        before = self._ksr.asked
        entry: Callable[..., int] = {
            "180": self._process.ksr_reply_route,
            "200": self._process.ksr_reply_route,
            "BYE of ours": lambda _: self._process.ksr_tm_event(None, "tm:local-request"),
        }.get(name, self._process.ksr_request_route)
        around = deciding = 0

        def seen(frame: Any, event: str, _arg: Any) -> None:
            nonlocal around, deciding
            path = Path(frame.f_code.co_filename)
            is_around = path.parent.name in {"kemi", "sip"} and _is_of_the_shell(path)
            around += event == "call" and is_around
            deciding += event == "call" and str(path).startswith(DECIDING) and not is_around

        sys.setprofile(seen)
        try:
            assert entry(None) == 1
        finally:
            sys.setprofile(None)
        self.found[name] = around, deciding, self._ksr.asked - before


def _is_of_the_shell(path: Path) -> bool:
    return path.stem in SHELL or path.parent.name == "sip"


def test_a_plain_call_takes_no_more_than_it_needs(
    kambill: route.Kambill, ksr: FakeKsr, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each message of it; the call goes on as it should meanwhile."""
    monkeypatch.setattr(rooms, "LOOK_EACH_NS", 2**62)  # a look at the store's file is of a clock, and of no message
    world.hang_up(world.talk())  # what a process decodes once is none of a call's
    counted = Counted(kambill, ksr)
    said = {"Via": ["x"], "From": ["x"], "To": ["x"], "Contact": ["<sip:caller@127.0.0.2:5060>"]}
    counted.message("INVITE", INVITE, said)
    ksr.answers["tm.t_check_trans"] = 1
    answer = said | {"Contact": [GATEWAY], "Record-Route": [OURS]}
    counted.message("180", REPLY | {"$rs": 180}, answer)
    counted.message("200", REPLY | {"$rs": 200}, answer)
    assert world.running()[0].is_answered
    request = said | {"Route": [OURS]}
    del request["Contact"]
    counted.message("ACK", IN_CALL | {"$rm": "ACK"}, request)
    assert ksr.called("tm.t_relay") == [(), ()]
    ksr.answers["tm.t_check_trans"] = -1
    counted.message("BYE", IN_CALL | {"$rm": "BYE", "$cs": "2"}, request)
    assert (world.running(), ksr.called("dialog.dlg_bye")) == ([], [("callee",)])
    kambill.rooms.hanging_up = dict(ksr.called("dialog.var_sets"))["call"]  # Kamailio's event comes within its dlg_bye
    counted.message("BYE of ours", IN_CALL | {"$rm": "BYE"}, request)
    over = {name: found for name, found in counted.found.items() if any(map(int.__gt__, found, MOST[name]))}
    assert over == {}
    assert counted.found.keys() == MOST.keys()
    assert all(around > 4 for around, *_ in counted.found.values())
    assert all(counted.found[name][1] > 20 for name in ("INVITE", "200", "BYE"))
