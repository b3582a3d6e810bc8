"""The millisecond in which a timer meets a 200: tm, its dialog module and the processes of Kamailio in a model, with
what is ours for real, in every order that a schedule can name.

The model has of tm and dialog what counts here (KAMAILIO 5.6): a reply's route runs before the transaction's lock, a
failure's route within it; a 2xx goes on though a final answer was sent; a refusal ends the dialog and its timer with
it; a BYE of ours ends the dialog and stops its timer.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import copy
from functools import partial
from itertools import count, permutations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.kemi import fake_ksr
from tests.kemi.fake_ksr import FakeKsr
from tests.kemi.interleaving import Turns, take_turns
from tests.kemi.test_effort import GATEWAY, OURS, REPLY
from tests.kemi.test_route import INVITE
from tests.kemi.world import CARRIER, CUSTOMER, DEAR_CARRIER, LOWER, UPPER, World, assert_consistent

fake_ksr.stand_in()

from kemi import clock, meter, route  # noqa: E402 -- they import KSR

EARLY, ANSWERED, OVER = 2, 3, 5
STOPS_MAX = 60
"""More than anybody has."""
SAID = {"Via": ["x"], "From": ["x"], "To": ["x"]}
HOSTS = ("127.0.0.11", "127.0.0.12", "127.0.0.13")


class Sip(FakeKsr):
    """One call of tm's and its dialog, seen by each process with a message of its own."""

    def __init__(self, turns: Turns) -> None:
        self._own = threading.local()
        super().__init__()
        self.turns = turns
        self.holder = ""
        """Who has the transaction's lock."""
        self.branches = 0
        self.status = 0
        """Of the final answer that the caller got first."""
        self.told: list[int] = []
        """All of them."""
        self.is_cancelled = False
        self.phase = 0
        self.lasts_s = 0
        """What the dialog's timer was set to last."""
        self.runs_out_ms = self.heard_ms = self.over_ms = 0
        """By the world's clock: when that timer ends, when the 200 went on, when the dialog was over."""
        self.boot_ms: Callable[[], int] = lambda: 0
        self.notes: dict[str, str] = {}
        self.ended: list[str] = []
        """Sides that got a BYE of Kamailio's own."""
        self.sent: list[str] = []
        """Messages that we have written ourselves."""
        self.answers |= self._answers()

    @property
    def pv_values(self) -> dict[str, Any]:  # type: ignore[override]
        """Of the process at work."""
        found: dict[str, Any] = self._own.__dict__.setdefault("pv", {})
        return found

    @pv_values.setter
    def pv_values(self, values: dict[str, Any]) -> None:
        self._own.pv = values

    @property
    def headers(self) -> dict[str, list[str]]:  # type: ignore[override]
        """Of the process at work."""
        found: dict[str, list[str]] = self._own.__dict__.setdefault("hdr", {})
        return found

    @headers.setter
    def headers(self, values: dict[str, list[str]]) -> None:
        self._own.hdr = values

    @property
    def is_at_hand(self) -> bool:
        """Whether the process at work has the dialog at hand though it is over: in routes of its failure and end."""
        return bool(self._own.__dict__.get("is_at_hand"))

    @is_at_hand.setter
    def is_at_hand(self, value: bool) -> None:
        self._own.is_at_hand = value

    def call(self, name: str, args: tuple[Any, ...]) -> Any:
        """Each call that does something is a stop."""
        if not name.startswith(("pv.get", "hdr.", "statistics.", "core.is_myself")):
            self.turns.stop()
        return super().call(name, args)

    def _get(self, name: str) -> Any:
        if name.startswith("$dlg") and self.phase in {0, OVER} and not self.is_at_hand:
            return None
        if name.startswith("$dlg_var("):
            return self.notes.get(name[9:-1])
        if name == "$dlg(state)":
            return self.phase
        return super()._get(name)

    def _answers(self) -> dict[str, Any]:
        ready = (
            "sanity.sanity_check", "maxfwd.process_maxfwd", "tm.t_newtran", "tm.t_set_fr", "tm.t_use_uac_headers",
            "core.seturi", "core.resetdsturi", "rr.record_route", "statistics.update_stat", "hdr.append",
            "rr.loose_route",
        )  # fmt: skip
        quiet = ("tm.t_on_failure", "tm.t_on_branch", "pv.seti", "tm.t_on_reply")
        return dict.fromkeys(ready, 1) | dict.fromkeys(quiet) | {
            "core.is_myself": lambda uri: 1 if uri.startswith("sip:127.0.0.1") else -1,
            "tm.t_check_trans": lambda: -1 if self.pv_values["$rm"] == "BYE" else 1,
            "tm.t_relay": self._relay,
            "tm.t_reply": self._reply,
            "tm.t_is_canceled": lambda: 1 if self.is_cancelled else -1,
            "dialog.dlg_manage": self._begin,
            "dialog.var_sets": self._note,
            "dialog.dlg_set_timeout": self.set_timer,
            "dialog.dlg_set_timeout_id": lambda seconds, *_: self.set_timer(seconds),
            "dialog.dlg_get": lambda *_: 1 if self.phase in {EARLY, ANSWERED} else -1,
            "dialog.dlg_bye": self._bye,
            "corex.send_data": self._send,
        }  # fmt: skip

    def _relay(self) -> int:
        if self.pv_values["$rm"] == "CANCEL":
            self.is_cancelled = True
        elif self.is_cancelled:
            return -1
        else:
            self.branches += 1
        return 1

    def _reply(self, code: int, _reason: str) -> int:
        self.answer(code)
        return 1

    def _begin(self) -> int:
        self.phase = EARLY
        return 1

    def _note(self, name: str, value: str) -> int:
        self.notes[name] = value
        return 1

    def set_timer(self, seconds: int) -> int:
        """Of the dialog; below 0: there is none."""
        if self.phase not in {EARLY, ANSWERED}:
            return -1
        self.lasts_s = seconds
        self.runs_out_ms = self.boot_ms() + seconds * 1000
        return 1

    def over(self) -> None:
        """The dialog is."""
        self.phase, self.over_ms = OVER, self.boot_ms()

    def _bye(self, side: str) -> int:
        if self.phase != ANSWERED:
            return -1
        self.over()
        self.ended.append(side)
        return 1

    def _send(self, _to: str, message: str) -> int:
        self.sent.append(message)
        return 1

    def answer(self, code: int) -> None:
        """A final answer to the caller. Within the lock."""
        if self.status and code >= 300:
            return
        self.told.append(code)
        if self.status:
            return
        self.status = code
        if code < 300 and self.phase == EARLY:
            self.phase, self.heard_ms = ANSWERED, self.boot_ms()
        else:
            self.over()

    def lock(self) -> None:
        """Waits for the transaction's lock."""
        self.turns.stop(lambda: not self.holder)
        self.holder = self.turns.name or "after"

    def unlock(self) -> None:
        """Gives it back."""
        self.holder = ""


class Scene:
    """One call at the first gateway, and what may happen to it in the same millisecond."""

    def __init__(self, world: World, sip: Sip, turns: Turns, patch: pytest.MonkeyPatch) -> None:
        self.world, self.sip, self.turns = world, sip, turns
        self.picked_up: list[str] = []
        """To-tags of 200s."""
        self.has_hung_up = False
        self.turned_ms = 0
        fake_ksr.put(patch, sip)
        assert world.rooms.rates is not None  # opened, once for all
        self._processes: dict[str, route.Kambill] = {}
        self.is_refused = False
        """A 200 was hung up."""
        sip.boot_ms = lambda: world.now.boot_ms
        self.balances = {one: world.get(one).balance for one in (CUSTOMER, LOWER, UPPER)}
        self._message(INVITE, SAID | {"Contact": ["<sip:caller@127.0.0.2:5060>"]})
        assert self.process.ksr_request_route(None) == 1
        (self.call,) = world.running()
        assert (sip.branches, sip.phase) == (1, EARLY)

    @property
    def process(self) -> route.Kambill:
        """The one at work, with a memory of its own; they share the store that is open here once."""
        found = self._processes.get(self.turns.name)
        if found is None:
            found = self._processes[self.turns.name] = route.Kambill(self.world.run_dir, self.world.data_dir)
            found.rooms = copy(self.world.rooms)
        return found

    def _message(self, values: dict[str, Any], headers: dict[str, list[str]]) -> None:
        self.sip.pv_values, self.sip.headers, self.sip.is_at_hand = dict(values), headers, False

    def pick_up(self, branch: int = 0, tag: str = "t1") -> None:
        """A gateway's 200."""
        self.picked_up.append(tag)
        values = REPLY | {"$rs": 200, "$tt": tag, "$si": HOSTS[branch], "$via0(branch)": f"z9hG4bK1.{branch}"}
        values = {name: value for name, value in values.items() if name != "$dlg(state)"}
        named = {
            "From": ["<sip:a@b>;tag=f1"],
            "To": [f"<sip:c@d>;tag={tag}"],
            "Contact": [GATEWAY],
            "Record-Route": [OURS],
        }
        self._message(values, SAID | named)
        if self.process.ksr_reply_route(None) == 1:
            self.sip.lock()
            self.sip.answer(200)
            self.sip.unlock()
        else:
            self.is_refused = True

    def pick_up_next(self) -> None:
        """The 200 of the next gateway, if the call gets there."""
        self.turns.stop(lambda: self.sip.branches > 1 or self.sip.status > 0)
        if self.sip.branches > 1:
            self.pick_up(1, "t2")

    def time_out(self, code: int = 408) -> None:
        """The timer of tm, or a refusal of the gateway at hand: the failure route, and what tm makes of it."""
        self.sip.lock()
        if not self.sip.status:
            before = self.sip.branches
            self._message(INVITE | {"$T_reply_code": code, "$T_reply_reason": "No"}, SAID)
            self.sip.is_at_hand = True
            assert self.process.ksr_failure(None) == 1
            if not self.sip.status and self.sip.branches == before:
                self.sip.answer(487 if self.sip.is_cancelled else code)
        is_over = self.sip.status >= 300
        self.sip.unlock()
        if is_over:
            self._event("dialog:failed")

    def cancel(self) -> None:
        """The caller gives up; where its CANCEL goes on, the gateway says 487."""
        self._message(INVITE | {"$rm": "CANCEL", "$T_inv($si)": "127.0.0.2"}, SAID)
        assert self.process.ksr_request_route(None) == 1
        if self.sip.is_cancelled:
            self.time_out(487)

    def hang_up(self) -> None:
        """The caller's BYE, as soon as it has a 200."""
        self.turns.stop(lambda: 200 in self.sip.told or self.sip.status >= 300 or self.is_refused)
        if 200 in self.sip.told:
            self.has_hung_up = True
            (tag,) = {one.callee_leg.tag for one in self.world.running() if one.callee_leg} or {"t1"}
            values = INVITE | {"$rm": "BYE", "$tt": tag, "$cs": "2", "$ru": GATEWAY[1:-1], "$rU": "gw"}
            self._message(values, SAID | {"Route": [OURS]})
            assert self.process.ksr_request_route(None) == 1

    def tick(self) -> None:
        """The meter's second."""
        dialogs = meter.Dialogs(
            self._extends, lambda _: True, lambda _, text: self.sip.sent.append(text), lambda *_: None
        )
        self.turns.stop()
        meter.tick(self.world.rooms, dialogs, self.world.now)

    def ring_out(self) -> None:
        """As long as the call may ring."""
        self.world.wait((self.call.due_ms - self.world.now.boot_ms) / 1000)
        self.turned_ms = self.world.now.boot_ms

    @property
    def is_late(self) -> bool:
        """Whether a 200 comes when the call may have been forgotten: nobody acknowledges it then, or hears of it."""
        return self.call.due_ms <= self.turned_ms

    def suspend(self) -> None:
        """The customer's seller."""
        self.world.account(LOWER, parent=UPPER, state="suspended", cut=True)

    def talk_and_be_cut(self) -> None:
        """Half a minute; then somebody cuts it."""
        self.pick_up()
        self.world.wait(30)
        self.world.do("cut", call=self.call.hex, by="operator")

    def talk_it_out(self) -> None:
        """All that is paid for: whoever wants to go on pays now."""
        self.pick_up()
        self.world.wait(self.sip.lasts_s)

    def _extends(self, seconds: int, *_ids: int) -> bool:
        self.turns.stop()
        return self.sip.set_timer(seconds) > 0

    def run_out(self) -> None:
        """The dialog's timer: BYE to both sides, and the event."""
        self.turns.stop()
        if self.sip.phase != ANSWERED:
            return
        for side, tag in (("caller", "f1"), ("callee", "t1")):
            self._message(INVITE | {"$rm": "BYE", "$ft": "t1" if tag == "f1" else "f1", "$tt": tag}, SAID)
            self.sip.is_at_hand = True
            assert self.process.ksr_tm_event(None, "tm:local-request") == 1
            self.sip.ended.append(side)
        self._event("dialog:end")
        self.sip.over()

    def _event(self, name: str) -> None:
        self._message({}, {})
        self.sip.is_at_hand = True
        assert self.process.ksr_dialog_event(None, name) == 1

    def end(self) -> None:
        """Nothing else happens: what rings times out; who talks does so for a while, if the timer lets them."""
        for _ in range(4):
            if not self.sip.status:
                self.time_out()
        for seconds in (*[1] * 12, *[5] * 4):
            self.world.wait(seconds)
            self.tick()
            if self.sip.phase == ANSWERED and self.sip.runs_out_ms <= self.world.now.boot_ms:
                self.run_out()
            if seconds > 1:
                self.hang_up()


SCENES: dict[str, tuple[Callable[[Scene], None], dict[str, Callable[[Scene], None]]]] = {
    "the try timer": (lambda _: None, {"answer": Scene.pick_up, "timer": Scene.time_out}),
    "a refusal behind the answer": (
        lambda _: None, {"answer": Scene.pick_up, "refusal": lambda scene: scene.time_out(503), "bye": Scene.hang_up},
    ),
    "the next gateway answers too": (
        lambda _: None, {"answer": Scene.pick_up, "timer": Scene.time_out, "next": Scene.pick_up_next},
    ),
    "two forks": (
        lambda _: None,
        {"answer": Scene.pick_up, "fork": lambda scene: scene.pick_up(tag="t2"), "timer": Scene.time_out},
    ),
    "the caller gives up": (lambda _: None, {"answer": Scene.pick_up, "cancel": Scene.cancel, "timer": Scene.time_out}),
    "the ring limit": (Scene.ring_out, {"answer": Scene.pick_up, "meter": Scene.tick, "timer": Scene.time_out}),
    "a suspension": (Scene.suspend, {"answer": Scene.pick_up, "meter": Scene.tick, "bye": Scene.hang_up}),
    "a cut": (Scene.talk_and_be_cut, {"bye": Scene.hang_up, "meter": Scene.tick, "dialog": Scene.run_out}),
    "the end of the grant": (Scene.talk_it_out, {"bye": Scene.hang_up, "meter": Scene.tick, "dialog": Scene.run_out}),
}  # fmt: skip


@contextmanager
def stage(wanted: list[str], begun: Callable[[Scene], None]) -> Iterator[Scene]:
    """A scene that has begun, and takes turns from here on."""
    folder = Path(tempfile.mkdtemp(prefix="kambill-test-"))
    world, turns, of_the_machine = World(folder), Turns(wanted), clock.now
    with pytest.MonkeyPatch.context() as patch:
        for name, module in list(sys.modules.items()):
            if name.startswith("kemi.") and getattr(module, "now", None) is of_the_machine:
                patch.setattr(module, "now", lambda: world.now)
        scene = Scene(world, Sip(turns), turns, patch)
        begun(scene)
        take_turns(patch, world.rooms.store, turns)
        yield scene
    world.close()
    shutil.rmtree(folder)


def check(scene: Scene) -> None:
    """Whatever came when: one bill of the time that was talked, no hold, and nobody talks on."""
    world, sip, before = scene.world, scene.sip, scene.balances
    assert not [call for call in sip.calls if call[0] == "core.crit"]
    assert world.running() == []
    assert_consistent(world)
    assert [(world.get(one).held, world.get(one).channels) for one in before] == [(0, 0)] * len(before)
    (cdr,) = [event["cdr"] for event in world.events("settled")]
    charges = {row["account"]: row["micros"] for row in cdr["charges"]}
    assert {one: before[one] - world.get(one).balance for one in charges} == charges
    assert sum(world.get(one).balance for one in (CARRIER, DEAR_CARRIER)) == cdr["cost"]["micros"]
    is_heard = 200 in sip.told
    is_answered = cdr["outcome"] == "answered"
    assert is_answered == (charges[CUSTOMER] > 0)
    assert is_answered == (sip.status == 200)  # who has heard a refusal pays nothing, if a 200 came behind it too
    byes = [text for text in sip.sent if text.startswith("BYE ")]
    if is_heard:
        assert "caller" in sip.ended or scene.has_hung_up or any("sip:caller@" in bye.split("\r\n")[0] for bye in byes)
        assert "callee" in sip.ended or any("sip:gw@" in bye.split("\r\n")[0] for bye in byes)
    if sip.heard_ms:
        assert 0 <= cdr["duration_ms"] - (sip.over_ms - sip.heard_ms) <= 1
    for tag in scene.picked_up:
        is_in_dialog = is_heard and tag == cdr["to_tag"]
        assert is_in_dialog or scene.is_late or any(f"tag={tag}\r\n" in bye for bye in byes), tag
    assert len(sip.told) <= 1 + is_heard


def play(name: str, wanted: list[str]) -> list[str]:
    """A scene by a schedule, to its end; who went on at each stop."""
    begun, parts = SCENES[name]
    with stage(wanted, begun) as scene:
        scene.turns.run({one: partial(part, scene) for one, part in parts.items()})
        path = scene.turns.path[:]
        scene.end()
        check(scene)
    return path


@pytest.mark.parametrize("name", SCENES)
def test_each_is_stopped_everywhere_for_each_other(name: str) -> None:
    """One runs up to any of its stops, another one from its beginning to its end, then the first one goes on."""
    _, parts = SCENES[name]
    for first, other in permutations(parts, 2):
        for stops in count(1):
            path = play(name, [first] * stops + [other] * STOPS_MAX + [first] * STOPS_MAX)
            if path[:stops].count(first) < stops:
                break


@pytest.mark.parametrize("name", SCENES)
@given(choices=st.lists(st.integers(0, 2), max_size=60))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_no_order_loses_a_hold_charges_twice_or_leaves_a_call_uncut(name: str, choices: list[int]) -> None:
    """Of any two or three that meet, however often they take turns."""
    parts = [*SCENES[name][1]]
    play(name, [parts[choice % len(parts)] for choice in choices])
