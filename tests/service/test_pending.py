"""Publications that wait for their moment, and destination groups: in force at once with the tariffs, once."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from ratebook.groups import Group
from service.accounts.rules import ROOT_ID
from service.database.engine import reading
from service.database.ratebook_tables import destination_groups, publications
from service.database.tables import commands, tariff_versions, tariffs
from service.tariffs.pending import NotWaiting, announced, cancel, carry_out_due, waiting
from service.tariffs.publisher import Ask, Publication, publish
from service.tariffs.switching import CurrencyChanged, Switched, load_groups
from tests.service.company import EURO, NOW_MS, TARIFFS, Company, write_ratebook

CUSTOMER = 5
DUE_MS = NOW_MS + 60_000
NODE = "local"


@pytest.fixture
async def company(engine: AsyncEngine, tmp_path: Path) -> Company:
    """Open for business."""
    company = Company(engine, tmp_path)
    await company.open()
    return company


async def ask(company: Company, rates: dict[str, str], *, at_ms: int | None = DUE_MS, groups: str = "") -> Publication:
    """From a folder of its own, as a checkout of the next ratebook is."""
    folder = company.folder / "next"
    write_ratebook(folder, TARIFFS | rates)
    if groups:
        (folder / "groups.yaml").write_text(groups)
    told = Ask(folder, at_ms)
    return await publish(company.config, company.engine, by="ann", note="spring", now_ms=NOW_MS, ask=told)


async def due(company: Company, now_ms: int = DUE_MS) -> list[tuple[int, Switched | str]]:
    return await carry_out_due(company.engine, NODE, now_ms)


async def versions(company: Company, name: str = "retail") -> list[tuple[str, str, int]]:
    """By whom, why and when, the latest first."""
    shown = tariff_versions.c.published_by, tariff_versions.c.note, tariff_versions.c.published_ms
    query = sa.select(*shown).join(tariffs).where(tariffs.c.name == name).order_by(tariff_versions.c.id.desc())
    async with reading(company.engine) as conn:
        return [(row[0], row[1], row[2]) for row in await conn.execute(query)]


async def states(company: Company) -> list[tuple[str, str]]:
    async with reading(company.engine) as conn:
        rows = await conn.execute(sa.select(publications).order_by(publications.c.id))
        return [(row.state, row.outcome) for row in rows]


async def test_a_price_comes_at_its_moment_and_not_before(company: Company) -> None:
    """Once, however often somebody looks; running calls keep their own; the history says who and when."""
    asked = await ask(company, {"retail": "0.12"})
    assert (asked.due_ms, [one.name for one in asked.done.tariffs]) == (DUE_MS, ["retail"])
    assert asked.done.tariffs[0].changes == {"increased": 1}
    assert await due(company, DUE_MS - 1) == []
    old = company.talk()
    assert len(await versions(company)) == 1
    ((_, done),) = await due(company)
    assert isinstance(done, Switched)
    assert [one.version for one in done.tariffs] == [asked.done.tariffs[0].version]
    assert await due(company) == []
    assert (await versions(company))[0] == ("ann", "spring", DUE_MS)
    await company.pump()
    new = company.talk()
    company.wait(10)
    company.hang_up(old)
    company.hang_up(new)
    assert company.store()[CUSTOMER].balance == 1000 * EURO - 10_000 - 20_000
    await company.pump()
    assert await company.broken() == {}
    assert await states(company) == [("done", "")]


async def test_several_services_carry_it_out_once(company: Company) -> None:
    """At the same moment: one of them does."""
    await ask(company, {"retail": "0.12"})
    found = await asyncio.gather(*(due(company) for _ in range(4)))
    assert sum(map(len, found)) == 1
    assert len(await versions(company)) == 2


async def test_a_service_that_was_down_carries_it_out_late(company: Company) -> None:
    """All that is over by then, in the order of their moments."""
    await ask(company, {"retail": "0.13"}, at_ms=DUE_MS + 1)
    await ask(company, {"retail": "0.12", "resale": "0.05"})
    found = await due(company, DUE_MS + 86_400_000)
    names = [[one.name for one in done.tariffs] for _, done in found if isinstance(done, Switched)]
    assert names == [["resale", "retail"], ["retail"]]
    assert [number for number, _ in found] == [2, 1]
    assert await due(company, DUE_MS + 86_400_000) == []


async def test_what_is_published_meanwhile_stays(company: Company) -> None:
    """It says nothing of tariffs that it does not change."""
    await ask(company, {"retail": "0.12"})
    write_ratebook(company.config.ratebook, TARIFFS | {"resale": "0.05"})
    await company.publish()
    await due(company)
    assert [len(await versions(company, name)) for name in ("retail", "resale", "wholesale")] == [2, 2, 1]


async def test_the_watcher_leaves_it_to_its_moment(company: Company) -> None:
    """The folder has the new price already: who watches it waits, who says publish does not."""
    await ask(company, {"retail": "0.12"})
    write_ratebook(company.config.ratebook, TARIFFS | {"retail": "0.12", "resale": "0.05"})
    told = {"by": "watcher", "note": "", "now_ms": NOW_MS}
    done = await publish(company.config, company.engine, **told, ask=Ask(only_news=True))  # type: ignore[arg-type]
    assert [one.name for one in done.done.tariffs] == ["resale"]
    assert [one.name for one in (await company.publish()).done.tariffs] == ["retail"]
    ((_, late),) = await due(company)
    assert isinstance(late, Switched)
    assert late.tariffs == []


async def test_one_that_is_cancelled_never_comes(company: Company) -> None:
    """And neither a foreign one nor one that is over can be cancelled."""
    await ask(company, {"retail": "0.12"})
    async with company.engine.begin() as conn:
        (one,) = await waiting(conn, ROOT_ID)
        assert (one.due_ms, one.asked_by, one.note, list(one.content.tariffs)) == (DUE_MS, "ann", "spring", ["retail"])
        with pytest.raises(NotWaiting):
            await cancel(conn, CUSTOMER, one.id, "eve", NOW_MS)
        await cancel(conn, ROOT_ID, one.id, "bob", NOW_MS)
        with pytest.raises(NotWaiting, match="was carried out, cancelled, or never asked for"):
            await cancel(conn, ROOT_ID, one.id, "bob", NOW_MS)
        assert await waiting(conn, ROOT_ID) == []
    assert await due(company) == []
    assert await states(company) == [("cancelled", "by bob")]
    assert len(await versions(company)) == 1


async def test_one_that_can_not_come_any_more_is_told(company: Company) -> None:
    """Somebody has made the tariff in another currency since: nothing of it holds, and it is not tried again."""
    await ask(company, {"new": "0.12", "retail": "0.12"})
    async with company.engine.begin() as conn:
        await conn.execute(sa.insert(tariffs).values(name="new", currency="USD", owner_id=ROOT_ID))
    ((_, done),) = await due(company)
    assert "was published in USD and is now in EUR" in str(done)
    assert await due(company) == []
    assert (await states(company))[0][0] == "failed"
    assert len(await versions(company)) == 1


GROUPS = "groups: {mobile: {prefixes: [447, 336]}, world: {prefixes: ['']}}\n"


async def test_groups_are_published_with_the_tariffs(company: Company) -> None:
    """Those that change are told; who stays keeps its number; a fault in one publishes nothing."""
    path = company.config.ratebook / "groups.yaml"
    path.write_text(GROUPS)
    assert (await company.publish()).done.groups == ["mobile", "world"]
    assert (await company.publish()).done.groups == []
    async with reading(company.engine) as conn:
        ids = {row.name: row.id for row in await conn.execute(sa.select(destination_groups))}
    path.write_text(GROUPS.replace("447", "448").replace("world", "other"))
    assert (await company.publish()).done.groups == ["mobile", "other", "world"]
    async with reading(company.engine) as conn:
        assert await load_groups(conn) == [Group("mobile", ("448", "336")), Group("other", ("",))]
        rows = await conn.execute(sa.select(destination_groups))
        assert next(row.id for row in rows if row.name == "mobile") == ids["mobile"]
    path.write_text("groups: {mobile: {prefixes: x}}\n")
    write_ratebook(company.config.ratebook, TARIFFS | {"retail": "0.5"})
    with pytest.raises(Exception, match=r"groups.yaml:1:29: prefixes 'x'"):
        await company.publish()
    assert len(await versions(company)) == 1


async def test_groups_wait_too(company: Company) -> None:
    """For the same moment as the tariffs."""
    await ask(company, {"retail": "0.12"}, groups=GROUPS)
    async with reading(company.engine) as conn:
        assert await load_groups(conn) == []
    ((_, done),) = await due(company)
    assert isinstance(done, Switched)
    assert done.groups == ["mobile", "world"]
    async with reading(company.engine) as conn:
        assert len(await load_groups(conn)) == 2
        told = (await conn.execute(sa.select(commands.c.body))).scalars().all()
    assert sum('"retail"' in str(body).replace("'", '"') for body in told) >= 1


async def test_what_can_not_come_is_refused_when_it_is_asked_for(company: Company) -> None:
    """A tariff in another currency: told at once, nothing waits, and the trial leaves nothing behind."""
    folder = company.folder / "next"
    write_ratebook(folder, TARIFFS | {"fresh": "0.12"})
    path = folder / "tariffs" / "retail.yaml"
    path.write_text(path.read_text().replace("EUR", "USD"))
    told = {"by": "ann", "note": "", "now_ms": NOW_MS}
    with pytest.raises(CurrencyChanged, match="was published in EUR and is now in USD"):
        await publish(company.config, company.engine, **told, ask=Ask(folder, DUE_MS))  # type: ignore[arg-type]
    assert await states(company) == []
    await ask(company, {"retail": "0.12"})
    async with reading(company.engine) as conn:
        assert (await conn.execute(sa.select(tariffs.c.id).where(tariffs.c.name == "fresh"))).first() is None
    assert len(await versions(company)) == 1


async def test_only_groups_that_change_are_announced(company: Company) -> None:
    """Those that stay are not told; those that go are."""
    (company.config.ratebook / "groups.yaml").write_text(GROUPS)
    await company.publish()
    asked = await ask(company, {}, groups="groups: {mobile: {prefixes: [447, 336]}, satellite: {prefixes: [870]}}\n")
    assert asked.done.groups == ["satellite", "world"]
    async with reading(company.engine) as conn:
        (one,) = await waiting(conn, ROOT_ID)
        assert announced(one.content, await load_groups(conn)).groups == ["satellite", "world"]


async def test_what_changes_nothing_does_not_wait(company: Company) -> None:
    """It says so."""
    asked = await ask(company, {})
    assert (asked.due_ms, asked.done.tariffs) == (None, [])
    assert await states(company) == []
