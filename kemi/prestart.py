"""Runs before each start of Kamailio, as Kamailio's user: `python3 -m kemi.prestart`.

Makes the hot store if there is none, releases what was ringing, and writes the dialog table from the calls
that go on, so that each has its timer and its BYE again.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from kemi import dialogs, notes
from kemi.clock import Now, boot_id, now
from kemi.grants import due_ms
from kemi.joined import is_last
from kemi.settlement import End, settle
from kemi.sides import is_device
from kemi.store import queues
from kemi.store.calls import RunningCall
from kemi.store.carry import begin_store
from kemi.store.change import Change
from kemi.store.environment import HotStore, StoreAbsent, StoreTooLarge

DIALOGS_FOLDER = "dialogs"
RESTARTED = End("restart", 503, "Temporarily unavailable", 0)


def folders() -> tuple[Path, Path]:
    """The run and data folders that the environment names."""
    return (
        Path(os.environ.get("KAMBILL_RUN_DIR", "/run/kambill")),
        Path(os.environ.get("KAMBILL_DATA_DIR", "/var/lib/kambill")),
    )


def prepare(run_dir: Path, data_dir: Path, moment: Now) -> int:
    """Makes store and dialog table ready for a start; returns how many calls go on."""
    generation = moment.wall_ms
    try:
        store = HotStore(run_dir)
    except StoreAbsent:
        store = begin_store(run_dir, data_dir, boot_id(), generation, moment)
    calls = _take_over(store, generation, moment)
    farewells = _farewells(store)
    nat = {call.key: " ".join([side for side in notes.SIDES if is_device(store, call, side)]) for call in calls}
    store.close()
    dialogs.write_tables(data_dir / DIALOGS_FOLDER, [*calls, *farewells], moment, nat)
    return len(calls)


def _take_over(store: HotStore, generation: int, moment: Now) -> list[RunningCall]:
    """The answered calls, now of this start of Kamailio; ringing ones are released."""
    store.env.reader_check()
    with store.read() as txn, txn.cursor(store.call) as cursor:
        keys = [bytes(key) for key in cursor.iternext(keys=True, values=False)]
    calls = []
    with Change(store) as change:
        change.txn.put(b"generation", generation.to_bytes(8, "big"), db=store.meta)
        change.reconfigured()
        settings = store.configuration(change.txn).settings(change.txn)
        for key in keys:
            call = change.call(key)
            if call is None:
                continue  # ended with the one that it was joined to
            if not call.is_answered:
                settle(change, call, RESTARTED, moment, moment.boot_ms)
                continue
            next_ms = due_ms(call.grant_end_boot_ms, settings, moment)
            calls.append(call._replace(generation=generation, due_ms=next_ms))
            change.move_call(calls[-1], call.due_ms)
    return [_paid_together(call, calls) for call in calls if is_last(call)]


def _paid_together(call: RunningCall, calls: list[RunningCall]) -> RunningCall:
    """The call that names a dialog, which lasts no longer than any that is joined to it is paid for."""
    if not call.joined:
        return call
    return call._replace(grant_s=min([one.grant_s for one in calls if one.key in call.joined]))


def _farewells(store: HotStore) -> list[RunningCall]:
    """Calls that were settled in the last moments before Kamailio ended: perhaps no BYE had left for the other side.

    Their events are still in the store. As dialogs whose time is over, both sides get one; their bill stays.
    """
    with store.read() as txn, txn.cursor(store.event) as cursor:
        ended = [queues.ended_call(bytes(raw)) for _, raw in cursor]
    known = [call for call in ended if call is not None and call.callee_leg is not None]
    return [call._replace(grant_s=0) for call in known if is_last(call)]


def main() -> int:
    """The command. Says in one line what it found, or what is in the way: nothing is started then."""
    run_dir, data_dir = folders()
    try:
        calls = prepare(run_dir, data_dir, now())
    except StoreTooLarge as fault:
        sys.stderr.write(f"kambill: {fault}\n")
        return 1
    except OSError as fault:
        where = fault.filename or f"{run_dir} or {data_dir}"
        sys.stderr.write(
            f"kambill: {where}: {fault.strerror or fault}: free space there, or let this user write to it\n"
        )
        return 1
    sys.stderr.write(f"kambill: the hot store in {run_dir} is ready for Kamailio, {calls} calls go on\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
