"""All that Kamailio calls. Guards in upstream order; each step is a sentence.

Every entry answers for itself: an exception becomes a 500 and one counted line in the log, never a call that
goes on unpaid.
"""

from __future__ import annotations

import gc
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from kemi import calls_in, calls_on, carriers, closings, failures, sending, sip, stir, tcp_trial
from kemi.clerk import Clerk
from kemi.clock import boot_id, now
from kemi.counters import Counters
from kemi.meter import Dialogs, tick
from kemi.overload import Overload, Watch
from kemi.prestart import folders
from kemi.prober import Prober
from kemi.rooms import Rooms
from kemi.store.environment import StoreFull, StoreTooLarge
from kemi.store.journal import JournalStopped
from kemi.store.layout import UnknownVersion, Unreadable

DONE = 1
FIRST_WORKER = 1
"""Rank of the first SIP worker."""
FAULTS_PER_SECOND = 5
"""Lines about exceptions: the rest is counted in the next one."""
FOR_OPERATORS = (JournalStopped, StoreTooLarge)
"""Faults of the machine, which say themselves what to do."""

UNWATCHED = "kambill: this kernel doesn't tell how full sockets' queues are: no new calls are refused in an overload"

DIALOGS = Dialogs(sip.set_timeout_of, lambda call: sip.has_ack(call.call_id, *call.tags), sip.send, sip.send_by)

CALLBACKS = (
    "child_init",
    "ksr_request_route",
    "ksr_reply_route",
    "ksr_branch",
    "ksr_failure",
    "ksr_message_answered",
    "ksr_message_failed",
    "ksr_dialog_event",
    "ksr_tm_event",
    "ksr_uac_event",
    "ksr_meter_tick",
    "ksr_clerk_tick",
)
"""Kamailio 5.6 is silent about a method that is missing."""


def mod_init() -> Kambill:
    """Called once, before the fork."""
    missing = [name for name in CALLBACKS if not callable(getattr(Kambill, name, None))]
    if missing:
        raise AttributeError(f"kemi/route.py lacks {', '.join(missing)}")
    refuse_exposure()
    stir.check_files()
    kambill = Kambill(*folders())
    gc.freeze()  # what is loaded stays: looking through all of it would stop a worker for 20 ms in the middle of a call
    return kambill


def refuse_exposure() -> None:
    """TCP and TLS only for a Kamailio that strangers can't end, or where there are none. Raises Exposed.

    TLS too: what kills is read behind the handshake, which needs no certificate of a stranger's.
    """
    streams = any(map(sip.is_defined, ("WITH_TCP", "WITH_TLS")))
    is_open = streams and not sip.is_defined("KAMBILL_TCP_IS_FIREWALLED")
    if is_open and tcp_trial.dies_of_a_line(tcp_trial.program()):
        raise tcp_trial.Exposed


class Kambill:
    """What each Kamailio process runs."""

    def __init__(self, run_dir: Path, data_dir: Path) -> None:
        self._run_dir, self._data_dir = run_dir, data_dir
        self._counters, self._overload = Counters(), Overload()
        self._watch = Watch(self._overload)
        self.rooms = Rooms.open(run_dir, data_dir, self._counters)
        self._clerk: Clerk | None = None
        self._prober = Prober(self.rooms, carriers.ask)
        self._faults = 0
        self._faults_from_s = 0.0

    def child_init(self, rank: int) -> int:
        """Called in each process after the fork; the store is opened at its first use, so never before it."""
        self.rooms = Rooms.open(self._run_dir, self._data_dir, self._counters)
        self.rooms.can_sign = sip.has_signer()
        self.rooms.overload = self._overload
        is_watched = self._overload.join(rank, sip.own_sockets())
        self.rooms.gate.marks = sip.marks()
        self._prober = Prober(self.rooms, carriers.ask)
        sip.ways()  # found now, not with the first call waiting
        if rank == FIRST_WORKER:
            sip.note(f"kambill: taking calls from the store in {self._run_dir}")
            if not is_watched:
                sip.say(UNWATCHED)
            sip.hush()
        return 0

    def ksr_request_route(self, _msg: Any) -> int:
        """A request. What a fault leaves of it is an answer; a hold without a dialog goes back at the ring limit."""
        try:
            if self._is_admitted():
                calls_in.request(self.rooms)
        except UnicodeDecodeError:
            sip.count("undecodable")
            return self._safely(calls_in.refuse_undecodable)
        except (Unreadable, UnknownVersion) as fault:
            sip.count("faults")
            calls_in.refuse_unreadable(fault)
        except StoreFull:
            sip.count("faults")
            return self._safely(calls_in.refuse_full)
        except Exception as fault:  # noqa: BLE001 -- the process edge
            self._count(fault)
            sip.reply(500, "Server Internal Error")
        return DONE

    def ksr_reply_route(self, _msg: Any) -> int:
        """A reply: stray ones go nowhere, a 2xx to an INVITE only with its grant."""
        try:
            if not self._is_admitted():
                return sip.drop_reply()
            calls_on.reply(self.rooms)
        except calls_on.ReplyTaken:
            return sip.drop_reply()
        except calls_on.ReplyDropped:
            sip.count("dropped")
            return sip.drop_reply()
        except UnicodeDecodeError:
            sip.count("undecodable")
            return self._in_doubt()
        except Exception as fault:  # noqa: BLE001 -- the process edge
            self._count(fault)
            return self._in_doubt()
        return DONE

    def _in_doubt(self) -> int:
        """A reply that a fault hit, or that is no text. One that another fault hits goes no further."""
        passes: list[bool] = []
        self._safely(lambda rooms: passes.append(calls_on.passes_in_doubt(rooms)))
        if passes == [True]:
            return DONE
        self._safely(calls_on.end_in_doubt)
        return sip.drop_reply()

    def _is_admitted(self) -> bool:
        """Whether the message at hand is looked at: its source is not banned and floods nobody."""
        rooms = self.rooms
        if not rooms.has_store() or rooms.gate.admits(rooms.store, sip.text("$si"), now()):
            return True
        sip.count("shut_out")
        return False

    def ksr_branch(self, _msg: Any) -> int:
        """An INVITE is about to go to a gateway."""
        return self._safely(sending.branch)

    def ksr_message_answered(self, _msg: Any) -> int:
        """A reply to a MESSAGE."""
        return self._safely(calls_on.message_answered)

    def ksr_message_failed(self, _msg: Any) -> int:
        """All branches of a MESSAGE have failed."""
        return self._safely(failures.message_failed)

    def ksr_failure(self, _msg: Any) -> int:
        """All branches of an INVITE have failed."""
        return self._safely(failures.failure)

    def ksr_dialog_event(self, _msg: Any, event: str) -> int:
        """A dialog ended or never came to be. Reads nothing that a peer wrote."""
        if event in closings.ENDINGS:
            return self._safely(closings.ENDINGS[event])
        return DONE

    def ksr_tm_event(self, _msg: Any, _event: str) -> int:
        """A request that Kamailio sends of its own accord is about to go."""
        return self._safely(closings.own_request)

    def ksr_uac_event(self, _msg: Any, _event: str) -> int:
        """The answer to OPTIONS or REGISTER of ours, or its silence."""
        return self._safely(carriers.answered)

    def ksr_meter_tick(self, *_unused: Any) -> int:
        """Each second, in a process of its own. Calls first: what is wrong with a gateway must not keep them."""
        self._safely(lambda rooms: tick(rooms, DIALOGS, now()))
        if line := self._watch.look(now()):
            sip.say(line)
        return self._safely(lambda _: self._prober.tick(now()))

    def ksr_clerk_tick(self, *_unused: Any) -> int:
        """Each 100 ms, in another process of its own."""
        return self._safely(self._round)

    def _round(self, _rooms: Rooms) -> None:
        if self._clerk is None:
            if not self.rooms.has_store():
                return
            with self.rooms.store.read() as txn:
                generation = self.rooms.store.configuration(txn).generation(txn)
            self._clerk = Clerk(self.rooms, boot_id(), generation, sip.own_sockets())
        self._clerk.tick(now())

    def _safely(self, entry: Callable[[Rooms], None]) -> int:
        """An entry of which a fault leaves nothing. SystemExit is Kamailio's own way to end a route, and passes."""
        try:
            entry(self.rooms)
        except UnicodeDecodeError:
            sip.count("undecodable")
        except Exception as fault:  # noqa: BLE001 -- the process edge
            self._count(fault)
        return DONE

    def _count(self, fault: Exception) -> None:
        sip.count("faults")
        self._say(fault)

    def _say(self, fault: Exception) -> None:
        """One line, with where it came from; at most FAULTS_PER_SECOND, then counted. What the operator mends has a
        sentence of its own, which is said once in a while.
        """
        if isinstance(fault, FOR_OPERATORS):
            sip.say_seldom(f"kambill: {fault}")
            return
        if isinstance(fault, StoreFull):
            calls_in.say_full(self.rooms)
            return
        self._faults += 1
        if time.monotonic() - self._faults_from_s > 1:
            self._faults_from_s = time.monotonic()
        elif self._faults > FAULTS_PER_SECOND:
            return
        trace = fault.__traceback__
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        where = f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace else "?"
        sip.say(f"kambill: fault {self._faults} in process {os.getpid()}, {where}: {fault!r}")
        if self._faults > FAULTS_PER_SECOND:
            self._faults = 0
