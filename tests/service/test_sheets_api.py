"""Carriers' sheets through the API: into a draft's deck and out of it again, within the asker's subtree."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import pytest

from service.commands.outbox import writing
from tests.ratebook.sheets.build import xlsx
from tests.service.test_peers_api import Shop, shop
from tests.service.test_tariffs_api import DECK, SOURCE, WITH_DECK, publish, write
from tests.waiting import PATIENCE_S

__all__ = ["shop"]
SHEET = b"Prefix,Destination,Rate/Min\n44,Great Britain,0.011\n449,Great Britain special,0.05\nx,bad,1\n"


def sheet(raw: bytes = SHEET, **more: Any) -> dict[str, Any]:
    return {"deck": "uk.csv", "file": base64.b64encode(raw).decode(), "kind": "partial"} | more


async def drafted(shop: Shop) -> int:
    made = await write(shop, shop.reseller, source=WITH_DECK, decks={"uk.csv": DECK})
    return int(made.ok()["id"])


async def test_a_sheet_is_looked_at_imported_and_undone(shop: Shop) -> None:
    """Nothing is written by a look; what was imported is undone, once; what is in force stays in all of it."""
    number = await drafted(shop)
    looked = await shop.reseller.do("tariff.import", tariff_id=number, **sheet())
    assert (looked["done"], looked["refusal"], looked["counts"]) == (False, "", {"new": 1, "increased": 1})
    assert [(one["line"], one["text"]) for one in looked["left_out"]] == [(4, "x · bad · 1")]
    assert (await shop.reseller.do("tariff.show", tariff_id=number))["decks"] == {"uk.csv": DECK}
    done = await shop.reseller.do("tariff.import", tariff_id=number, **sheet(do=True))
    assert done == looked | {"done": True}
    shown = await shop.reseller.do("tariff.show", tariff_id=number)
    assert (shown["version"], shown["published"]) == (2, None)
    assert "449,Great Britain special,0.05" in shown["decks"]["uk.csv"]
    assert "447,Great Britain mobile,0.02" in shown["decks"]["uk.csv"]
    again = await shop.reseller.do("tariff.import", tariff_id=number, deck="uk", file=sheet()["file"])
    assert (again["mapping"]["kind"], again["counts"]) == ("partial", {"unchanged": 2})
    assert await shop.reseller.do("tariff.undo-import", tariff_id=number, deck="uk") == {"deck": "uk.csv", "left": 0}
    assert (await shop.reseller.do("tariff.show", tariff_id=number))["decks"] == {"uk.csv": DECK}
    over = await shop.reseller.ask("tariff.undo-import", tariff_id=number, deck="uk.csv")
    assert (over.status, over["detail"]) == (409, "no import into uk.csv is there to be undone")
    trail = await shop.reseller.do("audit.list", query={"noun": "tariff"})
    assert {"tariff.import", "tariff.undo-import"} <= {one["action"] for one in trail["items"]}


async def test_a_look_waits_for_nobody_who_writes(shop: Shop) -> None:
    """It changes nothing, and a write of somebody else may take its time."""
    number = await drafted(shop)
    async with writing(shop.office.engine, "local"):
        looked = await asyncio.wait_for(shop.reseller.ask("tariff.import", tariff_id=number, **sheet()), PATIENCE_S)
    assert looked.ok()["counts"] == {"new": 1, "increased": 1}


async def test_a_workbook_makes_a_deck(shop: Shop) -> None:
    """That was not there; undone, it is not there again."""
    number = (await write(shop, shop.reseller, source=SOURCE)).ok()["id"]
    raw = xlsx(["Code", "Country", "Price"], ["33", "France", 0.01])
    await shop.reseller.do("tariff.import", tariff_id=number, **sheet(raw, deck="fr", do=True))
    shown = await shop.reseller.do("tariff.show", tariff_id=number)
    assert shown["decks"] == {"fr.csv": "prefix,destination,rate\n33,France,0.01\n"}
    await shop.reseller.do("tariff.undo-import", tariff_id=number, deck="fr")
    assert (await shop.reseller.do("tariff.show", tariff_id=number))["decks"] == {}


@pytest.mark.parametrize(
    ("body", "pointer", "said"),
    [
        (sheet(b"\x00\x01"), "/file", "nothing was imported"),
        (sheet(b"hello\n"), "/file", "no row has a column for a code and a rate"),
        (sheet() | {"file": "%%%"}, "/file", "base64 was expected"),
        (sheet(deck="../x"), "/deck", ""),
        (sheet(columns={"nonsense": "x"}), "/columns/nonsense/[key]", ""),
        (sheet(kind="some"), "/kind", ""),
    ],
)
async def test_what_is_no_sheet(shop: Shop, body: dict[str, Any], pointer: str, said: str) -> None:
    """The field is named, and nothing is written."""
    number = await drafted(shop)
    got = await shop.reseller.ask("tariff.import", tariff_id=number, **body)
    assert (got.status, got["errors"][0]["pointer"]) == (422, pointer), got
    assert said in got["errors"][0]["detail"]
    assert (await shop.reseller.do("tariff.show", tariff_id=number))["version"] == 1


async def test_what_has_to_be_asked_and_strictness(shop: Shop) -> None:
    """The question is told, with what may be answered; nothing is written until it is."""
    number = await drafted(shop)
    asked = await shop.reseller.do("tariff.import", tariff_id=number, **sheet(kind=None, do=True))
    assert (asked["done"], [one["name"] for one in asked["questions"]]) == (False, ["kind"])
    strict = await shop.reseller.do("tariff.import", tariff_id=number, **sheet(do=True, strict=True))
    assert (strict["done"], strict["refusal"]) == (False, "nothing was imported: 1 rows would be left out")
    assert (await shop.reseller.do("tariff.show", tariff_id=number))["version"] == 1
    stale = await shop.reseller.ask("tariff.import", tariff_id=number, match='"7"', **sheet(do=True))
    assert stale.status == 412


async def test_sellers_are_apart(shop: Shop) -> None:
    """Nobody imports into another's tariff, and a customer into none; it may read what it pays by."""
    number = await drafted(shop)
    assert len((await shop.reseller.do("tariff.export", tariff_id=number))["content"].splitlines()) == 1
    await publish(shop.reseller, number)
    theirs = (await write(shop, shop.boss, "other")).ok()["id"]
    for endpoint, body in (("tariff.import", sheet(do=True)), ("tariff.undo-import", {"deck": "uk"})):
        assert (await shop.reseller.ask(endpoint, tariff_id=theirs, **body)).status == 404
        assert (await shop.customer.ask(endpoint, tariff_id=number, **body)).status == 403
    assert (await shop.customer.ask("tariff.export", tariff_id=number)).status == 404
    await shop.reseller.do("account.edit", account_id=shop.ids["customer"], tariff_id=number)
    got = await shop.customer.do("tariff.export", tariff_id=number)
    assert got["name"] == "retail.csv"
    assert [line.split(",")[:3] for line in got["content"].splitlines()[1:]] == [
        ["Great Britain", "44", "0.01"],
        ["Great Britain mobile", "447", "0.02"],
    ]
