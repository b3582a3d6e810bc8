"""One call after another through the decisions, in one process, without Kamailio: where a call's time goes.

Run by `scripts/bench loop` in the Python that Kamailio has. The store and the rates are real; SIP and the wait between
two messages are not. With `cold` something else fills the processor's caches before each step, as other processes do.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from time import process_time_ns
from typing import Any

from kemi.answer import Callee, Grant, answered
from kemi.authorize import Admitted, authorise
from kemi.clerk import Clerk
from kemi.clock import Now, now
from kemi.identify import Source, identify
from kemi.invitation import Invitation
from kemi.prestart import prepare
from kemi.rooms import Rooms
from kemi.running import speaker
from kemi.settlement import End, hung_up
from kemi.store import commands
from kemi.store.change import Change
from scripts.benchmarks import company
from scripts.benchmarks.company import Size

CALLER = Source("127.0.0.1", 27090, "udp")
GATEWAY = Source("127.0.0.1", 27080, "udp")
RUN = os.getpid()
"""Makes the Call-IDs of each run its own: the store still knows those of the last minute."""
WARM_UP = 500
"""Calls that aren't counted."""
COUNTED = 40
"""Calls whose functions are counted."""
CALLS_PER_ROUND = 40
"""Calls between two rounds of the clerk: 400 a second."""
CACHES_BYTES = 8 * 2**20
"""More than a processor keeps near."""


def fill(run_dir: Path, data_dir: Path, size: Size) -> None:
    """The store and the rates of the bench's company."""
    data_dir.mkdir(parents=True, exist_ok=True)
    prepare(run_dir, data_dir, now())
    rooms = Rooms.open(run_dir, data_dir)
    published = company.publish(data_dir / "rates", size.rates, size.gateways)
    if size.limits:
        published.append(company.publish_groups(data_dir / "rates"))
    rooms.has_store()
    ports = CALLER.port, GATEWAY.port
    bodies = [*published, *company.bodies(size.accounts, *ports, size.limits, size.gateways)]
    for start in range(0, len(bodies), company.BATCH):
        with Change(rooms.store) as change:
            for at, body in enumerate(bodies[start : start + company.BATCH], start=start + 1):
                commands.apply(change, {"epoch": 1, "n": at, **body}, now())
    rooms.close()


def invitation(at: int, called: str) -> Invitation:
    """As sipp's caller sends it."""
    uri = f"sip:{called}@127.0.0.1:27060"
    return Invitation(
        f"{at}-{RUN}@127.0.0.1", f"{RUN}SIPpTag00{at}", 1, f"z9hG4bK-{RUN}-{at}-0", "1000", called,
        "sip:1000@127.0.0.1:27090", uri, uri, "sip:1000@127.0.0.1:27090", (), "udp:127.0.0.1:27060", "127.0.0.1",
    )  # fmt: skip


class Loop:
    """What each step took. `cold`: caches are filled with something else before each."""

    def __init__(self, rooms: Rooms, *, cold: bool) -> None:
        self.rooms = rooms
        self.clerk = Clerk(rooms, "boot-of-the-bench", 1)
        self.taken_ns: dict[str, int] = {}
        self._filler = bytearray(CACHES_BYTES) if cold else bytearray()

    def step(self, name: str, decide: Callable[..., Any], *args: Any) -> Any:
        """Runs a step and adds what it took."""
        bytes(self._filler)
        started_ns = process_time_ns()
        decision = decide(*args)
        self.taken_ns[name] = self.taken_ns.get(name, 0) + process_time_ns() - started_ns
        return decision

    def call(self, at: int, called: str) -> None:
        """INVITE, answer, ACK, BYE."""
        trunk = self.step("identify", identify, self.rooms, CALLER, called)
        invited = invitation(at, called)
        admitted = self.step("authorise", authorise, self.rooms, trunk, invited, now())
        assert isinstance(admitted, Admitted), admitted
        tag = f"callee{at}"
        callee = Callee(tag, "sip:gw@127.0.0.1:27080", (), "udp:127.0.0.1:27060", GATEWAY, at % 4096, at)
        grant = self.step("answer", answered, self.rooms, admitted.call, callee, 0, now())
        assert isinstance(grant, Grant), grant
        of_caller = (admitted.call, invited.from_tag, tag, CALLER.ip)
        self.step("ACK", speaker, self.rooms, *of_caller)
        running, record, side = self.step("find of BYE", speaker, self.rooms, *of_caller)
        later = Now(now().boot_ms + 1000, now().wall_ms + 1000)
        assert self.step("settle", hung_up, self.rooms, running, record, End(side, 200, "OK", 0), later)


class Counted(Loop):
    """How many functions of Python each step calls."""

    def __init__(self, rooms: Rooms) -> None:
        super().__init__(rooms, cold=False)
        self.functions: dict[str, int] = {}

    def step(self, name: str, decide: Callable[..., Any], *args: Any) -> Any:
        """Runs a step and adds what it calls."""

        def seen(_frame: Any, event: str, _arg: Any) -> None:
            self.functions[name] = self.functions.get(name, 0) + (event == "call")

        sys.setprofile(seen)
        try:
            return decide(*args)
        finally:
            sys.setprofile(None)


def count_functions(run_dir: Path, data_dir: Path, numbers: list[str]) -> dict[str, float]:
    """Functions of Python a call, by step: a figure that no neighbour on the machine moves."""
    loop = Counted(Rooms.open(run_dir, data_dir))
    assert loop.rooms.usable(), run_dir
    for at in range(WARM_UP + COUNTED):
        if at == WARM_UP:
            loop.functions.clear()
        loop.call(at, numbers[at % len(numbers)])
    return {name: called / COUNTED for name, called in loop.functions.items()}


def measure(run_dir: Path, data_dir: Path, count: int, *, cold: bool, numbers: list[str]) -> dict[str, float]:
    """Microseconds of CPU a call, by step."""
    rooms = Rooms.open(run_dir, data_dir)
    assert rooms.usable(), run_dir
    loop = Loop(rooms, cold=cold)
    loop.clerk.tick(now())
    for at in range(WARM_UP + count):
        if at == WARM_UP:
            loop.taken_ns.clear()
        loop.call(at, numbers[at % len(numbers)])
        if at % CALLS_PER_ROUND == 0:
            loop.step("clerk", loop.clerk.tick, now())
    return {name: round(taken_ns / count / 1000, 1) for name, taken_ns in loop.taken_ns.items()}


if __name__ == "__main__":
    what, run_name, data_name, *values = sys.argv[1:]
    rates, accounts, limits, gateways, count = map(int, values)
    size = Size(rates, accounts, limits, gateways)
    if what == "fill":
        fill(Path(run_name), Path(data_name), size)
    else:
        dialled = company.numbers(size.rates, size.accounts)
        folders = Path(run_name), Path(data_name)
        if what == "functions":
            found = count_functions(*folders, dialled)
        else:
            found = measure(*folders, count, cold=what == "cold", numbers=dialled)
        print(json.dumps(found | {"all": round(sum(found.values()), 1)}))
