"""Entries add up to nothing, balances are their lines, and a payment is made once."""

from __future__ import annotations

import asyncio
import json

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncEngine

from service.accounts.storage import UnknownAccount
from service.config import Config
from service.database.payment_tables import balance_alerts
from service.database.tables import book_balances, commands, entries, postings
from service.database.webhook_tables import deliveries, webhooks
from service.ledger.payments import PaymentRefused, PaymentRequest, Receipt, pay
from service.ledger.rules import (
    Batch,
    Entry,
    Posting,
    Unbalanced,
    charge_postings,
    check,
    cost_postings,
    payment_postings,
    sum_postings,
)
from service.ledger.storage import KeyTaken, balance_of, balances, imbalances, post_entries, post_entry, statement
from service.start import ensure_first_rows
from tests.service.planting import plant

NOW_MS = 1_790_000_000_000
EURO = 1_000_000


@pytest.fixture
async def company(engine: AsyncEngine) -> AsyncEngine:
    """The root (1), reseller 2, commission reseller 3 below it, customer 4 below that, provider 5."""
    await ensure_first_rows(engine, Config(), NOW_MS)
    specs = [
        ("upper", "Operator", "reseller"),
        ("agent", "upper", "reseller"),
        ("customer", "agent", "customer"),
        ("carrier", "Operator", "provider"),
    ]
    async with engine.begin() as conn:
        await plant(conn, specs, NOW_MS, agents="agent")
    return engine


def entry(*lines: Posting) -> Entry:
    """An entry of these lines."""
    return Entry("charges", "collector", "", NOW_MS, lines, batch=Batch(1, 7, 1, 9))


amounts = st.integers(-(10**15), 10**15)
lines = st.builds(
    Posting, st.sampled_from(["balance", "cash"]), st.integers(1, 3), amounts, st.sampled_from(["EUR", "USD"])
)


@given(st.lists(lines, min_size=1))
def test_only_lines_that_add_up_to_nothing_pass(rows: list[Posting]) -> None:
    """The check is the sum, in each currency; with the counter-lines added any list passes."""
    sums = {currency: sum(row.amount_micros for row in rows if row.currency == currency) for currency in ("EUR", "USD")}
    if any(sums.values()):
        with pytest.raises(Unbalanced):
            check(rows)
    check([*rows, *(Posting("cash", 1, -micros, currency) for currency, micros in sums.items())])


@given(st.lists(lines))
def test_summing_lines_changes_no_balance(rows: list[Posting]) -> None:
    """A batch's lines may be put together: per book, account and currency nothing moves otherwise."""

    def by_book(some: list[Posting]) -> dict[tuple[str, int, str], int]:
        keys = {(row.book, row.account_id, row.currency) for row in some}
        found = {key: sum(r.amount_micros for r in some if (r.book, r.account_id, r.currency) == key) for key in keys}
        return {key: micros for key, micros in found.items() if micros}

    assert by_book(list(sum_postings(rows))) == by_book(rows)


def test_an_entry_without_lines_is_refused() -> None:
    """It would say nothing."""
    with pytest.raises(ValueError, match="says nothing"):
        check([])


async def test_a_charge_moves_customer_and_seller(company: AsyncEngine) -> None:
    """0.06 from the customer to its seller, 0.012 owed to the carrier; all balances are their lines."""
    charge = [*charge_postings(4, 2, 60_000, "EUR"), *cost_postings(5, 12_000, "EUR")]
    async with company.begin() as conn:
        await post_entry(conn, entry(*charge))
        await post_entry(conn, entry(*charge))
    async with company.connect() as conn:
        assert await balances(conn) == {4: -120_000, 5: 24_000}
        assert await balance_of(conn, 2, "EUR", "revenue") == 120_000
        assert await balance_of(conn, 1, "EUR", "cost") == -24_000
        assert await balance_of(conn, 4, "USD") == 0
        assert await imbalances(conn) == []


async def test_entries_of_one_look_are_told_as_if_each_came_alone(company: AsyncEngine) -> None:
    """Their lines stand under their own ids, and what each of them has crossed is told, with the balance after it."""
    fresh = [
        entry(*payment_postings(4, 2, 3 * EURO, "EUR")),
        entry(*payment_postings(4, 2, -2 * EURO, "EUR")),
        entry(*payment_postings(4, 2, -3 * EURO, "EUR")),
        entry(*payment_postings(4, 2, EURO, "EUR"), *payment_postings(5, 1, EURO, "EUR")),
        entry(*payment_postings(4, 2, 2 * EURO, "EUR")),
    ]
    async with company.begin() as conn:
        told = {"account_id": 1, "url": "https://example.com", "secret": "s", "created_ms": NOW_MS}
        told["events"] = ["balance.negative", "balance.low", "balance.restored"]
        await conn.execute(sa.insert(webhooks).values(**told))
        alert = {"account_id": 4, "threshold_micros": 2 * EURO, "currency": "EUR", "email": "a@example.com"}
        await conn.execute(sa.insert(balance_alerts).values(**alert))
        ids = await post_entries(conn, fresh)
    async with company.connect() as conn:
        headers = sa.select(entries.c.id, entries.c.first_sequence).order_by(entries.c.id)
        assert [tuple(row) for row in await conn.execute(headers)] == [(number, 1) for number in sorted(ids)]
        of = sa.select(postings.c.entry_id, postings.c.amount_micros).where(postings.c.account_id == 4)
        rows = [tuple(row) for row in await conn.execute(of.order_by(postings.c.id))]
        bodies = (await conn.execute(sa.select(deliveries.c.body).order_by(deliveries.c.id))).scalars()
        said = [(told["type"], told["data"]["balance"]) for told in map(json.loads, bodies)]
    assert rows == list(zip(ids, (3 * EURO, -2 * EURO, -3 * EURO, EURO, 2 * EURO), strict=True))
    assert said == [
        ("balance.low", "1.00"),
        ("balance.negative", "-2.00"),
        ("balance.restored", "1.00"),
    ]


async def test_no_entry_is_nothing(company: AsyncEngine) -> None:
    """A run that issues nothing posts nothing; of two entries one of which doesn't add up neither stands."""
    async with company.begin() as conn:
        assert await post_entries(conn, []) == []
        wrong = entry(Posting("balance", 4, 1, "EUR"), Posting("cash", 1, -2, "EUR"))
        with pytest.raises(Unbalanced):
            await post_entries(conn, [entry(*payment_postings(4, 2, EURO, "EUR")), wrong])
    async with company.connect() as conn:
        assert (await conn.execute(sa.select(sa.func.count()).select_from(entries))).scalar_one() == 0


async def test_an_unbalanced_entry_leaves_nothing(company: AsyncEngine) -> None:
    """The fault is raised before the first row."""
    with pytest.raises(Unbalanced):
        async with company.begin() as conn:
            await post_entry(conn, entry(Posting("balance", 4, 1, "EUR"), Posting("cash", 1, -1, "USD")))
    async with company.connect() as conn:
        assert (await conn.execute(sa.select(sa.func.count()).select_from(postings))).scalar_one() == 0


async def test_a_line_changed_by_hand_is_found(company: AsyncEngine) -> None:
    """Neither entry nor balance adds up any more, and each is named."""
    async with company.begin() as conn:
        await post_entry(conn, entry(*payment_postings(4, 2, EURO, "EUR")))
        await conn.execute(sa.update(postings).where(postings.c.book == "balance").values(amount_micros=EURO + 1))
    async with company.connect() as conn:
        found = await imbalances(conn)
    assert [
        (fault.entry_id, fault.book, fault.account_id, fault.expected_micros, fault.found_micros) for fault in found
    ] == [
        (1, "", 0, 0, 1),
        (0, "balance", 4, EURO + 1, EURO),
    ]


async def test_a_balance_changed_or_dropped_by_hand_is_found(company: AsyncEngine) -> None:
    """The kept balances are compared both ways: one too many and one too few."""
    async with company.begin() as conn:
        await post_entry(conn, entry(*payment_postings(4, 2, EURO, "EUR")))
        await conn.execute(sa.delete(book_balances).where(book_balances.c.book == "cash"))
        await conn.execute(sa.insert(book_balances).values(book="cash", account_id=5, currency="EUR", amount_micros=3))
    async with company.connect() as conn:
        found = await imbalances(conn)
    assert [
        (fault.entry_id, fault.book, fault.account_id, fault.expected_micros, fault.found_micros) for fault in found
    ] == [
        (0, "cash", 2, -EURO, 0),
        (0, "cash", 5, 0, 3),
    ]


async def pay_in(
    engine: AsyncEngine, account: str = "customer", micros: int = 10 * EURO, key: str | None = None
) -> Receipt:
    """One payment in a transaction of its own."""
    async with engine.begin() as conn:
        return await pay(conn, "local", PaymentRequest(account, micros, "invoice 7", "cli:test", key), NOW_MS)


async def test_a_payment_goes_to_the_seller_and_to_the_store(company: AsyncEngine) -> None:
    """The customer of a commission reseller pays the distributor above; the store gets one credit."""
    receipt = await pay_in(company)
    assert (receipt.balance_micros, receipt.currency, receipt.repeated) == (10 * EURO, "EUR", False)
    async with company.connect() as conn:
        assert await balance_of(conn, 2, "EUR", "cash") == -10 * EURO
        last = (await conn.execute(sa.select(commands).order_by(commands.c.number.desc()))).first()
        lines = await statement(conn, 4)
    assert last is not None
    assert last.body == {"do": "credit", "account": 4, "micros": 10 * EURO, "epoch": 0}
    assert (last.account_id, last.amount_micros) == (4, 10 * EURO)
    assert [(line.kind, line.reason, line.amount_micros) for line in lines] == [("payment", "invoice 7", 10 * EURO)]


async def test_the_same_key_pays_once_and_gives_the_same_receipt(company: AsyncEngine) -> None:
    """Also after other payments: the receipt shows the balance of then."""
    first = await pay_in(company, key="k1")
    await pay_in(company, micros=EURO)
    again = await pay_in(company, key="k1")
    assert again == first._replace(repeated=True)
    async with company.connect() as conn:
        assert await balance_of(conn, 4, "EUR") == 11 * EURO


async def test_the_same_key_for_another_amount_is_refused(company: AsyncEngine) -> None:
    """A key names one request."""
    await pay_in(company, key="k1")
    with pytest.raises(KeyTaken, match="another request"):
        await pay_in(company, micros=EURO, key="k1")


async def test_twenty_at_once_with_one_key_pay_once(company: AsyncEngine) -> None:
    """Whoever comes second waits, and finds the first."""
    receipts = await asyncio.gather(*(pay_in(company, key="k1") for _ in range(20)))
    assert sorted(receipt.repeated for receipt in receipts) == [False] + [True] * 19
    async with company.connect() as conn:
        assert await balances(conn) == {4: 10 * EURO}


async def test_command_numbers_have_no_gap_when_many_write(company: AsyncEngine) -> None:
    """Forty payments at once, a few of which fail: numbers rise by one."""

    async def one(number: int) -> None:
        try:
            await pay_in(company, micros=0 if number % 7 == 0 else EURO)
        except PaymentRefused:
            return

    await asyncio.gather(*(one(number) for number in range(40)))
    async with company.connect() as conn:
        numbers = list((await conn.execute(sa.select(commands.c.number).order_by(commands.c.number))).scalars())
    assert numbers == list(range(1, len(numbers) + 1))


@pytest.mark.parametrize(
    ("account", "micros", "said"),
    [
        ("Operator", EURO, "nobody above itself"),
        ("customer", 0, "between 0.000001"),
        ("customer", -EURO, "only a provider"),
        ("customer", 10**18, "between 0.000001"),
    ],
)
async def test_what_is_no_payment_is_refused(company: AsyncEngine, account: str, micros: int, said: str) -> None:
    """Each with what would be one."""
    with pytest.raises(PaymentRefused, match=said):
        await pay_in(company, account, micros)


async def test_a_provider_is_paid_out(company: AsyncEngine) -> None:
    """Its balance falls by what it got, the root's cash with it."""
    assert (await pay_in(company, "carrier", -EURO)).balance_micros == -EURO


async def test_an_unknown_account_is_told(company: AsyncEngine) -> None:
    """With where to look."""
    with pytest.raises(UnknownAccount, match="kambill account list"):
        await pay_in(company, "nobody")
