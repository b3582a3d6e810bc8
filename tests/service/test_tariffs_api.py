"""Tariffs of sellers through the API: written, checked with every fault's place, published, apart from each other."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from ratebook.compiled.read import RatesReader
from service.tariffs.pending import carry_out_due
from service.tariffs.rates import published_rates
from tests.service.office import Got, Person
from tests.service.test_peers_api import Shop, shop

__all__ = ["shop"]
SOURCE = 'currency: EUR\nrates:\n  - {prefix: "44", rate: 0.05}\n'
WITH_DECK = "currency: EUR\ndecks: [{file: uk.csv}]\n"
DECK = "prefix,destination,rate\n44,Great Britain,0.01\n447,Great Britain mobile,0.02\n"


async def write(shop: Shop, by: Person, seller: str = "reseller", **more: Any) -> Got:
    """A draft."""
    values = {"account_id": shop.ids[seller], "name": "retail", "source": SOURCE}
    return await by.ask("tariff.make", **values | more)


async def publish(by: Person, number: int) -> Any:
    """It comes into force."""
    return await by.do("tariff.bring-into-force", tariff_id=number, note="spring")


async def test_a_reseller_sells_by_its_own_tariff(shop: Shop) -> None:
    """Draft, publication, an account that pays by it; the rates are compiled, the store is told."""
    made = (await write(shop, shop.reseller)).ok()
    assert (made["published"], made["version"], made["source"]) == (None, 1, SOURCE)
    early = await shop.reseller.ask("account.edit", account_id=shop.ids["customer"], tariff_id=made["id"])
    assert "not published" in early["errors"][0]["detail"]
    published = await publish(shop.reseller, made["id"])
    assert (len(published["published"]), published["rates"]) == (16, 1)
    (body,) = await shop.told()
    assert (body["do"], body["id"], body["version"]) == ("tariff", made["id"], published["published"])
    reader = RatesReader.open(shop.office.config.data_dir / "rates")
    with reader.snapshot() as rates:
        found = rates.find(bytes.fromhex(published["published"]), "442079460000", 1_800_000_000)
    reader.close()
    assert found is not None
    assert found.prefix == "44"
    await shop.reseller.do("account.edit", account_id=shop.ids["customer"], tariff_id=made["id"])
    seen = await shop.customer.do("tariff.show", tariff_id=made["id"])
    assert (seen["name"], seen["source"], seen["account_id"], seen["version"]) == ("retail", None, None, 0)
    assert (await shop.customer.ask("tariff.history", tariff_id=made["id"])).status == 404


async def test_a_draft_changes_nothing_until_it_is_published(shop: Shop) -> None:
    """And the history says who published what."""
    number = (await write(shop, shop.reseller, source=WITH_DECK, decks={"uk.csv": DECK})).ok()["id"]
    first = await publish(shop.reseller, number)
    assert first["rates"] == 2
    edited = await shop.reseller.do("tariff.edit", tariff_id=number, source=SOURCE)
    assert (edited["published"], edited["version"], edited["decks"]) == (first["published"], 2, {})
    stale = await shop.reseller.ask("tariff.edit", tariff_id=number, source=SOURCE, match='"1"')
    assert stale.status == 412
    second = await publish(shop.reseller, number)
    again = await publish(shop.reseller, number)
    assert second["published"] == again["published"] != first["published"]
    versions = (await shop.reseller.do("tariff.history", tariff_id=number))["items"]
    assert [(one["version"], one["rates"], one["published_by"]) for one in versions] == [
        (second["published"], 1, "r@r.example"),
        (first["published"], 2, "r@r.example"),
    ]


async def test_the_history_tells_what_changed_and_a_version_comes_back(shop: Shop) -> None:
    """By kinds of change; the version of before is told to the store, and the draft stays what it is."""
    number = (await write(shop, shop.reseller, source=WITH_DECK, decks={"uk.csv": DECK})).ok()["id"]
    first = await publish(shop.reseller, number)
    await shop.reseller.do("tariff.edit", tariff_id=number, source=SOURCE)
    second = await publish(shop.reseller, number)
    versions = (await shop.reseller.do("tariff.history", tariff_id=number))["items"]
    assert [one["changes"] for one in versions] == [{"increased": 1, "withdrawn": 1}, {}]
    reverted = await shop.reseller.do("tariff.revert", tariff_id=number, version=first["published"])
    assert (reverted["published"], reverted["rates"], reverted["source"]) == (first["published"], 2, SOURCE)
    assert [one["version"] for one in await shop.told(3)] == [
        first["published"], second["published"], first["published"],
    ]  # fmt: skip
    versions = (await shop.reseller.do("tariff.history", tariff_id=number))["items"]
    assert versions[0]["note"] == f"back to the version of {first['published']}"
    odd = await shop.reseller.ask("tariff.revert", tariff_id=number, version="zz")
    assert odd.body["errors"][0]["detail"].startswith("a version such as 43b81a5ad334c2e7, as the history tells it")
    never = await shop.reseller.ask("tariff.revert", tariff_id=number, version="0" * 16)
    assert (never.status, never["errors"][0]["detail"]) == (422, "this tariff never had that version")
    assert (await shop.customer.ask("tariff.revert", tariff_id=number, version=first["published"])).status == 403


async def test_a_sellers_tariff_derives_from_what_it_buys_by(shop: Shop) -> None:
    """As that is published; and from its own ones, but from nobody else's."""
    bought = (await shop.boss.do("tariff.make", account_id=1, name="wholesale", source=SOURCE))["id"]
    derived = "currency: EUR\nderive: {from: buying, markup: 20%}\n"
    early = await write(shop, shop.reseller, source=derived)
    assert early.status == 422
    assert "there is no tariff 'buying'" in early["errors"][0]["detail"]
    await publish(shop.boss, bought)
    await shop.boss.do("account.edit", account_id=shop.ids["reseller"], tariff_id=bought)
    number = (await write(shop, shop.reseller, source=derived)).ok()["id"]
    published = await publish(shop.reseller, number)
    assert published["rates"] == 1
    rates = await published_rates(shop.office.config, published["published"])
    assert rates is not None
    assert [(rate.prefix, rate.terms.intervals[0].rate_nanos) for rate in rates] == [("44", 60_000_000)]
    more = "currency: EUR\ninclude: [retail]\n"
    assert (await write(shop, shop.reseller, name="more", source=more)).status == 201
    stolen = await write(shop, shop.reseller, name="stolen", source="currency: EUR\ninclude: [wholesale]\n")
    assert "there is no tariff 'wholesale'" in stolen["errors"][0]["detail"]


async def test_a_seller_is_warned_of_prices_below_its_own_and_of_jumps(shop: Shop) -> None:
    """When it checks a text, and when it publishes: each at its row, in a deck too. It is published all the same."""
    bought = (await shop.boss.do("tariff.make", account_id=1, name="wholesale", source=SOURCE))["id"]
    await publish(shop.boss, bought)
    await shop.boss.do("account.edit", account_id=shop.ids["reseller"], tariff_id=bought)
    body = {"account_id": shop.ids["reseller"], "name": "retail"}
    dear = DECK.replace("0.01", "0.06").replace("0.02", "0.06")
    number = (await write(shop, shop.reseller, source=WITH_DECK, decks={"uk.csv": dear})).ok()["id"]
    assert (await publish(shop.reseller, number))["warnings"] == []
    cheap = {"source": WITH_DECK, "decks": {"uk.csv": DECK}}
    below = "is sold below what its seller pays by wholesale: a call of 1 s earns"
    moves = "the price of {} moves by {} %: a call of {} s costs {} instead of {} EUR: about what is published"
    expected = [
        "decks/uk.csv:2:1: " + moves.format("44", -83, 30, "0.005", "0.03"),
        "decks/uk.csv:3:1: " + moves.format("447", -66, 1, "0.000333", "0.001"),
        f"decks/uk.csv:2:1: 44 {below} 0.000167 and costs 0.000833 EUR: a price that earns",
        f"decks/uk.csv:3:1: 447 {below} 0.000333 and costs 0.000833 EUR: a price that earns",
    ]
    assert (await shop.reseller.do("tariff.check-text", **body, **cheap))["warnings"] == expected
    await shop.reseller.do("tariff.edit", tariff_id=number, **cheap)
    published = await publish(shop.reseller, number)
    assert (published["warnings"], published["rates"]) == (expected, 2)
    zero = "currency: EUR\nrates: [{prefix: 1, rate: 0}]\n"
    told = (await shop.reseller.do("tariff.check-text", **body, source=zero))["warnings"]
    assert told == ["source:2:27: a rate of zero: a price, or `blocked: yes`"]


async def test_the_operator_is_warned_of_prices_below_every_providers(shop: Shop) -> None:
    """Of a tariff that it writes through the API."""
    cost = (await shop.boss.do("tariff.make", account_id=1, name="cost", source=SOURCE))["id"]
    await publish(shop.boss, cost)
    body = {"account_id": 1, "name": "retail", "source": SOURCE.replace("0.05", "0.04")}
    assert (await shop.boss.do("tariff.check-text", **body))["warnings"] == []
    await shop.boss.do("account.edit", account_id=shop.ids["carrier"], tariff_id=cost)
    said = "44 is sold below every provider's price: a call of 1 s earns 0.000667 and costs 0.000833 EUR"
    assert (await shop.boss.do("tariff.check-text", **body))["warnings"] == [f"source:3:14: {said}: a price that earns"]


@pytest.mark.parametrize(
    ("source", "decks", "pointer", "said"),
    [
        ("currency: EUR\nrates:\n  - {prefix: x, rate: 1}\n", {}, "/source", "source:3:"),
        ("currency: EUR\n", {}, "/source", "no rates"),
        ("[", {}, "/source", "no YAML"),
        ("currency: USD\nrates: [{prefix: 1, rate: 1}]\n", {}, "/source", "in USD"),
        (WITH_DECK, {}, "/source", "there is no deck"),
        (WITH_DECK, {"uk.csv": "prefix,destination,rate\n44,x,y\n"}, "/decks/uk.csv", "decks/uk.csv:2:"),
        ("currency: EUR\ndecks: [{file: ../../etc/passwd}]\n", {}, "/source", "leads out of the folder"),
        (SOURCE, {"../x.csv": DECK}, "/decks", "no file name"),
        (SOURCE, {"/etc/x": DECK}, "/decks", "no file name"),
    ],
)
async def test_faults_have_their_places(
    shop: Shop, source: str, decks: dict[str, str], pointer: str, said: str
) -> None:
    """Line and column, all at once; nothing is kept."""
    got = await write(shop, shop.reseller, source=source, decks=decks)
    assert (got.status, got["errors"][0]["pointer"]) == (422, pointer), got
    assert said in got["errors"][0]["detail"]
    body = {"account_id": shop.ids["reseller"], "name": "x", "source": source, "decks": decks}
    assert (await shop.reseller.ask("tariff.check-text", **body)).status == 422
    assert (await shop.reseller.do("tariff.list"))["items"] == []


async def test_sellers_are_apart(shop: Shop) -> None:
    """The same name twice, a customer that sells nothing, foreign tariffs, the operator's ratebook."""
    mine = (await write(shop, shop.reseller)).ok()["id"]
    assert (await write(shop, shop.boss, "other")).status == 201
    theirs = (await shop.boss.do("tariff.list", query={"account_id": shop.ids["other"]}))["items"][0]["id"]
    assert (await write(shop, shop.reseller))["errors"][0]["pointer"] == "/name"
    for endpoint in ("tariff.show", "tariff.edit", "tariff.bring-into-force", "tariff.history"):
        assert (await shop.reseller.ask(endpoint, tariff_id=theirs, source=SOURCE)).status in {404}
    assert (await write(shop, shop.reseller, "other"))["errors"][0]["pointer"] == "/account_id"
    assert (await write(shop, shop.boss, "customer")).status == 409
    assert (await write(shop, shop.customer, "customer")).status == 403
    await publish(shop.boss, theirs)
    used = await shop.reseller.ask("account.edit", account_id=shop.ids["customer"], tariff_id=theirs)
    assert used["errors"][0]["detail"] == f"there is no tariff {theirs}"
    assert [one["id"] for one in (await shop.reseller.do("tariff.list"))["items"]] == [mine]
    trail = await shop.reseller.do("audit.list", query={"noun": "tariff"})
    assert [line["action"] for line in trail["items"]] == ["tariff.make"]


async def test_a_tariff_comes_into_force_at_its_moment(shop: Shop) -> None:
    """Not before, and once; what waits is seen by its seller and those above, and can be called off."""
    number = (await write(shop, shop.reseller)).ok()["id"]
    due_ms = shop.office.now_ms + 60_000
    due = f"{datetime.fromtimestamp(due_ms / 1000, UTC):%Y-%m-%dT%H:%M:%S.%f}Z"
    over = await shop.reseller.ask("tariff.bring-into-force", tariff_id=number, at="2020-01-01T00:00:00Z")
    assert (over.status, over["errors"][0]["pointer"]) == (422, "/at")
    told = await shop.reseller.do("tariff.bring-into-force", tariff_id=number, note="spring", at=due)
    assert (told["published"], told["due_at"] is None) == (None, False)
    (waits,) = (await shop.reseller.do("publication.list"))["items"]
    assert (waits["state"], waits["note"]) == ("waiting", "spring")
    assert [one["name"] for one in waits["tariffs"]] == ["retail"]
    assert (await shop.customer.ask("publication.show", publication_id=waits["id"])).status == 404
    engine, node = shop.office.engine, shop.office.config.node
    assert await carry_out_due(engine, node, due_ms - 1) == []
    ((_, done),) = await carry_out_due(engine, node, due_ms)
    assert not isinstance(done, str)
    assert (await shop.reseller.do("tariff.show", tariff_id=number))["published"] == done.tariffs[0].version
    late = await shop.reseller.ask("publication.cancel", publication_id=waits["id"])
    assert late.status == 409
    await shop.reseller.do("tariff.edit", tariff_id=number, source=SOURCE.replace("0.05", "0.06"))
    await shop.reseller.do("tariff.bring-into-force", tariff_id=number, at=due)
    (again,) = (await shop.reseller.do("publication.list", query={"state": "waiting"}))["items"]
    assert (await shop.reseller.ask("publication.cancel", publication_id=again["id"])).status == 204
    assert await carry_out_due(engine, node, due_ms) == []
