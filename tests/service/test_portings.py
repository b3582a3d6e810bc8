"""Lists of ported numbers: loaded whole or not at all, known to the call path, gone when they are removed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from service.database.edge_tables import portings
from service.database.engine import reading
from service.database.tables import cdrs, commands
from service.edge.portings import Loader
from service.ledger.rules import ROOT_ID
from service.rerating.lines import Position, Selection, page_of
from tests.service.company import Company, write_ratebook
from tests.service.office import Office

LATER_MS = 5_000


class Shelf:
    """An office with a folder of files, and a loader."""

    def __init__(self, office: Office) -> None:
        self.office, self.boss = office, office.boss
        self.loader = Loader(office.engine, office.config)
        self.folder = office.config.ported_folder
        self.folder.mkdir()

    def put(self, text: str, name: str = "uk.csv") -> None:
        """A file in the folder."""
        (self.folder / name).write_text(text)

    async def make(self, text: str, **more: Any) -> Any:
        """A list of it, loaded."""
        self.put(text)
        made = await self.boss.do("porting.make", **{"name": "uk", "prefix": "44", "file": "uk.csv"} | more)
        return await self.loaded(made["id"])

    async def loaded(self, number: int) -> Any:
        """The list once the loader was at work."""
        while await self.loader.work(self.office.now_ms + LATER_MS):
            pass
        return await self.boss.do("porting.show", porting_id=number)

    async def find(self, number: str) -> Any:
        """Its routing number."""
        return (await self.boss.do("porting.find", number=number))["routing_number"]

    async def told(self) -> list[list[list[str]]]:
        """The lists of every command that the call path got."""
        async with reading(self.office.engine) as conn:
            rows = await conn.execute(sa.select(commands.c.body).order_by(commands.c.number))
            return [row.body["lists"] for row in rows if row.body["do"] == "portings"]


@pytest.fixture
def shelf(office: Office) -> Shelf:
    """Empty."""
    return Shelf(office)


async def test_a_file_becomes_a_list(shelf: Shelf) -> None:
    """Numbers on it have their routing number, others of its prefix none; the call path is told once it is whole."""
    made = await shelf.make("447700900001,448811\n447700900002,44201\n")
    assert (made["state"], made["numbers"], made["fault"]) == ("loaded", 2, "")
    assert made["loaded_at"] is not None
    assert [await shelf.find(one) for one in ("447700900001", "447700900003", "33123456")] == ["448811", None, None]
    ((one,),) = await shelf.told()
    assert one[0] == "44"
    assert len(one[1]) == 16


async def test_a_faulty_file_leaves_what_holds(shelf: Shelf) -> None:
    """The reason stands on the list; mended and loaded anew it takes its place as a whole."""
    number = (await shelf.make("447700900001,448811\n"))["id"]
    shelf.put("447700900001,44\n447700900009,x\n")
    await shelf.boss.do("porting.load", porting_id=number)
    broken = await shelf.loaded(number)
    assert (broken["state"], broken["numbers"]) == ("faulty", 1)
    assert "uk.csv:2: 'x' is no routing number" in broken["fault"]
    assert await shelf.find("447700900001") == "448811"
    shelf.put("447700900009,449999\n", "new.csv")
    await shelf.boss.do("porting.load", porting_id=number, file="new.csv")
    assert (await shelf.loaded(number))["file"] == "new.csv"
    assert [await shelf.find(one) for one in ("447700900001", "447700900009")] == [None, "449999"]
    assert len(await shelf.told()) == 2


async def test_a_number_twice_is_a_fault(shelf: Shelf) -> None:
    """Nobody knows which row is meant; the same rows in another file are written anew all the same."""
    broken = await shelf.make("447700900001,448811\n447700900001,449999\n")
    assert (broken["state"], broken["numbers"]) == ("faulty", 0)
    assert "447700900001 stands in it twice" in broken["fault"]
    assert await shelf.told() == []
    shelf.put("447700900001,448811\n")
    await shelf.boss.do("porting.load", porting_id=broken["id"])
    assert (await shelf.loaded(broken["id"]))["state"] == "loaded"


async def test_the_same_file_again_changes_nothing(shelf: Shelf) -> None:
    """Its version is there already and in use."""
    number = (await shelf.make("447700900001,448811\n"))["id"]
    await shelf.boss.do("porting.load", porting_id=number)
    assert (await shelf.loaded(number))["state"] == "loaded"
    assert await shelf.find("447700900001") == "448811"


async def test_a_removed_list_says_nothing_any_more(shelf: Shelf) -> None:
    """The longer prefix counts while it is there."""
    await shelf.make("447700900001,448811\n")
    shelf.put("447700900001,440000\n", "mobile.csv")
    longer = await shelf.boss.do("porting.make", name="mobile", prefix="4477", file="mobile.csv")
    await shelf.loaded(longer["id"])
    assert await shelf.find("447700900001") == "440000"
    assert (await shelf.boss.ask("porting.remove", porting_id=longer["id"])).status == 204
    assert await shelf.find("447700900001") == "448811"
    assert [len(lists) for lists in await shelf.told()] == [1, 2, 1]


async def test_lists_of_rates_that_are_lost_are_loaded_again(shelf: Shelf) -> None:
    """By the next start of the service."""
    await shelf.make("447700900001,448811\n")
    for file in (shelf.office.config.data_dir / "rates").iterdir():
        file.unlink()
    shelf.loader = Loader(shelf.office.engine, shelf.office.config)
    await shelf.loader.work(shelf.office.now_ms + LATER_MS)
    assert await shelf.find("447700900001") == "448811"


@pytest.mark.parametrize(
    ("field", "value"), [("file", "../secret.csv"), ("file", ""), ("prefix", ""), ("prefix", "+44"), ("name", "")]
)
async def test_what_is_no_list(shelf: Shelf, field: str, value: str) -> None:
    """Above all no file from elsewhere."""
    body = {"name": "uk", "prefix": "44", "file": "uk.csv"} | {field: value}
    got = await shelf.boss.ask("porting.make", **body)
    assert (got.status, got["errors"][0]["pointer"]) == (422, f"/{field}")


async def test_no_two_lists_of_one_prefix_or_name(shelf: Shelf) -> None:
    """One would hide the other."""
    await shelf.make("447700900001,448811\n")
    for body in ({"name": "uk", "prefix": "33"}, {"name": "other", "prefix": "44"}):
        assert (await shelf.boss.ask("porting.make", **body, file="uk.csv")).status == 422


async def test_lists_are_the_operators(shelf: Shelf) -> None:
    """A reseller's owner sees none, makes none, looks nothing up."""
    number = (await shelf.make("447700900001,448811\n"))["id"]
    account = await shelf.office.account(shelf.boss, 1, "reseller", "reseller")
    reseller = await shelf.office.hire(shelf.boss, account, "r@r.example")
    for asked in ("porting.show", "porting.load", "porting.remove"):
        assert (await reseller.ask(asked, porting_id=number)).status in {403, 404}
    assert (await reseller.ask("porting.find", number="447700900001")).status == 403
    assert (await reseller.ask("porting.make", name="x", prefix="1", file="x.csv")).status == 403


class Ported(Company):
    """Its plan looks for ported numbers; 4488 costs ten times what 44 costs."""

    setup = Company.setup.replace("{routes: [{prefix", "{portability: known, routes: [{prefix")

    def write(self) -> None:
        """Rates by two prefixes."""
        write_ratebook(self.config.ratebook)
        for path in (self.config.ratebook / "tariffs").iterdir():
            dear = path.read_text().replace('prefix: ""', 'prefix: "4488"').split("\n")[2]
            rate = dear.split("rate: ")[1].rstrip("}")
            path.write_text(path.read_text() + f'  - {{prefix: "4488", rate: {float(rate) * 10:.3f}}}\n')


async def test_a_ported_call_from_file_to_record(engine: AsyncEngine, tmp_path: Path) -> None:
    """The list reaches a store, and a new one; the record says by what it was rated, and re-rating keeps to it."""
    company = Ported(engine, tmp_path)
    await company.open()
    company.config.ported_folder.mkdir()
    (company.config.ported_folder / "uk.csv").write_text("44200,4488\n")
    async with engine.begin() as conn:
        await conn.execute(sa.insert(portings).values(name="uk", prefix="44", file="uk.csv", asked_ms=1))
    assert await Loader(engine, company.config).work(company.now.wall_ms)
    await company.pump()
    company.wipe()
    company.begin()
    await company.pump()
    company.number = "44200"
    company.call(60)
    await company.pump()
    async with reading(engine) as conn:
        row = (await conn.execute(sa.select(cdrs.c.called, cdrs.c.routing_number, cdrs.c.cost_prefix))).one()
        assert tuple(row) == ("44200", "4488", "4488")
        chosen = Selection(ROOT_ID, 0, company.now.wall_ms + 1, prefix="4488")
        lines = await page_of(conn, chosen, Position(0, 0), 10)
    assert {line.call.called for line in lines.lines} == {"4488"}
    assert await company.broken() == {}
