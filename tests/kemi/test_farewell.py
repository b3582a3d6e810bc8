"""BYEs that are sent again until they are answered."""

from __future__ import annotations

from pathlib import Path

from kemi import farewell, meter
from kemi.running import find
from tests.kemi.world import FakeDialogs, World

KEY = bytes(range(farewell.KEY_BYTES))


def sent_at(world: World, dialogs: FakeDialogs, seconds: int) -> list[int]:
    """The seconds at which something was sent, the meter ticking each second."""
    times = []
    for second in range(1, seconds + 1):
        world.wait(1)
        before = len(dialogs.sent)
        meter.tick(world.rooms, dialogs.seen(), world.now)
        times += [second] * (len(dialogs.sent) - before)
    return times


def test_it_comes_again_for_32_seconds(world: World) -> None:
    """At growing intervals, as a transaction would (RFC 3261 17.1.2), on the meter's seconds."""
    farewell.keep(world.rooms, KEY, "sip:a", "BYE", first_ms=farewell.T1_MS, now=world.now)
    dialogs = FakeDialogs()
    times = sent_at(world, dialogs, 60)
    assert times == [1, 2, 4, 8, 12, 16, 20, 24, 28]
    assert set(dialogs.sent) == {("sip:a", "BYE")}
    with world.rooms.store.read() as txn:
        assert txn.stat(world.rooms.store.farewell)["entries"] == 0


def test_its_answer_ends_it(world: World) -> None:
    """Whichever process hears it."""
    farewell.keep(world.rooms, KEY, "sip:a", "BYE", first_ms=farewell.T1_MS, now=world.now)
    dialogs = FakeDialogs()
    assert sent_at(world, dialogs, 3) == [1, 2]
    assert farewell.forget(world.rooms, KEY)
    assert not farewell.forget(world.rooms, KEY)
    assert sent_at(world, dialogs, 40) == []


def test_it_is_not_sent_before_its_time(world: World) -> None:
    """Kamailio's own BYE has a second."""
    farewell.keep(world.rooms, KEY, "sip:a", "BYE", first_ms=3_000, now=world.now)
    assert sent_at(world, FakeDialogs(), 4) == [3, 4]


def test_both_sides_of_a_call_that_has_no_dialog_are_told(world: World) -> None:
    """The answered one: each by its own target and tags; of one that isn't answered nobody is."""
    ringing = find(world.rooms, world.ring(call_id="ringing"))
    talking = find(world.rooms, world.talk())
    assert ringing is not None
    assert talking is not None
    dialogs = FakeDialogs()
    for call in (ringing, talking):
        farewell.keep_both(world.rooms, call, world.now)
    world.wait(1)
    meter.tick(world.rooms, dialogs.seen(), world.now)
    sent = {to: text for to, text in dialogs.sent if text.startswith("BYE ")}
    assert sorted(sent) == ["sip:callee@127.0.0.11", "sip:caller@127.0.0.2:5060"]
    assert "To: <sip:+441632960000@127.0.0.2>;tag=from\r\n" in sent["sip:caller@127.0.0.2:5060"]
    assert ";tag=to\r\n" in sent["sip:callee@127.0.0.11"]


def test_its_branch_names_it() -> None:
    """And tm's branches don't."""
    assert farewell.key_in(farewell.COOKIE + farewell.branch_of(KEY)) == KEY
    for branch in ("", "z9hG4bK", "z9hG4bKcydzigwkX", "z9hG4bK1ab2.0123456789abcdef.0", "z9hG4bK" + "g" * 40):
        assert farewell.key_in(branch) is None


def test_the_second_bye_of_a_dialog_has_one_key(world: World, tmp_path: Path) -> None:
    """The same in every process, whichever side speaks; another store has another one: nobody can work it out."""
    rooms = world.rooms
    key = farewell.key_of(rooms, "call@a", "a", "b")
    assert key == farewell.key_of(rooms, "call@a", "b", "a")
    others = {farewell.key_of(rooms, "call@a", "a", "c"), farewell.key_of(rooms, "call@b", "a", "b")}
    other = World(tmp_path / "other")
    assert len({key, *others, farewell.key_of(other.rooms, "call@a", "a", "b")}) == 4
    other.rooms.close()
    assert len(key) == farewell.KEY_BYTES


def test_what_is_only_waited_for_is_not_sent(world: World) -> None:
    """And is forgotten after the time of a transaction."""
    farewell.keep(world.rooms, KEY, "", "", first_ms=farewell.LATE_MS, now=world.now)
    assert farewell.is_kept(world.rooms, KEY)
    assert sent_at(world, FakeDialogs(), 60) == []
    assert not farewell.is_kept(world.rooms, KEY)
