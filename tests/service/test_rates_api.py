"""What tariffs would charge, through the API: the command's own answers, within the asker's subtree."""

from __future__ import annotations

from typing import Any

import pytest

from tests.service.office import Person
from tests.service.test_peers_api import Shop, shop
from tests.service.test_tariffs_api import publish, write
from tests.service.wanted import ON_SQLITE

__all__ = ["shop"]
SOURCE = """
currency: EUR
timezone: Europe/Berlin
bands: {night: {hours: 22:00-06:00}}
rates:
  - {prefix: 44, destination: Great Britain, rate: 0.06}
  - {prefix: 44, band: night, rate: 0.03}
  - {prefix: 1900, blocked: yes}
"""
NOON, NIGHT = "2026-06-03T12:00:00Z", "2026-06-03T22:00:00Z"
PERIOD = {"begin": "2026-11-01T00:00:00Z", "end": "2026-11-08T00:00:00Z"}


def calls(*rows: tuple[str, str, str]) -> list[dict[str, str]]:
    return [dict(zip(("number", "answered_at", "duration_s"), row, strict=True)) for row in rows]


async def look(by: Person, number: str, **query: str) -> Any:
    return await by.do("tariff.lookup", query={"number": number, **query})


async def test_calls_are_priced_as_the_command_does(shop: Shop) -> None:
    """By what is published, or by the draft; a customer by the tariff that it pays, and never by a draft."""
    number = (await write(shop, shop.reseller, source=SOURCE)).ok()["id"]
    asked = calls(("+4420", NOON, "61.5"), ("4420", NIGHT, "60"), ("1900", NOON, "1"), ("33", NOON, "1"))
    early = await shop.reseller.ask("tariff.price", tariff_id=number, calls=asked)
    assert early.status == 404
    drafted = await shop.reseller.do("tariff.price", tariff_id=number, calls=asked, draft=True)
    await publish(shop.reseller, number)
    await shop.reseller.do("account.edit", account_id=shop.ids["customer"], tariff_id=number)
    for by in (shop.reseller, shop.customer):
        rows = (await by.do("tariff.price", tariff_id=number, calls=asked))["items"]
        assert rows == drafted["items"]
        assert [(row["number"], row["prefix"], row["billed_s"], row["charge"], row["error"]) for row in rows] == [
            ("4420", "44", 62, "0.062", None),
            ("4420", "44", 60, "0.03", None),
            ("1900", "1900", 1, "0.00", "blocked"),
            ("33", None, None, None, "no rate"),
        ]
    assert (await shop.customer.ask("tariff.price", tariff_id=number, calls=asked, draft=True)).status == 404


@ON_SQLITE
@pytest.mark.parametrize(
    ("call", "pointer"),
    [
        (("x", NOON, "1"), "/calls/0/number"),
        (("44", "2026-06-03T12:00:00", "1"), "/calls/0/answered_at"),
        (("44", "noon", "1"), "/calls/0/answered_at"),
        (("44", NOON, "1,5"), "/calls/0/duration_s"),
        (("44", NOON, "1.2345"), "/calls/0/duration_s"),
        (("44", NOON, "-1"), "/calls/0/duration_s"),
        (("44", NOON, ""), "/calls/0/duration_s"),
    ],
)
async def test_calls_that_are_none(shop: Shop, call: tuple[str, str, str], pointer: str) -> None:
    """The field is named; so are none at all and too many."""
    number = (await write(shop, shop.reseller, source=SOURCE)).ok()["id"]
    got = await shop.reseller.ask("tariff.price", tariff_id=number, calls=calls(call), draft=True)
    assert (got.status, got["errors"][0]["pointer"]) == (422, pointer)
    for many in (0, 1_001):
        got = await shop.reseller.ask("tariff.price", tariff_id=number, calls=calls(("44", NOON, "1")) * many)
        assert (got.status, got["errors"][0]["pointer"]) == (422, "/calls")


async def test_a_number_in_all_tariffs(shop: Shop) -> None:
    """Those that one sees, the cheapest first, by the hour that is asked for."""
    dear = (await write(shop, shop.reseller, source=SOURCE)).ok()["id"]
    cheap = SOURCE.replace("0.06", "0.05").replace("0.03", "0.04")
    cheaper = (await write(shop, shop.reseller, name="cheap", source=cheap)).ok()["id"]
    foreign = (await write(shop, shop.boss, "other", source=SOURCE)).ok()["id"]
    assert (await look(shop.reseller, "4420"))["items"] == []
    for number, by in ((dear, shop.reseller), (cheaper, shop.reseller), (foreign, shop.boss)):
        await publish(by, number)
    day = await look(shop.reseller, "+4420", at=NOON)
    assert [(row["tariff_id"], row["rate"], row["minute"], row["prefix"]) for row in day["items"]] == [
        (cheaper, "0.05", "0.05", "44"),
        (dear, "0.06", "0.06", "44"),
    ]
    assert [row["tariff_id"] for row in (await look(shop.reseller, "4420", at=NIGHT))["items"]] == [dear, cheaper]
    assert len((await look(shop.boss, "4420"))["items"]) == 3
    assert (await look(shop.customer, "4420"))["items"] == []
    await shop.reseller.do("account.edit", account_id=shop.ids["customer"], tariff_id=dear)
    (own,) = (await look(shop.customer, "1900"))["items"]
    assert (own["tariff_id"], own["blocked"], own["destination"]) == (dear, True, "")
    assert (await look(shop.reseller, "99")) == {"group": None, "items": []}
    assert (await shop.reseller.ask("tariff.lookup", query={"number": "x"})).status == 422


async def test_what_a_draft_changes(shop: Shop) -> None:
    """From nothing, from what is published; nobody else's."""
    number = (await write(shop, shop.reseller, source=SOURCE)).ok()["id"]
    assert (await shop.reseller.do("tariff.diff", tariff_id=number))["counts"] == {"new": 2}
    await publish(shop.reseller, number)
    assert await shop.reseller.do("tariff.diff", tariff_id=number) == {"counts": {}, "items": []}
    later = "  - {prefix: 44, rate: 0.07, effective: 2999-01-01}\n"
    await shop.reseller.do("tariff.edit", tariff_id=number, source=SOURCE + later)
    (one,) = (await shop.reseller.do("tariff.diff", tariff_id=number))["items"]
    assert (one["change"], one["prefix"]) == ("increased", "44")
    same = {"blocked": False, "increments": "1", "fee": ""}
    assert (one["before"], one["after"]) == ({"rate": "0.06", **same}, {"rate": "0.07", **same})
    assert one["terms"] == [{"term": "rate", "band": "", "before": "0.06", "after": "0.07"}]
    assert (one["from_at"], one["until"]) == ("2998-12-31T23:00:00.000Z", None)
    await publish(shop.reseller, number)
    await shop.reseller.do("account.edit", account_id=shop.ids["customer"], tariff_id=number)
    for endpoint in ("tariff.diff", "tariff.margin"):
        assert (await shop.customer.ask(endpoint, tariff_id=number)).status == 404


async def test_versions_are_compared(shop: Shop) -> None:
    """Any two of a tariff's own, and what is in force with another tariff's; nobody else's history."""
    me, number = shop.reseller, (await write(shop, shop.reseller, source=SOURCE)).ok()["id"]
    await publish(me, number)
    await me.do("tariff.edit", tariff_id=number, source=SOURCE.replace("rate: 0.03", "rate: 0.04"))
    await publish(me, number)
    new, old = [one["version"] for one in (await me.do("tariff.history", tariff_id=number))["items"]]
    for query, counts in (
        ({"before": old}, {"increased": 1}), ({"before": old, "after": new}, {"increased": 1}),
        ({"after": old}, {"decreased": 1}), ({"before": old, "after": old}, {}),
    ):  # fmt: skip
        assert (await me.do("tariff.compare", tariff_id=number, query=query))["counts"] == counts
    for query, pointer in (({"before": "0" * 16}, "/before"), ({"after": old, "other_id": str(number)}, "/after")):
        got = await me.ask("tariff.compare", tariff_id=number, query=query)
        assert (got.status, got["errors"][0]["pointer"]) == (422, pointer)
    cheap = SOURCE.replace("rate: 0.06", "rate: 0.05")
    other = (await write(shop, me, name="cheap", source=cheap)).ok()["id"]
    beside: dict[str, Any] = {"tariff_id": number, "query": {"other_id": str(other)}}
    assert (await me.ask("tariff.compare", **beside)).status == 409
    await publish(me, other)
    assert (await me.do("tariff.compare", **beside))["counts"] == {"decreased": 1}
    await me.do("account.edit", account_id=shop.ids["customer"], tariff_id=number)
    assert (await shop.customer.ask("tariff.compare", tariff_id=number, query={"before": old})).status == 404


async def test_where_a_draft_loses(shop: Shop) -> None:
    """Against what its seller pays by; a seller that pays by nothing is told."""
    number = (await write(shop, shop.reseller, source=SOURCE)).ok()["id"]
    early = await shop.reseller.do("tariff.margin", tariff_id=number)
    assert early == {"against": None, "total": 0, "items": []}
    cost = "currency: EUR\nrates: [{prefix: 44, rate: 0.05}]\n"
    bought = (await shop.boss.do("tariff.make", account_id=1, name="wholesale", source=cost))["id"]
    await publish(shop.boss, bought)
    await shop.boss.do("account.edit", account_id=shop.ids["reseller"], tariff_id=bought)
    found = await shop.reseller.do("tariff.margin", tariff_id=number)
    assert (found["total"], found["items"][0]["prefix"], found["items"][0]["cost"]["rate"]) == (1, "44", "0.05")
    await shop.reseller.do("tariff.edit", tariff_id=number, source=SOURCE.replace("0.03", "0.05"))
    assert await shop.reseller.do("tariff.margin", tariff_id=number) == {
        "against": "wholesale",
        "total": 0,
        "items": [],
    }


async def test_rates_come_page_by_page(shop: Shop) -> None:
    """By number, prefix or name, bands beside them; a customer those of the tariff that it pays by, and no other's."""
    number = (await write(shop, shop.reseller, source=SOURCE)).ok()["id"]
    assert (await shop.reseller.do("tariff.rates", tariff_id=number))["items"] == []
    await publish(shop.reseller, number)
    assert (await shop.customer.ask("tariff.rates", tariff_id=number)).status == 404
    await shop.reseller.do("account.edit", account_id=shop.ids["customer"], tariff_id=number)
    first = await shop.customer.do("tariff.rates", tariff_id=number, query={"limit": 1})
    assert [(one["prefix"], one["blocked"]) for one in first["items"]] == [("1900", True)]
    second = await shop.customer.do("tariff.rates", tariff_id=number, query={"limit": 1, "cursor": first["next"]})
    told = [(one["prefix"], one["destination"], one["rate"], one["band"]) for one in second["items"]]
    assert told == [("44", "Great Britain", "0.06", ""), ("44", "Great Britain", "0.03", "night")]
    assert second["next"] is None
    for wanted, count in (("+442079", 2), ("brit", 2), ("19", 1), ("33", 0)):
        found = await shop.customer.do("tariff.rates", tariff_id=number, query={"look_for": wanted})
        assert len(found["items"]) == count


@pytest.mark.parametrize("query", [{"sort": "prefix"}, {"cursor": "44"}, {"cursor": "p4x"}])
async def test_a_place_in_rates_that_is_none(shop: Shop, query: dict[str, str]) -> None:
    """Is told, not guessed at."""
    number = (await write(shop, shop.reseller, source=SOURCE)).ok()["id"]
    got = await shop.reseller.ask("tariff.rates", tariff_id=number, query=query)
    assert (got.status, got["errors"][0]["pointer"]) == (422, f"/{next(iter(query))}")


async def test_a_period_by_a_draft(shop: Shop) -> None:
    """Nothing was called yet; a period that is none is told. What calls come to is tested beside the pricing."""
    number = (await write(shop, shop.reseller, source=SOURCE)).ok()["id"]
    for by_group in ("true", "false"):
        query = PERIOD | {"by_group": by_group}
        assert await shop.reseller.do("tariff.simulate", tariff_id=number, query=query) == {
            "currency": "EUR",
            "items": [],
        }
    for begin, end in ((NOON, NOON), (NIGHT, NOON), ("2026-01-01T00:00:00Z", NOON)):
        got = await shop.reseller.ask("tariff.simulate", tariff_id=number, query={"begin": begin, "end": end})
        assert (got.status, got["errors"][0]["pointer"]) == (422, "/end")
