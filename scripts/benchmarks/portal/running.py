"""Calls that run while people look: some end and others begin each second, as at a busy operator's."""

from __future__ import annotations

import itertools
import shutil
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

from kemi import clock
from kemi.store.calls import ANSWERED, ChargeLeg, Leg, RunningCall
from kemi.store.change import Change
from kemi.store.environment import FOLDER, create_store
from ratebook.compiled.layout import encode_terms
from ratebook.model import Interval, Terms
from scripts.benchmarks.portal.members import member
from scripts.benchmarks.portal.plan import DESTINATIONS

CALLS = 1_000
CHANGED = 20
"""Calls that end each second."""
_EVERY_S = 1.0
_TERMS = encode_terms(Terms("EUR", (Interval(0, 6_000_000, 1),)))
_GRANT_S = 3600


class RunningCalls:
    """A hot store in a folder, and a thread that changes it; leaving the `with` ends the thread."""

    def __init__(self, run_dir: Path, customers: int) -> None:
        shutil.rmtree(run_dir / FOLDER, ignore_errors=True)
        self.store = create_store(run_dir, 1, lambda _store: None)
        self._customers = customers
        self._running: list[RunningCall] = []
        self._number = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._go_on, daemon=True)

    def __enter__(self) -> Self:
        self._change(0, CALLS)
        self._thread.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._thread.join()
        self.store.close()

    def _go_on(self) -> None:
        """One more or one less each second, so that nobody is shown the same twice."""
        while not self._stopping.wait(_EVERY_S):
            self._change(CHANGED, CHANGED + (1 if self._number % 2 else -1))

    def _change(self, ending: int, beginning: int) -> None:
        with Change(self.store) as change:
            for call in self._running[:ending]:
                change.remove_call(call)
            begun = [self._call(self._number + one) for one in range(beginning)]
            for call in begun:
                change.add_call(call)
        self._number += beginning
        self._running = [*self._running[ending:], *begun]

    def _call(self, number: int) -> RunningCall:
        """Of the customers who call most, as in the ledger: each level pays the next one."""
        now, caller = clock.now(), member(number * number % 9973 * self._customers // 9973 // 10)
        path = (caller.id, *caller.above)
        legs = tuple(_leg(account, seller) for account, seller in itertools.pairwise(path))
        nothing = Leg("", "", (), 1, "")
        return RunningCall(
            key=(now.wall_ms & 0xFFFF_FFFF_FFFF).to_bytes(6, "big") + number.to_bytes(10, "big"), state=ANSWERED,
            trunk=caller.id, account=caller.id, path=path, legs=legs, plan=1, gateway=1, provider=_leg(2, 0),
            attempts=((1, 0, now.wall_ms, 0, 0),), caller=f"4930{caller.id}", caller_sent=f"+4930{caller.id}",
            called_sent="0041", called=f"41{10_000_000 + number}", special="", call_id=f"c{number}@192.0.2.9",
            from_tag=f"f{number}", from_uri="sip:a@192.0.2.9", to_uri="sip:b@192.0.2.9", sent_from="", sent_to="",
            is_private=False, request_uri="sip:b@192.0.2.9", caller_leg=nothing, callee_leg=nothing,
            start_boot_ms=now.boot_ms - 5_000, start_wall_ms=now.wall_ms - 5_000, ring_wall_ms=now.wall_ms - 3_000,
            answer_boot_ms=now.boot_ms, answer_wall_ms=now.wall_ms, priced_until_s=0, grant_s=_GRANT_S,
            due_ms=now.boot_ms + _GRANT_S * 1000, seen_boot_ms=now.boot_ms, h_entry=1, h_id=number, generation=1,
            cut_by="", device=0, caller_ip="", call_max_s=0, number=0, owner=0, entrance=0, hops=(), ring_s=0,
        )  # fmt: skip


def _leg(account: int, seller: int) -> ChargeLeg:
    name = DESTINATIONS[account % len(DESTINATIONS)]
    return ChargeLeg(account, seller, bytes(8), "41", name, _TERMS, "EUR", (1, 1), None, None, 10_000_000)
