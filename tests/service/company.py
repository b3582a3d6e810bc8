"""Ledger, journal and hot store together, without Kamailio: what a node does, one step at a time.

LMDB opens an environment once in a process, and here one process plays both sides: each step closes what it opened.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncEngine

from kemi.answer import Callee, Grant, answered
from kemi.authorize import Admitted, authorise
from kemi.clerk import Clerk
from kemi.clock import Now
from kemi.identify import Source, identify
from kemi.invitation import Invitation
from kemi.invites import Repeated
from kemi.refusal import Refused
from kemi.rooms import Rooms
from kemi.running import find
from kemi.settlement import End, ended
from kemi.store import journal
from kemi.store.carry import begin_store
from kemi.store.layout import Account
from service.calls.collector import Collector
from service.commands.flusher import Flusher
from service.config import Config
from service.database.engine import reading
from service.doctor import checks, of_ledger
from service.doctor.evidence import Check, Report, read_ledger, read_store
from service.doctor.sentences import Sentence
from service.ledger.payments import PaymentRequest, pay
from service.portal.wording import sentence_in
from service.start import ensure_first_rows
from service.tariffs.publisher import Publication, publish
from tests.service.standing import SHELF
from tests.service.test_setup import apply

NOW_MS = 1_790_000_000_000
BOOT = "boot-of-the-test"
EURO = 1_000_000
TARIFFS = {
    "wholesale": "0.024",
    "resale": "0.03",
    "retail": "0.06",
    "carrier": "0.012",
}
SETUP = """
accounts:
  - {name: upper, kind: reseller, tariff: wholesale}
  - {name: lower, parent: upper, kind: reseller, tariff: resale}
  - {name: customer, parent: lower, kind: customer, tariff: retail}
providers:
  - {name: carrier, tariff: carrier, gateways: [{name: gw1, host: 127.0.0.11}]}
plans:
  standard: {routes: [{prefix: "", gateways: [carrier/gw1]}]}
trunks:
  - {name: t1, account: customer, networks: [127.0.0.2], plan: standard}
"""


def write_ratebook(folder: Path, rates: dict[str, str] | None = None) -> None:
    """A tariff of one rate for every number, for each level."""
    (folder / "tariffs").mkdir(parents=True, exist_ok=True)
    for name, rate in (rates or TARIFFS).items():
        text = f'currency: EUR\nrates:\n  - {{prefix: "", rate: {rate}}}\n'
        (folder / "tariffs" / f"{name}.yaml").write_text(text)


class Company:
    """One node with its ledger."""

    setup = SETUP
    number = "4420"
    """Whom the customer calls."""

    def __init__(self, engine: AsyncEngine, folder: Path) -> None:
        self.engine = engine
        self.config = Config(run_dir=folder / "run", data_dir=folder / "data", ratebook=folder / "ratebook")
        self.folder = folder
        self.now = Now(1_000_000, NOW_MS)
        self.calls = 0
        self.collector = Collector(engine, self.config)

    async def open(self) -> None:
        """First start of all: ratebook, ledger, set-up, store, a thousand euros for each that pays."""
        await SHELF.open(self, (type(self), self.setup), self.engine, self.folder, self._open)

    def kept(self) -> tuple[Now, int]:
        """When it is, and how many calls there were."""
        return self.now, self.calls

    def take(self, kept: tuple[Now, int]) -> None:
        """As it stood."""
        self.now, self.calls = kept

    async def _open(self) -> None:
        self.write()
        await ensure_first_rows(self.engine, self.config, NOW_MS)
        await self.publish()
        await apply(self.engine, self.folder, self.setup)
        for account in ("upper", "lower", "customer"):
            await self.pay(account, 1000 * EURO)
        self.begin()
        await self.pump()

    def write(self) -> None:
        """The ratebook that it begins with."""
        write_ratebook(self.config.ratebook)

    async def publish(self) -> Publication:
        """The ratebook as it stands."""
        return await publish(self.config, self.engine, by="test", note="", now_ms=self.now.wall_ms)

    async def pay(self, account: str, micros: int) -> None:
        """A payment."""
        async with self.engine.begin() as conn:
            await pay(conn, "local", PaymentRequest(account, micros, "", "test"), self.now.wall_ms)

    def begin(self) -> None:
        """A new store."""
        begin_store(self.config.run_dir, self.config.data_dir, BOOT, NOW_MS, self.now).close()

    def wipe(self) -> None:
        """The store's folder is gone."""
        shutil.rmtree(self.config.run_dir)

    def wait(self, seconds: float) -> None:
        """Time goes by."""
        step = int(seconds * 1000)
        self.now = Now(self.now.boot_ms + step, self.now.wall_ms + step)

    @contextmanager
    def rooms(self) -> Iterator[Rooms]:
        """The call path's side."""
        rooms = Rooms.open(self.config.run_dir, self.config.data_dir)
        assert rooms.has_store()
        yield rooms
        rooms.close()

    def clerk(self) -> None:
        """One round of the clerk."""
        with self.rooms() as rooms:
            clerk = Clerk(rooms, BOOT, NOW_MS)
            clerk.tick(self.now)
            clerk.close()

    async def flush(self) -> None:
        """Commands into the inbox, applied ones out."""
        flusher = Flusher(self.engine, self.config)
        await flusher.flush()
        await flusher.tidy()
        flusher.close()

    async def pump(self, rounds: int = 3) -> None:
        """Until everything has gone round: store to journal to ledger to inbox to store."""
        for _ in range(rounds):
            self.clerk()
            await self.collector.collect_all(self.now.wall_ms)
            await self.flush()
        self.clerk()

    # --- calls

    def dial(self) -> Admitted | Refused | Repeated:
        """An INVITE from the customer's trunk."""
        self.calls += 1
        with self.rooms() as rooms:
            trunk = identify(rooms, Source("127.0.0.2", 5060, "udp"), "4420")
            assert trunk is not None
            texts = {"caller": "1", "called": self.number, "from_uri": "sip:1@a", "to_uri": "sip:2@b"}
            more = {"request_uri": "sip:2@b", "contact": "sip:1@a", "socket": "udp:127.0.0.1:5060", "ip": "127.0.0.2"}
            invitation = Invitation(
                call_id=f"c{self.calls}", from_tag="f", cseq=1, branch="b", route_set=(), **texts, **more
            )
            return authorise(rooms, trunk, invitation, self.now)

    def ring(self) -> str:
        """A call that was admitted."""
        admitted = self.dial()
        assert isinstance(admitted, Admitted), admitted
        return admitted.call

    def talk(self) -> str:
        """A call that was answered."""
        call = self.ring()
        with self.rooms() as rooms:
            source = Source("127.0.0.11", 5060, "udp")
            callee = Callee("t", "sip:2@c", (), "udp:127.0.0.1:5060", source, 1, 2)
            assert isinstance(answered(rooms, call, callee, 0, self.now), Grant)
        return call

    def hang_up(self, call: str) -> None:
        """It ends."""
        with self.rooms() as rooms:
            assert ended(rooms, call, End("caller", 200, "OK", 0), self.now)

    def call(self, seconds: float) -> None:
        """A whole call."""
        call = self.talk()
        self.wait(seconds)
        self.hang_up(call)

    def is_running(self, call: str) -> bool:
        """Whether the store has it."""
        with self.rooms() as rooms:
            return find(rooms, call) is not None

    # --- looks

    def store(self) -> dict[int, Account]:
        """Accounts of the store."""
        view = read_store(self.config)
        assert view is not None
        return view.accounts

    def lines(self) -> list[str]:
        """Events of the journal, by kind."""
        return [event["e"] for event in journal.read_all(self.config.data_dir / journal.FOLDER)]

    async def doctor(self) -> Report:
        """What the doctor says, without opening the ledger a second time."""
        store = read_store(self.config)
        async with reading(self.engine) as conn:
            ledger = await read_ledger(conn, self.config, store)
            found = await of_ledger(conn, self.now.wall_ms)
        between = checks.events_between(self.config, store, ledger)
        found += checks.of_store(store, ledger, between, self.now.boot_ms)
        for check in found:
            assert_told(check.said)
        return Report(all(check.ok for check in found), found)

    async def broken(self) -> dict[str, str]:
        """The checks that fail, with what they say."""
        report = await self.doctor()
        return {check.name: check.detail for check in report.checks if not check.ok}


def assert_told(said: Sentence) -> None:
    """It is kept as JSON, and each sentence in it has words in German."""
    assert Sentence.from_record(json.loads(json.dumps(said.to_record()))) == said
    assert re.sub(r"[{}0-9:; ]", "", said.text) == "" or sentence_in("de")(said.text) != said.text, said.text
    for one in filter(lambda one: isinstance(one, Sentence), said.values):
        assert_told(one)


def named(report: Report, name: str) -> Check:
    """One check of a report."""
    return next(check for check in report.checks if check.name == name)
