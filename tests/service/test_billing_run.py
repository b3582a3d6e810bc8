"""The run: what it bills adds up to the ledger, whatever comes twice, at once, late, or is killed."""

from __future__ import annotations

import asyncio
import os
import random
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncEngine

from scripts.benchmarks.month import (
    AGENTS_PERCENT_MILLIONTHS,
    BEGIN_MS,
    END_MS,
    SHARE_MILLIONTHS,
    Month,
    month_of,
    write_accounts,
    write_calls,
)
from service.billing.run import Run, Scope, run
from service.commands.outbox import writing
from service.commission.payouts import PAY_OUT, hand_out
from service.commission.rules import WHOLE
from service.config import Config
from service.database.billing_tables import billing_terms, taxes
from service.database.engine import open_engine, reading
from service.database.tables import accounts
from service.doctor import of_ledger
from service.interconnect.statements.issue import NothingToState
from service.interconnect.statements.issue import issue as issue_statement
from service.interconnect.statements.sums import Wanted
from service.ledger.by import By
from tests.service.conftest import Foundation, copy_sqlite
from tests.service.dying import KILLED, Killed, ending_at, kill_apart, raise_killed, watched

CALLS = int(os.environ.get("KAMBILL_BILLING_CALLS", "1500"))
ACCOUNTS = int(os.environ.get("KAMBILL_BILLING_ACCOUNTS", "12"))
KILLS = int(os.environ.get("KAMBILL_BILLING_KILLS", "20"))
APART = 7
"""Of so many deaths one is a real SIGKILL of a process of its own."""
AT_ONCE = 5
"""Accounts of one transaction: a run has several."""
BY = By("test")
NOW_MS = END_MS + 3_600_000


class Books:
    """A month's ledger."""

    def __init__(self, engine: AsyncEngine, folder: Path, month: Month) -> None:
        self.engine = engine
        self.config = Config(run_dir=folder / "run", data_dir=folder, ratebook=folder / "ratebook")
        self.month = month

    async def write(self, calls: int = CALLS) -> None:
        """A month that is not yet billed; VAT of the operator, and of every reseller another one."""
        await write_accounts(self.engine, self.config, self.month)
        await self.tax(1, 19_000_000)
        for number, reseller in enumerate(self.month.resellers):
            await self.tax(reseller.id, (7 + number) * 1_000_000)
        await write_calls(self.engine, self.month, calls)

    async def tax(self, seller_id: int, percent_millionths: int, **more: Any) -> None:
        """Of everybody that somebody sells to."""
        row = {"name": "VAT", "category": "S", "services": [], "everybody": True, **more}
        async with self.engine.begin() as conn:
            values = {"account_id": seller_id, "percent_millionths": percent_millionths, **row}
            await conn.execute(sa.insert(taxes).values(**values))

    async def run(self, now_ms: int = NOW_MS) -> Run:
        """All that is due."""
        return await run(self.engine, self.config, BY, now_ms, Scope(at_once=AT_ONCE))

    async def state(self) -> list[Row[Any]]:
        """A statement of the month for each provider."""
        stated = []
        for provider in self.month.providers:
            async with writing(self.engine, self.config.node) as conn:
                account = (await conn.execute(sa.select(accounts).where(accounts.c.id == provider.id))).one()
                wanted = Wanted(provider.id, provider.currency, END_MS)
                stated.append(await issue_statement(conn, account, BEGIN_MS, wanted, By("test", 1), NOW_MS))
        return stated

    async def pay_agents(self) -> list[int]:
        """What agents have earned."""
        paid: list[int] = []
        for agent in self.month.agents:
            async with writing(self.engine, self.config.node) as conn:
                account = (await conn.execute(sa.select(accounts).where(accounts.c.id == agent.id))).one()
                paid += await hand_out(conn, self.config.node, account, PAY_OUT, NOW_MS, BY, NOW_MS)
        return paid

    async def rows(self, statement: str) -> list[tuple[Any, ...]]:
        """Of plain SQL."""
        async with reading(self.engine) as conn:
            return [tuple(row) for row in await conn.execute(sa.text(statement))]

    async def image(self) -> dict[str, list[tuple[Any, ...]]]:
        """All that a run writes, but for the hours of its work."""
        return {name: await self.rows(text) for name, text in IMAGE.items()}

    async def sound(self) -> None:
        """Everything adds up, by SQL that shares nothing with the run."""
        for name, text in WRONG.items():
            assert await self.rows(text) == [], name
        async with reading(self.engine) as conn:
            broken = [check for check in await of_ledger(conn, NOW_MS) if not check.ok]
        assert not broken, broken


IMAGE = {
    "invoices": "SELECT seller_id, account_id, period_from_ms, period_to_ms, number, currency, state, net_micros, "
    "tax_micros, rounding_micros, total_micros FROM invoices ORDER BY 1, 2, 3",
    "lines": "SELECT i.seller_id, i.account_id, i.period_to_ms, l.position, l.kind, l.description, l.quantity, "
    "l.duration_ms, l.billed_s, l.amount_micros, l.net_micros, l.tax_group FROM invoice_lines l "
    "JOIN invoices i ON i.id = l.invoice_id ORDER BY 1, 2, 3, 4",
    "calls": "SELECT c.cdr_id, c.level, i.seller_id, i.account_id, i.period_to_ms, c.amount_micros "
    "FROM invoice_calls c JOIN invoices i ON i.id = c.invoice_id ORDER BY 1, 2",
    "balances": "SELECT account_id, book, currency, amount_micros FROM book_balances ORDER BY 1, 2, 3",
    "terms": "SELECT account_id, closed_ms, due_ms, calls_after_id FROM billing_terms ORDER BY 1",
}
_SPAN = f"(SELECT id FROM cdrs WHERE start_ms < {END_MS})"
_SHARE = AGENTS_PERCENT_MILLIONTHS * SHARE_MILLIONTHS // WHOLE
WRONG = {
    "a charge of the period on no invoice": f"SELECT h.cdr_id, h.level FROM charges h LEFT JOIN invoice_calls c "
    f"ON c.cdr_id = h.cdr_id AND c.level = h.level WHERE c.cdr_id IS NULL AND h.cdr_id IN {_SPAN} "
    "AND h.account_id IN (SELECT account_id FROM invoices)",
    "a charge of the next period billed": f"SELECT c.cdr_id FROM invoice_calls c WHERE c.cdr_id NOT IN {_SPAN}",
    "a call on another's invoice": "SELECT c.cdr_id FROM invoice_calls c JOIN charges h ON h.cdr_id = c.cdr_id "
    "AND h.level = c.level JOIN invoices i ON i.id = c.invoice_id "
    "WHERE i.account_id <> h.account_id OR i.seller_id <> h.seller_id OR i.currency <> h.currency",
    "an invoice that is not the sum of its charges": "SELECT i.id, i.net_micros, sum(h.charge_micros) FROM invoices i "
    "JOIN invoice_calls c ON c.invoice_id = i.id JOIN charges h ON h.cdr_id = c.cdr_id AND h.level = c.level "
    "GROUP BY i.id, i.net_micros HAVING sum(h.charge_micros) <> i.net_micros",
    "a line that is not the sum of its calls": "SELECT l.id FROM invoice_lines l LEFT JOIN (SELECT c.line_id, "
    "count(*) calls, sum(h.charge_micros) micros, sum(h.billed_s) seconds FROM invoice_calls c "
    "JOIN charges h ON h.cdr_id = c.cdr_id AND h.level = c.level GROUP BY c.line_id) s ON s.line_id = l.id "
    "WHERE s.line_id IS NULL OR s.calls <> l.quantity OR s.micros <> l.amount_micros OR s.seconds <> l.billed_s",
    "a total that can't be paid": "SELECT id, total_micros FROM invoices WHERE total_micros % 10000 <> 0",
    "a tax that is not its per cent of the net, rounded": "SELECT i.id, i.tax_micros, i.net_micros "
    "FROM invoices i JOIN invoice_taxes t ON t.invoice_id = i.id "
    "WHERE i.tax_micros <> (i.net_micros * (t.percent_millionths / 1000000) * 2 + 1000000) / 2000000 * 10000",
    "a tax that is not posted": "SELECT i.seller_id, i.currency FROM invoices i GROUP BY i.seller_id, i.currency "
    "HAVING sum(i.tax_micros) <> coalesce((SELECT b.amount_micros FROM book_balances b WHERE b.book = 'tax' "
    "AND b.account_id = i.seller_id AND b.currency = i.currency), 0)",
    "a balance that is not what is invoiced and what is not yet": "SELECT b.account_id, b.amount_micros, s.owed FROM "
    "book_balances b JOIN (SELECT account_id, sum(micros) owed FROM "
    "(SELECT account_id, total_micros micros FROM invoices "
    "UNION ALL SELECT h.account_id, h.charge_micros FROM charges h WHERE NOT EXISTS (SELECT 1 FROM invoice_calls c "
    "WHERE c.cdr_id = h.cdr_id AND c.level = h.level)) AS parts GROUP BY account_id) s ON s.account_id = b.account_id "
    "WHERE b.book = 'balance' AND b.amount_micros <> -s.owed",
    "a commission that is not its part of the charge": f"SELECT c.id FROM commissions c JOIN charges h "
    "ON h.cdr_id = c.cdr_id AND h.level = c.level JOIN commission_rules u ON u.account_id = c.account_id WHERE "
    f"c.base_micros <> h.charge_micros OR c.seller_id <> h.seller_id OR c.micros * {WHOLE} + c.remainder "
    f"<> h.charge_micros * CASE WHEN u.share_of = 'above' THEN {_SHARE} WHEN EXISTS (SELECT 1 FROM commissions d "
    f"WHERE d.cdr_id = c.cdr_id AND d.level = c.level AND d.account_id <> c.account_id) "
    f"THEN {AGENTS_PERCENT_MILLIONTHS} - {_SHARE} ELSE {AGENTS_PERCENT_MILLIONTHS} END",
    "a charge that earned its agents too little": "SELECT h.cdr_id, h.level FROM charges h "
    "JOIN accounts a ON a.id = h.account_id JOIN accounts g ON g.id = a.parent_id AND g.commission "
    "JOIN accounts o ON o.id = g.parent_id LEFT JOIN (SELECT cdr_id, level, count(*) n FROM commissions "
    "GROUP BY cdr_id, level) c ON c.cdr_id = h.cdr_id AND c.level = h.level "
    "WHERE h.charge_micros <> 0 AND coalesce(c.n, 0) <> CASE WHEN o.commission THEN 2 ELSE 1 END",
    "a commission that is not posted to the micro-unit": "SELECT c.account_id, c.currency FROM (SELECT account_id, "
    f"currency, sum(micros) * {WHOLE} + sum(remainder) exact FROM commissions GROUP BY account_id, currency) c "
    "LEFT JOIN (SELECT p.account_id, p.currency, sum(p.amount_micros) micros FROM postings p JOIN entries e "
    "ON e.id = p.entry_id WHERE e.kind = 'commission' AND p.book = 'commission' GROUP BY p.account_id, p.currency) p "
    "ON p.account_id = c.account_id AND p.currency = c.currency WHERE p.micros IS NULL "
    f"OR p.micros * {WHOLE} > c.exact OR (p.micros + 1) * {WHOLE} <= c.exact",
    "a payout that is more or less than what was earned": "SELECT p.account_id, p.currency FROM (SELECT account_id, "
    "currency, sum(amount_micros) micros FROM commission_payouts GROUP BY account_id, currency) p JOIN "
    f"(SELECT account_id, currency, sum(micros) * {WHOLE} + sum(remainder) exact FROM commissions "
    "GROUP BY account_id, currency) c ON p.account_id = c.account_id AND p.currency = c.currency "
    f"WHERE p.micros * {WHOLE} > c.exact OR (p.micros + 1) * {WHOLE} <= c.exact",
    "a cost of the month on no statement": "SELECT r.id FROM cdrs r LEFT JOIN statement_calls s ON s.cdr_id = r.id "
    f"AND s.level = -1 WHERE r.cost_micros IS NOT NULL AND r.end_ms < {END_MS} AND s.cdr_id IS NULL "
    "AND EXISTS (SELECT 1 FROM statements)",
    "a statement that is not the sum of its calls": "SELECT s.id FROM statements s JOIN (SELECT c.statement_id, "
    "count(*) calls, sum(r.cost_micros) micros, min(r.cost_account_id) least, max(r.cost_account_id) most, "
    "max(r.end_ms) last_ms FROM statement_calls c JOIN cdrs r ON r.id = c.cdr_id GROUP BY c.statement_id) t "
    "ON t.statement_id = s.id WHERE s.out_calls <> t.calls OR s.out_micros <> t.micros OR s.net_micros <> -t.micros "
    "OR t.least <> s.account_id OR t.most <> s.account_id OR t.last_ms >= s.until_ms",
    "a line of a statement that is not the sum of its calls": "SELECT l.statement_id, l.destination FROM "
    "statement_lines l JOIN (SELECT c.statement_id, r.destination, count(*) calls, sum(r.cost_micros) micros FROM "
    "statement_calls c JOIN cdrs r ON r.id = c.cdr_id GROUP BY c.statement_id, r.destination) t "
    "ON t.statement_id = l.statement_id AND t.destination = l.destination "
    "WHERE l.calls <> t.calls OR l.micros <> t.micros",
    "a number that is missing": "SELECT i.seller_id FROM invoices i GROUP BY i.seller_id "
    "HAVING count(*) <> (SELECT n.next_number - 1 FROM numberings n WHERE n.account_id = i.seller_id) "
    "OR count(DISTINCT i.number) <> count(*)",
}


MONTH = month_of(ACCOUNTS - ACCOUNTS // 3, ACCOUNTS // 3, agents=4)


@pytest.fixture(scope="session")
def foundation(tmp_path_factory: pytest.TempPathFactory) -> Foundation:
    """The month, written once for all of these tests: that takes longer than most of them."""
    folder = tmp_path_factory.mktemp("month")
    return Foundation("month", lambda engine: Books(engine, folder, MONTH).write())


@pytest.fixture
def books(engine: AsyncEngine, tmp_path: Path) -> Books:
    """A month of calls, not yet billed."""
    return Books(engine, tmp_path, MONTH)


async def test_a_month_adds_up(books: Books) -> None:
    """Three levels, two currencies, two providers, agents: invoices, taxes, commissions, statements, balances and
    numbers against plain SQL.
    """
    done = await books.run()
    assert (done.accounts, len(done.invoice_ids), dict(done.left)) == (ACCOUNTS, ACCOUNTS, {})
    assert [(row.in_calls, row.out_calls > 0) for row in await books.state()] == [(0, True), (0, True)]
    assert await books.pay_agents()
    await books.sound()
    again = await books.run()
    assert again == Run()
    with pytest.raises(NothingToState):
        await books.state()
    assert await books.pay_agents() == []
    await books.sound()


@pytest.mark.parametrize(
    ("tampering", "said"),
    [
        ("UPDATE commissions SET micros = micros + 1 WHERE id = 7", "a commission that is not its part of the charge"),
        ("DELETE FROM commissions WHERE id = 7", "a charge that earned its agents too little"),
        (
            "UPDATE cdrs SET cost_micros = cost_micros + 1 WHERE id = (SELECT min(cdr_id) FROM statement_calls)",
            "a statement that is not the sum of its calls",
        ),
    ],
)
async def test_the_plain_sql_sees_what_is_wrong(books: Books, tampering: str, said: str) -> None:
    """A proof that can't fail proves nothing: one figure changed, and the sum of that name differs."""
    await books.run()
    await books.state()
    async with books.engine.begin() as conn:
        await conn.execute(sa.text(tampering))
    assert await books.rows(WRONG[said]) != []


async def undisturbed(
    template: Path, folder: Path, foundation: Foundation
) -> tuple[list[int], dict[str, list[tuple[Any, ...]]]]:
    """The same month billed in one go: statements of each of its transactions, the commit counted too; its image."""
    await copy_sqlite(template, folder / "undisturbed.db", foundation)
    engine = open_engine(f"sqlite:///{folder / 'undisturbed.db'}")
    books = Books(engine, folder, MONTH)
    counts = [0]

    def see(is_commit: bool) -> None:
        counts[-1] += 1
        if is_commit:
            counts.append(0)

    with watched(engine, see):
        await books.run()
    image = await books.image()
    await engine.dispose()
    return counts[:-1], image


def moments(dice: random.Random, counts: list[int], kills: int) -> list[tuple[int, int]]:
    """Random statements of a whole run, the transactions in their order: which one, and which statement of it."""
    drawn = [(number, place) for number, count in enumerate(counts) for place in range(1, count + 1)]
    chosen = dice.choices(drawn, k=kills)
    return sorted(chosen, key=lambda one: one[0])


async def test_killed_at_random_statements(
    books: Books, database: str, template: Path, tmp_path: Path, foundation: Foundation
) -> None:
    """Each time a batch is there or not; in the end the same invoices as of a run that nobody disturbed."""
    counts, image = await undisturbed(template, tmp_path, foundation)
    deaths = {"in this process": 0, "kill -9": 0}
    standing = 0
    for number, (transaction, place) in enumerate(moments(random.Random(7), counts, KILLS), 1):
        statement = sum(counts[standing:transaction]) + place
        if number % APART:
            with watched(books.engine, ending_at(statement, raise_killed)), pytest.raises(Killed):
                await books.run()
            deaths["in this process"] += 1
        else:
            assert await kill_apart(database, tmp_path, statement, NOW_MS, AT_ONCE) == KILLED
            deaths["kill -9"] += 1
        standing = transaction
        there = await books.rows("SELECT count(*) FROM invoices WHERE number IS NOT NULL")
        assert there == [(min(standing * AT_ONCE, ACCOUNTS),)], "a batch that was killed is not there, those before are"
    print(f"{deaths} of {KILLS}, at statements of {len(counts)} transactions")
    assert sum(deaths.values()) == KILLS
    assert deaths["kill -9"] == KILLS // APART > 0
    await books.run()
    await books.sound()
    assert await books.image() == image


async def test_several_at_once(books: Books, template: Path, tmp_path: Path, foundation: Foundation) -> None:
    """Four runs at the same time: each period is closed once, and the invoices are those of one run."""
    runs = await asyncio.gather(*(books.run() for _ in range(4)))
    assert sum(one.accounts for one in runs) == ACCOUNTS
    await books.sound()
    assert await books.image() == (await undisturbed(template, tmp_path, foundation))[1]


BY_NUMBER = "FROM invoice_calls c JOIN invoice_lines l ON l.id = c.line_id JOIN cdrs r ON r.id = c.cdr_id"


async def test_lines_by_destination_and_number(books: Books) -> None:
    """Of who wants that each line is of one caller, and of nobody else; sums and totals stay the same."""
    reseller = books.month.resellers[0].id
    async with books.engine.begin() as conn:
        own = sa.update(billing_terms).where(billing_terms.c.account_id == reseller)
        await conn.execute(own.values(lines="destination_and_caller"))
    await books.run()
    await books.sound()
    assert await books.rows(f"SELECT c.cdr_id {BY_NUMBER} WHERE l.caller NOT IN ('', r.caller)") == []
    named = await books.rows(
        f"SELECT DISTINCT i.account_id {BY_NUMBER} JOIN invoices i ON i.id = l.invoice_id WHERE l.caller <> ''"
    )
    assert named == [(reseller,)]
    twice = await books.rows(
        "SELECT caller, destination, terms FROM invoice_lines l JOIN invoices i ON i.id = l.invoice_id "
        f"WHERE i.account_id = {reseller} GROUP BY l.kind, caller, destination, terms, exchange HAVING count(*) > 1"
    )
    assert twice == []
    callers = await books.rows(f"SELECT count(DISTINCT l.caller), count(DISTINCT r.caller) {BY_NUMBER} "
                               f"JOIN invoices i ON i.id = l.invoice_id WHERE i.account_id = {reseller}")  # fmt: skip
    assert callers[0][0] == callers[0][1] > 1


async def test_late_calls_are_on_the_next_invoice(books: Books) -> None:
    """Those that arrive after the run, and those that begin after the period."""
    await books.run()
    await write_calls(books.engine, books.month, 200, seed=2)
    late = await books.rows(f"SELECT count(*) FROM cdrs WHERE call LIKE '00000002%' AND start_ms < {END_MS}")
    assert late[0][0] > 100
    await books.run(END_MS + 32 * 86_400_000)
    missing = "SELECT h.cdr_id FROM charges h LEFT JOIN invoice_calls c ON c.cdr_id = h.cdr_id AND c.level = h.level"
    assert await books.rows(f"{missing} WHERE c.cdr_id IS NULL") == []
    assert await books.rows(WRONG["a balance that is not what is invoiced and what is not yet"]) == []
    periods = await books.rows("SELECT DISTINCT period_from_ms, period_to_ms FROM invoices ORDER BY 1")
    assert [period[0] for period in periods] == [BEGIN_MS, END_MS]
    assert periods[0][1] == END_MS


async def test_attempts_of_an_account_that_gets_no_invoice_wait_for_the_next_one(books: Books) -> None:
    """Nothing to bill, no invoice; what was tried then is on the first invoice that there is."""
    idle = books.month.customers[0].id
    async with books.engine.begin() as conn:
        await conn.execute(sa.text(f"UPDATE charges SET charge_micros = 0 WHERE account_id = {idle}"))
    await books.run()
    own = f"FROM invoice_calls c JOIN invoices i ON i.id = c.invoice_id WHERE i.account_id = {idle}"
    assert await books.rows(f"SELECT count(*) {own}") == [(0,)]
    await write_calls(books.engine, books.month, 200, seed=2)
    await books.run(END_MS + 32 * 86_400_000)
    tried = await books.rows(f"SELECT count(*) FROM charges WHERE account_id = {idle}")
    assert await books.rows(f"SELECT count(*) {own}") == tried


_BILLED = (
    f"SELECT min(c.cdr_id) FROM invoice_calls c JOIN cdrs r ON r.id = c.cdr_id WHERE r.start_ms >= {BEGIN_MS} "
    "AND c.amount_micros > 0 AND c.level = 0"
)
_ONE = "WHERE cdr_id = {cdr} AND level = 0"
_AGAIN = "account_id, seller_id, tariff, prefix, terms, billed_s, charge_micros, currency, exchange"


@pytest.mark.parametrize(
    ("tampering", "said"),
    [
        (f"UPDATE charges SET charge_micros = charge_micros + 1 {_ONE}", "it is charged"),
        (
            f"INSERT INTO charges (cdr_id, level, {_AGAIN}) SELECT {{cdr}}, 9, {_AGAIN} FROM charges {_ONE}",
            "is on no invoice and waits for none",
        ),
        ("UPDATE numberings SET next_number = next_number + 1 WHERE account_id = 1", "is missing"),
        ("DELETE FROM postings WHERE id = (SELECT min(id) FROM postings WHERE book = 'tax')", "is posted"),
    ],
)
async def test_the_doctor_finds_what_is_not_explained(books: Books, tampering: str, said: str) -> None:
    """A charge changed behind everybody's back, one that was forgotten, a tax that is not in the books."""
    await books.run()
    cdr = (await books.rows(_BILLED))[0][0]
    async with books.engine.begin() as conn:
        await conn.execute(sa.text(tampering.format(cdr=cdr)))
    async with reading(books.engine) as conn:
        found = [one for one in await of_ledger(conn, NOW_MS) if not one.ok]
    assert any(said in one.detail for one in found if one.name in {"invoices", "numbers"}), found


async def test_nothing_is_due_before_its_time(books: Books) -> None:
    """The period's last millisecond is not over yet."""
    assert await books.run(END_MS - 1) == Run()
    async with books.engine.begin() as conn:
        await conn.execute(sa.update(billing_terms).values(cycle="weekly", due_ms=BEGIN_MS + 1))
    assert (await books.run(BEGIN_MS)).accounts == 0
