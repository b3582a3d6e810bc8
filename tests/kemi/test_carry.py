"""A new store from the journal: after a wiped folder, after a reboot."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from kemi import prestart
from kemi.authorize import Admitted
from kemi.clock import Now
from kemi.contacts import parse_contacts
from kemi.guards import Answer
from kemi.identify import Source
from kemi.invites import Repeated, forget
from kemi.register import Registration, register
from kemi.running import refer
from kemi.store import journal
from kemi.store.carry import begin_store
from kemi.store.change import Change
from kemi.store.devices import device_by_id
from kemi.store.environment import HotStore, Snapshot, StoreAbsent
from kemi.store.layout import invite_key, unpack_invite
from tests.kemi.world import CUSTOMER, World

Capsys = pytest.CaptureFixture[str]
HOME = Path(__file__).resolve().parents[2]


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The calls that the dialog table was written for, by start."""
    tables: list[list[str]] = []
    monkeypatch.setattr(
        "kemi.prestart.dialogs.write_tables",
        lambda _folder, calls, *_: tables.append([call.hex for call in calls]),
    )
    return tables


def _start(world: World, boot: str, now: Now, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr("kemi.prestart.boot_id", lambda: boot)
    world.rooms.close()
    return prestart.prepare(world.run_dir, world.data_dir, now)


def test_a_restart_keeps_answered_calls_and_releases_ringing_ones(
    world: World, written: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """503 for what rang; the answered one is in the dialog table."""
    call = world.talk()
    world.ring()
    world.wait(3)
    assert _start(world, "boot-of-the-test", world.now, monkeypatch) == 1
    assert written == [[call]]
    assert world.rooms.usable()
    assert world.last_cdr()["ended_by"] == "restart"
    (running,) = world.running()
    assert running.generation == world.now.wall_ms
    assert world.get(CUSTOMER).held == 100_000


@pytest.mark.parametrize("at", ["kemi.store.environment._take_room", "kemi.store.carry._count"])
def test_killed_while_the_store_is_made(
    world: World, written: list[list[str]], monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    """There is none then, and the next start makes a whole one, in which the call talks on."""
    call = world.talk()
    world.clerk().tick(world.now)
    shutil.rmtree(world.run_dir / "hot")

    def die(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(at, die)
        with pytest.raises(Killed):
            _start(world, "boot-of-the-test", world.now, patch)
    with pytest.raises(StoreAbsent):
        HotStore(world.run_dir)
    assert _start(world, "boot-of-the-test", world.now, monkeypatch) == 1
    assert written == [[call]]
    assert world.rooms.has_store()
    assert [event["calls"] for event in world.events("opened")] == [[call]]


class Killed(BaseException):
    """As `kill -9` would leave it: nothing behind it is done."""


def test_a_call_that_ended_just_before_is_ended_again_on_the_wire(
    world: World, written: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Settled, but killed before the other side's BYE: in the dialog table, not in the store. A ringing one is not."""
    call = world.talk()
    world.hang_up(call)
    world.hang_up(world.ring(), by="callee", code=486)
    assert _start(world, "boot-of-the-test", world.now, monkeypatch) == 0
    assert written == [[call]]
    assert world.rooms.usable()
    assert world.running() == []
    clerk = world.clerk()
    clerk.tick(world.now)
    _start(world, "boot-of-the-test", world.now, monkeypatch)
    assert written[-1] == [call]
    assert world.rooms.has_store()
    clerk.tick(world.now)
    world.wait(2)
    clerk.tick(world.now)
    _start(world, "boot-of-the-test", world.now, monkeypatch)
    assert written[-1] == []


def test_after_a_reboot_times_follow_from_the_wall_clock(
    world: World, written: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Boot time began anew; 30 seconds of the grant are gone by the wall."""
    call = world.talk()
    world.clerk().tick(world.now)
    shutil.rmtree(world.run_dir)
    later = Now(boot_ms=5_000, wall_ms=world.now.wall_ms + 30_000)
    assert _start(world, "the-next-boot", later, monkeypatch) == 1
    assert written == [[call]]
    store = HotStore(world.run_dir)
    with store.read() as txn:
        (running,) = Snapshot(store, txn).calls()
    store.close()
    assert later.boot_ms - running.answer_boot_ms == 30_000
    assert running.grant_end_boot_ms - later.boot_ms == 70_000


def test_the_side_that_referred_is_known_again(
    world: World, written: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Told once, by the last one; carried over a new file of the journal; not of a call that has ended."""
    call, over = world.talk(), world.talk()
    for side in ("caller", "callee", "callee"):
        refer(world.rooms, call, side, world.now)
    world.hang_up(over)
    refer(world.rooms, over, "caller", world.now)
    assert [event["side"] for event in world.events("referred")] == ["caller", "callee"]
    for files in (1, 2):
        clerk = world.clerk()
        clerk.tick(world.now)
        clerk.close()
        if files == 2:
            journal.journal_files(world.data_dir / journal.FOLDER)[0].unlink()
        shutil.rmtree(world.run_dir)
        assert _start(world, "boot-of-the-test", world.now, monkeypatch) == 1
        assert world.rooms.has_store()
        (running,) = world.running()
        assert (running.hex, running.referred) == (call, "callee")


def test_a_clock_set_back_over_a_reboot_starts_the_call_anew(
    world: World, written: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Never a negative duration."""
    world.talk()
    world.clerk().tick(world.now)
    shutil.rmtree(world.run_dir)
    earlier = Now(boot_ms=5_000, wall_ms=world.now.wall_ms - 3_600_000)
    _start(world, "the-next-boot", earlier, monkeypatch)
    store = HotStore(world.run_dir)
    with store.read() as txn:
        snapshot = Snapshot(store, txn)
        (running,) = snapshot.calls()
        assert snapshot.epoch > world.now.wall_ms - 3_600_000
    store.close()
    assert running.answer_boot_ms == 5_000
    assert written


def test_what_the_journal_has_settled_is_not_carried(
    world: World, written: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only open calls go on, with their last grant."""
    world.hang_up(world.talk())
    world.clerk().tick(world.now)
    shutil.rmtree(world.run_dir)
    assert _start(world, "boot-of-the-test", world.now, monkeypatch) == 0
    assert written == [[]]


def test_the_first_start_of_all_makes_an_empty_store(
    tmp_path: Path, written: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing there: epoch, no calls, not ready."""
    monkeypatch.setattr("kemi.prestart.boot_id", lambda: "first")
    assert prestart.prepare(tmp_path / "run", tmp_path / "data", Now(1, 1_790_000_000_000)) == 0
    store = HotStore(tmp_path / "run")
    with store.read() as txn:
        snapshot = Snapshot(store, txn)
        assert (snapshot.epoch, snapshot.ready, snapshot.sequence) == (1_790_000_000_000, False, 1)
    store.close()
    assert written == [[]]


def test_a_store_keeps_its_size_whatever_the_environment_says(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Enlarged in the settings, but not made anew: its guard is still that of the file."""
    before = world.rooms.store.guard_bytes
    size = (world.run_dir / "hot" / "data.mdb").stat().st_size
    monkeypatch.setattr("kemi.store.environment.MAP_BYTES", 64 * 1024 * 1024)
    world.rooms.close()
    assert world.rooms.has_store()
    assert world.rooms.store.guard_bytes == before
    assert (world.run_dir / "hot" / "data.mdb").stat().st_size == size


def test_the_table_of_readers_has_its_memory_too(world: World) -> None:
    """On a tmpfs that is full by now the 63rd process that looks at the store would be killed by its page."""
    lock = (world.run_dir / "hot" / "lock.mdb").stat()
    assert lock.st_blocks * 512 >= lock.st_size


def test_devices_are_where_they_were_after_a_reboot(world: World) -> None:
    """Registered and carried over a rotation; not who went, not what is over; on the new boot's clock."""
    world.device(7, CUSTOMER)
    with world.rooms.store.read() as txn:
        device = device_by_id(world.rooms.store.config, txn, 7)
    assert device is not None
    place = Source("192.0.2.7", 5060, "udp")
    contacts = ("<sip:stays@10.0.0.1>", "<sip:goes@10.0.0.1>", "<sip:ends@10.0.0.1>;expires=60")
    for cseq, contact in enumerate((*contacts, "<sip:goes@10.0.0.1>;expires=0"), start=1):
        binding = parse_contacts([contact])
        assert binding is not None
        asked = Registration("d7", "c", cseq, binding, 600, "", place, "udp:127.0.0.1:5060")
        assert not isinstance(register(world.rooms, device, asked, world.now), Answer)
    clerk = world.clerk()
    clerk.tick(world.now)
    clerk.close()
    clerk = world.clerk()  # a file of its own: what it carries is enough
    clerk.tick(world.now)
    clerk.close()
    oldest, *_ = journal.journal_files(world.data_dir / journal.FOLDER)
    oldest.unlink()
    shutil.rmtree(world.run_dir)
    later = Now(5_000, world.now.wall_ms + 120_000)
    world.rooms.close()
    store = begin_store(world.run_dir, world.data_dir, "another boot", later.wall_ms, later)
    with store.read() as txn:
        (one,) = Snapshot(store, txn).locations()
    assert (one.contact, one.until_boot_ms, one.ip) == ("sip:stays@10.0.0.1", 5_000 + 480_000, "192.0.2.7")
    store.close()


FULL_TMPFS = """
mount -t tmpfs -o size=64k tmpfs "$1"
cat /dev/zero >"$1/filler" 2>/dev/null
exec env KAMBILL_RUN_DIR="$1/run" KAMBILL_DATA_DIR="$2" PYTHONPATH="$3" /usr/bin/python3 -m kemi.prestart
"""


def test_a_start_without_memory_for_the_store_says_so(tmp_path: Path) -> None:
    """Not a page is left: LMDB would be killed (SIGBUS) by the first one that it touches."""
    places = [tmp_path / "memory", tmp_path / "data"]
    for place in places:
        place.mkdir()
    command = ["unshare", "--mount", "--map-root-user", "sh", "-c", FULL_TMPFS, "sh", *places, HOME]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert done.stderr.startswith("kambill: the hot store needs 16 MiB in ")
    assert "No space left on device: free memory there, enlarge the tmpfs" in done.stderr


def test_a_start_without_a_disk_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capsys) -> None:
    """The dialog table can't be written: Kamailio is not started without the timers of its calls."""
    monkeypatch.setenv("KAMBILL_RUN_DIR", str(tmp_path / "run"))
    monkeypatch.setenv("KAMBILL_DATA_DIR", str(tmp_path / "data"))
    assert prestart.main() == 0
    assert "0 calls go on" in capsys.readouterr().err

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device", "/data/dialogs/version.new")

    monkeypatch.setattr("kemi.prestart.dialogs.write_tables", fail)
    assert prestart.main() == 1
    told = capsys.readouterr().err
    assert told.startswith("kambill: /data/dialogs/version.new: No space left on device: free space there")


def test_a_carried_calls_name_is_taken(world: World, written: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    """While it talks on in the new store no other INVITE has its Call-ID and From-tag, hours later too."""
    call = world.talk()
    world.clerk().tick(world.now)
    shutil.rmtree(world.run_dir / "hot")
    _start(world, "boot-of-the-test", world.now, monkeypatch)
    assert written == [[call]]
    assert world.rooms.has_store()
    world.furnish()
    for seconds in (1, 70, 7_200):
        world.wait(seconds)
        _forget(world)
        assert world.invite(call_id="call-1", cseq=2) == Repeated(retransmission=False)
    world.hang_up(call)
    world.wait(200)
    _forget(world)
    assert isinstance(world.invite(call_id="call-1", cseq=3), Admitted)


def _forget(world: World) -> None:
    """What the meter does with an INVITE whose time has come."""
    key = invite_key("call-1", "from")
    with Change(world.rooms.store) as change:
        raw = change.txn.get(key, db=change.store.invite)
        if raw is not None and unpack_invite(raw).until_ms <= world.now.boot_ms:
            forget(change, key, world.now)
