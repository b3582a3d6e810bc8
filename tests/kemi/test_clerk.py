"""The clerk: events to the journal exactly once, commands to the store exactly once, a wiped store made anew."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import Any

import pytest

from kemi.store import journal
from kemi.store.commands import UnknownCommand
from kemi.store.inbox import InboxWriter
from kemi.store.layout import UnknownVersion
from tests.kemi.world import CUSTOMER, EURO, World, assert_consistent


def test_events_go_to_the_journal_and_leave_the_store(world: World) -> None:
    """opened, answered, settled, a heartbeat: gapless."""
    call = world.talk()
    world.wait(10)
    world.hang_up(call)
    clerk = world.clerk()
    clerk.tick(world.now)
    lines = world.journal()
    assert [line["e"] for line in lines] == ["opened", "answered", "settled", "beat"]
    assert [line["seq"] for line in lines] == [1, 2, 3, 4]
    assert {line["epoch"] for line in lines} == {world.epoch}
    assert world.events("settled") == []
    with world.rooms.store.read() as txn:
        assert world.rooms.store.state(txn).events == 4
    world.wait(2)
    clerk.tick(world.now)
    with world.rooms.store.read() as txn:
        assert world.rooms.store.state(txn).events == 1
    assert [line["seq"] for line in world.journal()] == [1, 2, 3, 4, 5]


def test_what_an_earlier_clerk_left_is_deleted_and_not_written_again(world: World) -> None:
    """Killed between the journal and the store."""
    world.hang_up(world.talk())
    first = world.clerk()
    first.tick(world.now)
    first.close()
    second = world.clerk()
    for _ in range(2):
        second.tick(world.now)
        world.wait(2)
    second.tick(world.now)
    with world.rooms.store.read() as txn:
        assert world.rooms.store.state(txn).events == 1
    sequences = [line["seq"] for line in world.journal() if line["e"] != "carried"]
    assert sequences == sorted(set(sequences))


def test_a_disk_that_fails_loses_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sync fails once; the next round writes the same events."""
    clerk = world.clerk()

    def fail(_file: int) -> None:
        raise OSError(28, "No space left on device")

    world.hang_up(world.talk())
    with monkeypatch.context() as patch:
        patch.setattr("kemi.store.journal.os.fdatasync", fail)
        with pytest.raises(journal.JournalStopped, match="can't be written: No space left on device: free space"):
            clerk.tick(world.now)
    assert world.journal() == []
    clerk.tick(world.now)
    assert [line["e"] for line in world.journal()] == ["opened", "answered", "settled", "beat"]


def test_figures_that_cannot_be_written_keep_neither_journal_nor_commands(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A record that a later version has left, for one. They are tried with each heartbeat."""
    clerk = world.clerk()
    tried: list[int] = []

    def fail(_counter: object, _store: object, wall_s: int) -> None:
        tried.append(wall_s)
        raise UnknownVersion("quality", 99)

    monkeypatch.setattr("kemi.clerk.Counter.write", fail)
    world.hang_up(world.talk())
    world.send((1, {"epoch": world.epoch, "do": "credit", "account": CUSTOMER, "micros": EURO}))
    with pytest.raises(UnknownVersion):
        clerk.tick(world.now)
    clerk.tick(world.now)
    assert [line["e"] for line in world.journal()] == ["opened", "answered", "settled", "beat"]
    assert world.get(CUSTOMER).balance > 1000 * EURO
    assert len(tried) == 1


def test_commands_are_applied_in_order_and_once(world: World) -> None:
    """The same inbox twice pays once."""
    clerk = world.clerk()
    pay = {"epoch": world.epoch, "do": "credit", "account": CUSTOMER, "micros": EURO}
    world.send((1, pay), (2, pay))
    clerk.tick(world.now)
    clerk.tick(world.now)
    assert world.get(CUSTOMER).balance == 1002 * EURO


def test_the_service_deletes_what_is_applied(world: World) -> None:
    """The rest stays."""
    pay = {"epoch": world.epoch, "do": "credit", "account": CUSTOMER, "micros": EURO}
    world.send((1, pay), (2, pay))
    inbox = InboxWriter(world.data_dir)
    assert inbox.delete_through(world.commands + 1) == 1
    assert inbox.last() == world.commands + 2
    inbox.close()


def test_commands_for_another_life_of_the_store(world: World) -> None:
    """An earlier one's is passed over; a later one's waits, with all that follow."""
    clerk = world.clerk()
    pay = {"do": "credit", "account": CUSTOMER, "micros": EURO}
    before, after = pay | {"epoch": world.epoch - 1}, pay | {"epoch": world.epoch + 1}
    world.send((1, before), (2, after), (3, pay | {"epoch": world.epoch}))
    clerk.tick(world.now)
    assert world.get(CUSTOMER).balance == 1000 * EURO
    with world.rooms.store.read() as txn:
        assert world.rooms.store.state(txn).applied_command == world.commands + 1


def test_more_commands_than_a_batch_take_more_rounds(world: World) -> None:
    """A hundred at a time."""
    clerk = world.clerk()
    pay = {"epoch": world.epoch, "do": "credit", "account": CUSTOMER, "micros": 1}
    world.send(*((at, pay) for at in range(1, 151)))
    clerk.tick(world.now)
    assert world.get(CUSTOMER).balance == 1000 * EURO + 100
    clerk.tick(world.now)
    assert world.get(CUSTOMER).balance == 1000 * EURO + 150


def test_an_unknown_command_says_what_to_do(world: World) -> None:
    """And changes nothing."""
    with pytest.raises(UnknownCommand, match="different releases"):
        world.do("fly")
    assert world.get(CUSTOMER).balance == 1000 * EURO


def test_a_wiped_store_is_made_anew_with_the_calls_that_go_on(world: World) -> None:
    """The answered call is there with its hold, the ringing one is not; what the old file held is journalled."""
    clerk = world.clerk()
    clerk.tick(world.now)
    call = world.talk()
    world.ring()
    shutil.rmtree(world.run_dir / "hot")
    assert not world.rooms.store.is_current()
    for _ in range(2):
        world.wait(0.1)
        clerk.tick(world.now)
    assert world.rooms.has_store()
    assert not world.rooms.usable()
    assert [running.hex for running in world.running()] == [call]
    assert world.get(CUSTOMER).held == 100_000
    assert_consistent(world)
    last = [line for line in world.journal() if line["e"] == "opened"][-1]
    assert last["calls"] == [call]
    world.furnish()
    world.wait(20)
    world.hang_up(call)
    assert world.last_cdr()["duration_ms"] == 20_200
    assert_consistent(world)


def test_a_full_file_is_followed_by_one_that_carries_the_calls(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Older files may go: the new one has what a restart needs."""
    call = world.talk()
    clerk = world.clerk()
    monkeypatch.setattr("kemi.store.journal.ROTATE_BYTES", 1)
    clerk.tick(world.now)
    newest = journal.journal_files(world.data_dir / "journal")[-1]
    lines = [event for _, event in journal.read_lines(newest)]
    assert [(line["e"], line["call"]) for line in lines] == [("carried", call)]


@pytest.mark.parametrize("fails", ["open", "fdatasync"])
def test_a_disk_that_fails_when_a_file_is_full_loses_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch, fails: str
) -> None:
    """No new file, or none of the calls that it should carry in it: the next round goes on, and carries them."""
    call = world.talk()
    clerk = world.clerk()
    clerk.tick(world.now)
    real = getattr(os, fails)

    def fail(file: Any, *args: Any) -> Any:
        if fails == "open" and not str(file).endswith(".log"):
            return real(file, *args)
        if fails == "fdatasync" and len(journal.journal_files(world.data_dir / "journal")) == 1:
            return real(file, *args)
        raise OSError(28, "No space left on device")

    world.hang_up(world.talk())
    with monkeypatch.context() as patch:
        patch.setattr("kemi.store.journal.ROTATE_BYTES", 1)
        patch.setattr(f"kemi.store.journal.os.{fails}", fail)
        with pytest.raises(OSError, match="No space"):
            clerk.tick(world.now)
    world.wait(1)
    clerk.tick(world.now)
    newest = journal.journal_files(world.data_dir / "journal")[-1]
    lines = [event for _, event in journal.read_lines(newest)]
    assert ("carried", call) in [(line["e"], line.get("call")) for line in lines]
    assert lines[-1]["e"] == "beat"


CLERKS = """
import os, sys
from pathlib import Path
from kemi.store.inbox import InboxReader
for _ in range(70):
    if not os.fork():
        os._exit(len(InboxReader(Path(sys.argv[1])).after(0)))
    assert os.waitstatus_to_exitcode(os.wait()[1]) == 1
"""
"""Kamailio ends and starts again and again: no clerk closes anything. Each has seen the one command."""


def test_clerks_that_have_ended_keep_no_place_in_the_inbox(world: World) -> None:
    """It has 64 while the service runs: after so many starts of Kamailio no command would be heard any more."""
    inbox = InboxWriter(world.data_dir)
    inbox.put([(1, {"do": "ready"})])
    subprocess.run([sys.executable, "-c", CLERKS, str(world.data_dir)], check=True, timeout=120)
    inbox.close()
