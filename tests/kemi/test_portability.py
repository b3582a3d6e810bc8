"""Ported numbers on the call path: lists, what was learned, misses; what is rated, routed, recorded and sent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from kemi.again import same_place
from kemi.authorize import Admitted
from kemi.failover import fail_over
from kemi.meter import tick
from kemi.refusal import Refused
from kemi.rehearse import Asked, rehearse, stage
from kemi.running import find
from kemi.store import portings
from kemi.store.change import Change
from ratebook.compiled import ported
from ratebook.compiled.write import open_for_writing
from tests.kemi.world import CARRIER, CUSTOMER, DEAR_CARRIER, LOWER, UPPER, FakeDialogs, World, terms

MOVED, STAYED, ROUTING = "447700900001", "447700900002", "448811"
VERSION = bytes(range(8))
DEAR = {CUSTOMER: "0.60", LOWER: "0.30", UPPER: "0.24", CARRIER: "0.12", DEAR_CARRIER: "0.18"}
"""To the other network: ten times the price."""


def load(
    world: World, *rows: tuple[str, str], prefix: str = "44", version: bytes = VERSION, whole: bool = True
) -> None:
    """A list of the operator's, and its pointer."""
    world.rooms.close()
    env = open_for_writing(world.data_dir / "rates")
    ported.begin(env, version)
    assert ported.put_part(env, version, rows) is None
    if whole:
        ported.finish(env, version, len(rows))
    env.close()
    assert world.rooms.has_store()
    world.do("portings", lists=[[prefix, version.hex()]])


def offer_other_network(world: World, **plan: Any) -> None:
    """Rates and a route for ROUTING: gateway 3 alone."""
    for account, price in DEAR.items():
        world.tariff(account, {"": terms("0.01"), "44": terms("0.06"), "4488": terms(price)})
    routes: Sequence[Any] = [["", [[1, 1]]], ["4488", [[3, 1]]]]
    world.plan(**{"no_loss": "off", "routes": routes, "portability": "known"} | plan)


def call(world: World, number: str) -> tuple[str, list[str], str, int]:
    """The running call to a number: how it is rated at each level, its routing number, its gateway."""
    admitted = world.invite(f"+{number}")
    assert isinstance(admitted, Admitted), admitted
    running = find(world.rooms, admitted.call)
    assert running is not None
    assert running.provider is not None
    assert (running.called, admitted.target.number) == (number, number), "the gateway gets what was dialled"
    prefixes = [leg.prefix for leg in (*running.legs, running.provider)]
    return admitted.call, prefixes, running.routing_number, running.gateway


def test_a_listed_number_is_rated_and_routed_by_its_new_network(world: World) -> None:
    """At every level and at the provider; one beside it, of the same block, is not."""
    offer_other_network(world)
    load(world, (MOVED, ROUTING))
    ported_call, prefixes, routing, gateway = call(world, MOVED)
    assert (prefixes, routing, gateway) == (["4488"] * 4, ROUTING, 3)
    assert call(world, STAYED)[1:] == (["44"] * 4, "", 1)
    world.pick_up(ported_call)
    world.wait(60)
    world.hang_up(ported_call)
    cdr = world.last_cdr()
    assert (cdr["called"], cdr["routing_number"]) == (MOVED, ROUTING)
    assert [row["prefix"] for row in cdr["charges"]] == ["4488"] * 3
    assert world.charges()[CUSTOMER] == 600_000
    assert cdr["cost"]["prefix"] == "4488"


def test_a_plan_without_portability_asks_for_nothing(world: World) -> None:
    """The default."""
    offer_other_network(world, portability="off")
    load(world, (MOVED, ROUTING))
    assert call(world, MOVED)[1:] == (["44"] * 4, "", 1)


def test_failing_over_and_answering_keep_the_routing_number(world: World) -> None:
    """The next gateway is one of the new network's route, and so are rates that change before the answer."""
    offer_other_network(world, routes=[["", [[1, 1]]], ["4488", [[3, 1], [2, 2]]]], order="priority")
    load(world, (MOVED, ROUTING))
    key, _, _, gateway = call(world, MOVED)
    assert gateway == 3
    target = fail_over(world.rooms, key, 503, world.now)
    assert target is not None
    assert (target.gateway, target.number) == (2, MOVED)
    with Change(world.rooms.store) as change:
        running = change.call(bytes.fromhex(key))
        assert running is not None
        change.put_call(running._replace(priced_until_s=0))
    world.pick_up(key)
    after = find(world.rooms, key)
    assert after is not None
    assert {leg.prefix for leg in after.legs} == {"4488"}


def test_the_longest_prefix_of_lists_counts(world: World) -> None:
    """A number of a list's prefix that it doesn't have has not moved; a list that is half written is none."""
    offer_other_network(world)
    other = bytes(range(8, 16))
    load(world, (MOVED, ROUTING))
    load(world, (STAYED, ROUTING), prefix="4477", version=other)
    world.do("portings", lists=[["44", VERSION.hex()], ["4477", other.hex()]])
    assert call(world, MOVED)[2] == ""
    assert call(world, STAYED)[2] == ROUTING
    load(world, (MOVED, ROUTING), version=bytes(8), whole=False)
    assert call(world, MOVED)[2] == ""


def test_an_unknown_number_goes_on_and_is_asked_about_once(world: World) -> None:
    """The answer is for the next call, until its time is over."""
    offer_other_network(world)
    world.do("settings", asks_ported=True)
    assert [call(world, MOVED)[2], call(world, MOVED)[2]] == ["", ""]
    assert [event["number"] for event in world.events("asked")] == [MOVED]
    world.do("ported", number=MOVED, routing=ROUTING, ttl_s=60)
    assert call(world, MOVED)[2] == ROUTING
    world.wait(61)
    assert call(world, MOVED)[2] == ""
    assert len(world.events("asked")) == 2


def test_a_number_that_has_not_moved_is_known_too(world: World) -> None:
    """Nobody asks again."""
    offer_other_network(world)
    world.do("settings", asks_ported=True)
    world.do("ported", number=STAYED, routing="", ttl_s=60)
    assert call(world, STAYED)[2] == ""
    assert world.events("asked") == []


def test_a_plan_that_requires_an_answer_refuses_until_it_is_there(world: World) -> None:
    """503 with its rule, and the question; nothing is held."""
    offer_other_network(world, portability="required")
    world.do("settings", asks_ported=True)
    refused = world.invite(f"+{MOVED}")
    assert isinstance(refused, Refused)
    assert (refused.code, refused.rule) == (503, "porting")
    assert world.running() == []
    assert [event["number"] for event in world.events("asked")] == [MOVED]
    world.do("ported", number=MOVED, routing=ROUTING, ttl_s=60)
    assert call(world, MOVED)[2] == ROUTING


def test_a_question_that_nobody_answers_is_asked_again(world: World) -> None:
    """After ten seconds."""
    offer_other_network(world)
    world.do("settings", asks_ported=True)
    call(world, MOVED)
    world.wait(portings.ASK_AGAIN_MS / 1000 + 1)
    call(world, MOVED)
    assert len(world.events("asked")) == 2


def test_a_call_refused_for_another_reason_asks_all_the_same(world: World) -> None:
    """Its new network may have the rate that the old one lacks."""
    offer_other_network(world)
    world.tariff(CUSTOMER, {"4488": terms("0.60")})
    world.do("settings", asks_ported=True)
    refused = world.invite(f"+{MOVED}")
    assert isinstance(refused, Refused)
    assert refused.rule == "rate"
    world.do("ported", number=MOVED, routing=ROUTING, ttl_s=60)
    assert call(world, MOVED)[2] == ROUTING


def test_what_is_known_is_forgotten_and_never_too_much(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the meter; invented numbers fill nothing."""
    offer_other_network(world)
    world.do("settings", asks_ported=True)
    monkeypatch.setattr(portings, "KNOWN_MAX", 1)
    world.do("ported", number=MOVED, routing=ROUTING, ttl_s=60)
    call(world, STAYED)
    assert world.events("asked") == []
    world.wait(61)
    tick(world.rooms, FakeDialogs().seen(), world.now)
    with world.rooms.store.read() as txn:
        assert txn.stat(world.rooms.store.ported)["entries"] == 0
    call(world, STAYED)
    assert [event["number"] for event in world.events("asked")] == [STAYED]


def test_a_gateway_that_wants_to_know_is_told_the_routing_number(world: World) -> None:
    """RFC 4694, in the request URI alone; of a number that has not moved nothing is said."""
    offer_other_network(world)
    load(world, (MOVED, ROUTING))
    for number, provider in ((1, CARRIER), (3, DEAR_CARRIER)):
        world.gateway(number, provider, f"127.0.0.{10 + number}", number_format="rn")
    moved, stayed = world.invite(f"+{MOVED}"), world.invite(f"+{STAYED}")
    assert isinstance(moved, Admitted)
    assert isinstance(stayed, Admitted)
    assert moved.target.number == f"+{MOVED};npdi;rn=+{ROUTING}"
    assert moved.target.parties.to_uri == f"sip:+{MOVED}@127.0.0.13"
    assert stayed.target.number == f"+{STAYED}"
    again = same_place(world.rooms, moved.call, None, world.now)
    assert again is not None
    assert again[0].number == moved.target.number


def test_an_emergency_number_is_never_looked_up(world: World) -> None:
    """Nor does it wait for an answer."""
    offer_other_network(world, portability="required")
    world.do("settings", asks_ported=True)
    world.do("special", id=1, account=1, trunk=0, number="112", prefix=False, kind="emergency", plan=1)
    assert isinstance(world.invite("112"), Admitted)
    assert world.events("asked") == []


def test_a_rehearsal_says_where_a_number_has_moved(world: World) -> None:
    """By what is known; nobody is asked for it."""
    offer_other_network(world)
    world.do("settings", asks_ported=True)
    with stage(world.rooms.store, world.data_dir, world.rooms.rates) as rooms:
        assert rehearse(rooms, Asked("trunk", 1, f"+{MOVED}", "1"), world.now).moved_to == ""
    assert world.events("asked") == []
    world.do("ported", number=MOVED, routing=ROUTING, ttl_s=60)
    with stage(world.rooms.store, world.data_dir, world.rooms.rates) as rooms:
        found = rehearse(rooms, Asked("trunk", 1, f"+{MOVED}", "1"), world.now)
    assert (found.moved_to, found.levels[0].leg.prefix) == (ROUTING, "4488")
