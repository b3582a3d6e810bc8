"""Gateways are asked whether they are there; those that fail go out for a while."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kemi.authorize import Admitted, Refused
from kemi.prober import PROBE, REGISTER, Asked, Prober, Turn, call_id_of, gateway_asked, note_result
from kemi.store import health
from kemi.store.trunks import Gateway
from tests.kemi.world import CARRIER, World, assert_consistent


class Asking:
    """A prober whose requests are only noted."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._prober = Prober(world.rooms, self._note)
        self._noted: list[str] = []

    def _note(self, asked: Asked, _gateway: Gateway) -> None:
        self._noted.append(str(asked))

    def watch(self, seconds: int) -> list[tuple[int, str]]:
        """Who is asked in so many seconds, with the second."""
        found = []
        for second in range(seconds):
            self._noted = []
            self._prober.tick(self._world.now)
            found += [(second, one) for one in self._noted]
            self._world.wait(1)
        return found


def first(world: World) -> int:
    """The gateway that a call takes; 0: none. The call ends at once."""
    admitted = world.invite()
    if isinstance(admitted, Refused):
        return 0
    assert isinstance(admitted, Admitted)
    world.hang_up(admitted.call)
    return admitted.target.gateway


def test_each_gateway_is_asked_at_its_interval(world: World) -> None:
    """Not all at once; one that says nothing about it, or is suspended, never."""
    world.gateway(1, CARRIER, "127.0.0.11", probe_s=5)
    world.gateway(2, CARRIER, "127.0.0.12", probe_s=3, state="suspended")
    asking = Asking(world)
    assert asking.watch(12) == [(1, "probe:1"), (6, "probe:1"), (11, "probe:1")]
    world.gateway(2, CARRIER, "127.0.0.12", probe_s=4)
    assert [second for second, one in asking.watch(8) if one == "probe:2"] == [2, 6]


def test_a_gateway_goes_out_after_failures_in_a_row(world: World) -> None:
    """Two of three don't do; an answer between them begins anew; without probes it is tried again after a while."""
    world.gateway(1, CARRIER, "127.0.0.11", failures_max=3, out_s=60)
    results = [note_result(world.rooms, 1, code, world.now) for code in (408, 503, 200, 408, 408)]
    assert results == [None] * 5
    assert first(world) == 1
    assert note_result(world.rooms, 1, 503, world.now) == Turn(1, is_out=True, code=503)
    assert first(world) == 2
    world.wait(59)
    assert first(world) == 2
    world.wait(1)
    assert first(world) == 1
    assert note_result(world.rooms, 1, 408, world.now) == Turn(1, is_out=True, code=408)
    assert first(world) == 2


def test_a_probed_gateway_comes_back_by_its_answer_alone(world: World) -> None:
    """Not by time; whatever it answers that is no failure."""
    world.gateway(1, CARRIER, "127.0.0.11", failures_max=1, probe_s=10, out_s=1)
    note_result(world.rooms, 1, 408, world.now)
    world.wait(3600)
    assert first(world) == 2
    assert note_result(world.rooms, 1, 503, world.now) is None
    assert first(world) == 2
    assert note_result(world.rooms, 1, 404, world.now) == Turn(1, is_out=False, code=404)
    assert first(world) == 1


def test_an_answered_call_ends_a_row_of_failures(world: World) -> None:
    """As an answered probe does."""
    world.gateway(1, CARRIER, "127.0.0.11", failures_max=2)
    note_result(world.rooms, 1, 503, world.now)
    call = world.talk()
    world.hang_up(call)
    note_result(world.rooms, 1, 503, world.now)
    assert first(world) == 1


def test_other_codes_and_other_gateways_are_no_failures(world: World) -> None:
    """Each names its own codes; without a number of failures it never goes out."""
    world.gateway(1, CARRIER, "127.0.0.11", failures_max=1, failure_codes=[500])
    for code in (408, 486, 503):
        assert note_result(world.rooms, 1, code, world.now) is None
    for _ in range(20):
        assert note_result(world.rooms, 2, 503, world.now) is None
    assert note_result(world.rooms, 99, 503, world.now) is None
    assert first(world) == 1
    assert note_result(world.rooms, 1, 500, world.now) is not None
    assert first(world) == 2


def test_a_gateway_that_was_changed_begins_anew(world: World) -> None:
    """Its next command brings it back; one that is gone leaves nothing."""
    world.gateway(1, CARRIER, "127.0.0.11", failures_max=1, probe_s=10)
    note_result(world.rooms, 1, 503, world.now)
    world.gateway(1, CARRIER, "127.0.0.11", failures_max=1, probe_s=10)
    assert first(world) == 1
    note_result(world.rooms, 1, 503, world.now)
    world.do("gateway_gone", id=1)
    with world.rooms.store.read() as txn:
        assert health.read(world.rooms.store, txn, 1) is None


def test_all_are_out(world: World) -> None:
    """No route, and nothing is left held."""
    for number in (1, 2, 3):
        world.gateway(number, CARRIER, f"127.0.0.1{number}", failures_max=1)
        note_result(world.rooms, number, 503, world.now)
    assert first(world) == 0
    assert world.last_cdr()["rule"] == "route"
    assert_consistent(world)


@given(st.text())
def test_marks_of_others_mean_nothing(text: str) -> None:
    """Whatever comes back."""
    found = Asked.from_text(text)
    assert found is None or str(found).startswith(found.what)


@pytest.mark.parametrize("one", [Asked(PROBE, 7), Asked(REGISTER, 2**32 - 1)])
def test_a_mark_comes_back(one: Asked) -> None:
    """As it went."""
    assert Asked.from_text(str(one)) == one


def test_a_call_id_says_which_gateway_was_asked() -> None:
    """Whole, as it was made; nobody else's does."""
    token = "0123456789abcdef" * 2
    named = call_id_of(Asked(PROBE, 42), token)
    assert gateway_asked(named) == 42
    for other in (f"{named}0", f"x{named}", named[:-1], named.upper(), "kambill-42", "kambill--1-" + token, ""):
        assert gateway_asked(other) is None, other
