"""A market with people in it, and the service that shows it to them: one for all tests of the pages."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import sqlalchemy as sa
from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncEngine

from kemi import clock
from kemi.clock import Now
from scripts.benchmarks.ports import free_port
from service.app import LINE_BYTES_MAX, Service, make_app
from service.config import ApiRates, Config
from service.database.engine import open_engine
from service.database.nightly_tables import doctor_faults, doctor_runs
from service.doctor.evidence import RESTORE, book_of, check, warning
from service.doctor.sentences import sentence
from tests.portal import books, shop
from tests.service.office import PASSWORD
from tests.service.test_money import House

LONG_NAME = "Fernmeldegesellschaft Müller & Söhne für Überland- und Auslandsgespräche mit beschränkter Haftung"
WICKED = "<script>alert(1)</script><img src=x onerror=alert(2)>"
FORMULA = "=HYPERLINK(1)"
PEOPLE = {
    "admin@op.example": ("root", "admin"),
    "reader@op.example": ("root", "read_only"),
    "owner@upper.example": ("upper", "owner"),
    "owner@lower.example": ("lower", "owner"),
    "owner@customer.example": ("customer", "owner"),
    "owner@carrier.example": ("carrier", "owner"),
    "owner@agent.example": ("agent", "owner"),
}
"""By address: the account, and the role. The Super Admin is boss@op.example."""
HOUR_MS = 3_600_000


class Town(House):
    """A house whose calls ended today, with people, a brand, a device and names that are hard to print."""

    async def furnish(self) -> None:
        """Everything that the pages show."""
        await self.open()
        office = self.office
        self.ids |= {"root": 1, "agent": await office.account(office.boss, 1, "agent", "reseller", commission=True)}
        for email, (account, role) in PEOPLE.items():
            await office.hire(office.boss, self.ids[account], email, [office.roles[role]])
        await office.account(office.boss, self.ids["lower"], LONG_NAME, "customer", billing="postpaid")
        for name in (WICKED, FORMULA):
            await self.invite(name)
        brand = {"company": "Upper Telecom", "host": "upper.example", "primary_colour": "#8b1e3f"}
        await office.boss.do("brand.edit", account_id=self.ids["upper"], body=brand)
        await office.boss.do("device.make", account_id=self.ids["customer"], username="desk", name="Desk 1")
        source = "currency: EUR\nrates:\n  - {prefix: '44', destination: Great Britain, rate: 0.5}\n"
        await office.boss.do("tariff.make", account_id=1, name="written", source=source)
        await self.pay_much()
        await self.talk_today()
        await books.fill(self)
        await shop.fill(self)
        await self.examine()

    async def examine(self) -> None:
        """A night of the doctor's that found something."""
        at = {"started_ms": clock.now().wall_ms - HOUR_MS, "lease_until_ms": 0, "finished_ms": clock.now().wall_ms}
        entry = sentence("entry {0}: {1} micro-units of {2} where {3} were expected", 7, 1, "EUR", 0)
        balance = sentence("{0} of account {1}: {2} micro-units of {3} where {4} were expected")
        found = [entry, *(balance.filled(book_of("balance"), number, 1, "EUR", 0) for number in range(3, 9))]
        unbilled = sentence("account {0} ({1}) is postpaid and has no terms", 9, "long")
        good = sentence("{0} lines, each as it was written", 9)
        checks = [
            check("conservation", found, good, RESTORE), check("audit", [], good, RESTORE),
            warning("terms", [unbilled], good, sentence("`kambill terms edit` has it billed")),
        ]  # fmt: skip
        kept = [one.to_record() | {"said": one.said.to_record()} for one in checks]
        older = [{"name": "audit", "ok": True, "detail": "8 lines", "is_warning": False}]
        async with self.office.engine.begin() as conn:
            run = sa.insert(doctor_runs).values(night="2026-11-26", node="local", checks=kept, **at)
            number = (await conn.execute(run.returning(doctor_runs.c.id))).scalar_one()
            seen = {"run_id": number, "seen_run_id": number, "raised_ms": at["finished_ms"]}
            fault = {"name": "conservation", "detail": checks[0].detail}
            await conn.execute(sa.insert(doctor_faults).values(**fault, **seen))
            before = sa.insert(doctor_runs).values(night="2026-11-25", node="local", checks=older, **at, ok=True)
            await conn.execute(before)

    async def pay_much(self) -> None:
        """Ten payments of nine digits and all decimals: a balance of ten."""
        for _ in range(10):
            body = {"amount": "987654321.123456", "reason": "In advance"}
            got = await self.ask("payment.make", account_id=self.ids["upper"], body=body)
            assert got.status < 300, got

    async def invite(self, name: str) -> None:
        """A user of the customer whose name is meant to do harm."""
        body = {"account_id": self.ids["customer"], "email": f"u{len(name)}@customer.example", "name": name}
        await self.office.boss.do("user.invite", **body, role_ids=[self.office.roles["owner"]])

    async def talk_today(self) -> None:
        """Calls of the last hours, and two that run."""
        company, real = self.company, clock.now()
        for hours in (30, 3, 2, 1):
            company.now = Now(real.boot_ms, real.wall_ms - hours * HOUR_MS)
            for seconds in (30, 95, 240):
                company.call(seconds)
                company.hang_up(company.ring())
        company.now = Now(real.boot_ms - 60_000, real.wall_ms - 60_000)
        company.talk()
        company.now = real
        company.ring()
        await company.pump()


Furnish = Callable[[AsyncEngine, str, Path], Awaitable[Config]]
"""Fills a ledger, by its engine and its URL, and says how its service is set up."""


async def town(engine: AsyncEngine, url: str, folder: Path) -> Config:
    town = Town(engine, url, folder)
    await town.furnish()
    return town.config


class Front(NamedTuple):
    """What is served, and when."""

    folder: Path
    port: int
    furnish: Furnish
    tasks: Sequence[str]
    opened: threading.Event
    stop: asyncio.Event


async def _serve(front: Front) -> None:
    folder, port = front.folder, front.port
    url = f"sqlite:///{folder / 'kambill.db'}"
    from service.database.engine import migrate  # noqa: PLC0415

    engine = open_engine(url)
    await migrate(engine)
    config = await front.furnish(engine, url, folder)
    rates = ApiRates(unknown_per_minute=100_000, requests_per_minute=100_000)
    service = Service(config.model_copy(update={"api": rates}), engine)
    runner = web.AppRunner(make_app(service), access_log=None, max_line_size=LINE_BYTES_MAX)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    keeping = [asyncio.create_task(service.keep(name)) for name in front.tasks]
    front.opened.set()
    await front.stop.wait()
    for task in keeping:
        task.cancel()
    await asyncio.gather(*keeping, return_exceptions=True)
    await runner.cleanup()
    await service.close()
    await engine.dispose()


@contextmanager
def portal(folder: Path, port: int = 0, furnish: Furnish = town, tasks: Sequence[str] = ()) -> Iterator[str]:
    """The address of a portal over a furnished town, or over what else is put there; `tasks` of the service go on."""
    port = port or free_port()
    opened, loop = threading.Event(), asyncio.new_event_loop()
    stop = asyncio.Event()
    task = loop.create_task(_serve(Front(folder, port, furnish, tasks, opened, stop)))
    thread = threading.Thread(target=loop.run_until_complete, args=(task,), daemon=True)
    thread.start()
    while not opened.wait(0.1):
        if task.done():
            task.result()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(20)


def main() -> None:
    """Stays up, for looking at it: PASSWORD opens everybody's door."""
    import signal  # noqa: PLC0415
    import sys  # noqa: PLC0415
    import tempfile  # noqa: PLC0415

    signal.signal(signal.SIGTERM, lambda *_: sys.exit())  # else the folder, of some hundred MiB, stays
    with (
        tempfile.TemporaryDirectory(prefix="kambill-town-") as folder,
        portal(Path(folder), int(sys.argv[1])) as address,
    ):
        print(address, "boss@op.example", *PEOPLE, PASSWORD)
        threading.Event().wait()


if __name__ == "__main__":
    main()
