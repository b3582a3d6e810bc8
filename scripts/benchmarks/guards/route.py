"""Kambill's own routes, guards and dialogs with every decision fixed: no store, no rates, no money, one gateway.

Run by Kamailio in the place of kemi/route.py, whose entries and callbacks it keeps. What a bench of the real one takes
more than this is what deciding and billing cost.
"""

# It replaces names of other modules on purpose.
# mypy: ignore-errors

from __future__ import annotations

import os
import secrets
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

sys.path.insert(0, os.environ["KAMBILL_HOME"])

from kemi import calls_in, calls_on, carriers, closings, failures, farewell, in_dialog, route, sending
from kemi.answer import Grant
from kemi.authorize import Admitted, Target
from kemi.caller import Parties
from kemi.running import Speaker
from kemi.store import headers
from kemi.store.calls import Leg, RunningCall
from kemi.store.networks import lies_in, parse_network

CALLER, CALLEE = "sip:1000@127.0.0.1:@UAC_PORT@", "sip:gateway@127.0.0.1:@UAS_PORT@"
LOOPBACK = (parse_network("127.0.0.0/8"),)
PARTIES = Parties("sip:1000@127.0.0.1", "sip:442071234567@127.0.0.1", CALLER, "", is_private=False)
TARGET = Target(1, "127.0.0.1", int("@UAS_PORT@"), "udp", "442071234567", 5000, 60_000, PARTIES)
_NOTHING = dict.fromkeys(RunningCall._fields) | {"key": bytes(16), "grant_s": 100, "ring_wall_ms": 0}
RINGING = RunningCall(**_NOTHING | {"state": "ringing"})
ANSWERED = RINGING._replace(state="answered", h_entry=0, h_id=0)


class OpenGate:
    """Everybody comes in."""

    def admits(self, *_: Any) -> bool:
        """Yes."""
        return True

    tired = frozenset()
    shed_percent, passed = 50, headers.PASSED

    def refused(self, *_: Any) -> None:
        """Counts nothing."""

    stranger = proved = refused


class NoRooms:
    """Always there, always empty."""

    gate = OpenGate()
    store = outgoing = None

    @staticmethod
    def open(_run_dir: Path, _data_dir: Path, _counters: Any = None) -> NoRooms:
        """Opens nothing."""
        return NoRooms()

    def usable(self) -> bool:
        """Yes."""
        return True

    has_store = usable
    hanging_up, can_sign = "", False


def answered_call(_rooms: Any, key: str, from_tag: str, to_tag: str, ip: str, *_: Any, **__: Any) -> Speaker:
    """The call of the request at hand, as its caller would have made it."""
    legs = {"caller_leg": Leg(from_tag, CALLER, (), 1, ""), "callee_leg": Leg(to_tag, CALLEE, (), 0, "")}
    call = ANSWERED._replace(key=bytes.fromhex(key), **legs)
    return Speaker(call, b"", "caller" if lies_in(ip, LOOPBACK) else "")


def ringing_call(_rooms: Any, _call: str) -> RunningCall:
    """The call of the 2xx at hand."""
    return RINGING


def admit(*_: Any) -> Admitted:
    """Every INVITE, to the one gateway."""
    return Admitted(secrets.token_hex(16), TARGET, 0)


def done(*_: Any, **__: Any) -> bool:
    """Whatever it was."""
    return True


def nothing(*_: Any, **__: Any) -> None:
    """Nothing else is left: what a call comes to when packets are lost."""


route.Rooms = NoRooms
route.tick = lambda *_: None
route.Prober = lambda *_: SimpleNamespace(tick=lambda *_: None)
route.Kambill._round = nothing
TRUNK = SimpleNamespace(id=1, certificate="", identity="off")
calls_in.identify, calls_in.authorise, calls_in.ended = (lambda *_: TRUNK), admit, done
in_dialog.speaker, in_dialog.hung_up = answered_call, done
in_dialog.advance = done
in_dialog.is_known = done
calls_on.find = closings.find = failures.find = ringing_call
calls_on.ended = closings.ended = calls_on.given_up = calls_in.given_up = done
failures.settled = lambda *_: RINGING
calls_on.comes_from_side = calls_on.delivered = calls_on.is_past = done
calls_on.call_of_invite = calls_on.asked_by = nothing
farewell.keep = farewell.forget = farewell.is_kept = nothing
farewell.key_of = lambda *_: b""
failures.fail_over = failures.forward = failures.take_back = failures.follow = sending.fail_over = nothing
failures.note_result = carriers.prove = carriers.tell = nothing
calls_on.answered = lambda *_: Grant(100)

mod_init = route.mod_init
