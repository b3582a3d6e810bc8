"""A new store for calls that go on: read from the journal when the old store is gone.

The journal knows every answered call and every grant of it. What was ringing is not carried: its late 200
finds no call and is dropped.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from kemi.clock import Now
from kemi.store import accounts, exposure, journal, layout, limits, lines, packages, queues
from kemi.store.calls import ChargeLeg, Holding, RunningCall
from kemi.store.change import Change
from kemi.store.environment import HotStore, create_store
from kemi.store.locations import from_journal

LOOK_AGAIN_MS = 1_000
"""When the meter looks at a carried call first."""


class Past:
    """What a journal tells: the last epoch and the answered calls that nothing has settled."""

    def __init__(self) -> None:
        self.epoch = 0
        self.sequence = 0
        self.open: dict[str, tuple[str, RunningCall]] = {}
        """By call key: the boot id of the line that brought it, and the call."""
        self.places: dict[tuple[int, str], dict[str, Any]] = {}
        """Where devices were, by device and contact."""

    def take(self, event: dict[str, Any]) -> None:
        """Follows one line."""
        if event["epoch"] > self.epoch:
            self.epoch, self.sequence = event["epoch"], 0
        self.sequence = max(self.sequence, event["seq"])
        kind = event["e"]
        if kind in {queues.ANSWERED, lines.CARRIED}:
            call = lines.call_of_line(event)
            if call is not None:
                self.open[call.hex] = (event["boot"], call)
        elif kind == queues.EXTENDED and event["call"] in self.open:
            boot, call = self.open[event["call"]]
            self.open[call.hex] = (boot, call._replace(legs=_extended_legs(call, event), grant_s=event["grant_s"]))
        elif kind == queues.REFERRED and event["call"] in self.open:
            boot, call = self.open[event["call"]]
            self.open[call.hex] = (boot, call._replace(referred=event["side"]))
        elif kind == queues.SETTLED:
            self.open.pop(event["cdr"]["call"], None)
        elif kind == queues.UNREGISTERED:
            self.places.pop((event["device"], event["contact"]), None)
        if place := event.get("location"):
            self.places[place["device"], place["contact"]] = place


def _extended_legs(call: RunningCall, event: dict[str, Any]) -> tuple[ChargeLeg, ...]:
    legs = tuple(leg._replace(held=held) for leg, held in zip(call.legs, event["held"], strict=True))
    holdings = event.get("packages")
    if holdings is None:
        return legs
    return tuple(
        leg._replace(packages=holding and Holding.of(holding)) for leg, holding in zip(legs, holdings, strict=True)
    )


def read_past(events: Iterable[dict[str, Any]]) -> Past:
    """Follows a whole journal."""
    past = Past()
    for event in events:
        past.take(event)
    return past


def on_this_boot(call: RunningCall, *, same_boot: bool, generation: int, now: Now) -> RunningCall:
    """The call with its boot times on this boot's clock: after a reboot they follow from the wall clock."""
    if not same_boot:
        elapsed_ms = max(0, now.wall_ms - call.answer_wall_ms)
        call = call._replace(answer_boot_ms=now.boot_ms - elapsed_ms, start_boot_ms=now.boot_ms - elapsed_ms)
    return call._replace(due_ms=now.boot_ms + LOOK_AGAIN_MS, seen_boot_ms=now.boot_ms, generation=generation)


def begin_store(run_dir: Path, data_dir: Path, boot: str, generation: int, now: Now) -> HotStore:
    """Makes a new store with the calls that the journal holds open, and leaves `opened` in it.

    Accounts are known by id only, and calls get 503, until the service has filled it.
    """
    past = read_past(journal.read_all(data_dir / journal.FOLDER))
    epoch = max(now.wall_ms, past.epoch + 1)

    def begin(store: HotStore) -> None:
        with Change(store) as change:
            change.txn.put(b"generation", generation.to_bytes(8, "big"), db=store.meta)
            change.reconfigured()
            change.event(queues.OPENED, now, {"prior": past.epoch, "calls": list(past.open)})
            for call_boot, call in past.open.values():
                carried = on_this_boot(call, same_boot=call_boot == boot, generation=generation, now=now)
                _count(change, carried)
                change.add_call(limits.carry(change, carried))
                _remember(change, carried, now)
            for place in past.places.values():
                if place["until_wall_ms"] > now.wall_ms:
                    change.put_location(from_journal(place, now.boot_ms, now.wall_ms))

    return create_store(run_dir, epoch, begin)


def _remember(change: Change, call: RunningCall, now: Now) -> None:
    """The name of a carried call's INVITE: no other call gets it while this one runs. It was answered long ago, so that
    its repetition is as good as another one.
    """
    if call.joined and call.joined[-1] != call.key:
        return  # all calls of a dialog have one name, and the last of them has it
    key, until_ms = layout.invite_key(call.call_id, call.from_tag), now.boot_ms + layout.INVITE_MEMORY_MS
    is_new = change.txn.get(key, db=change.store.invite) is None
    change.remember_invite(key, call.caller_leg.cseq, bytes(8), call.key, until_ms, is_new=is_new)


def _count(change: Change, call: RunningCall) -> None:
    """Holds and channels of a carried call."""
    held = {leg.account: leg.held for leg in call.legs}
    for account_id in call.accounts:
        account = change.account(account_id)
        held_micros = account.held + held.get(account_id, 0)
        channels = account.channels + (account_id in call.path)
        change.put_account(account._replace(channels=channels, held=held_micros))
    for leg in call.legs:
        for hold in leg.packages.holds if leg.packages else ():
            packages.move(change, leg.account, hold.grant, hold.amount, 0)
    if call.provider is not None:
        exposure.move(change, call.provider.account, call.provider.held)
    for kind, number in ((b"t", call.trunk), (b"d", call.device), (b"g", call.gateway), (b"n", call.number)):
        if not number:
            continue
        usage = accounts.usage_of(change.store, change.txn, kind, number)
        accounts.put_usage(change.store, change.txn, kind, number, usage.channels + 1, usage.rate_clock_us)
