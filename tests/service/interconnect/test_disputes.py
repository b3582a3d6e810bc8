"""Disputes from the difference to the money: every step once, in its order, seen by whom it concerns."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from service.database.access_tables import mails
from service.database.billing_tables import invoices
from service.database.engine import reading
from service.database.interconnect_tables import DISPUTE_STATES, disputes
from service.database.tables import accounts, entries
from service.interconnect.adjustments import adjusting_postings
from service.interconnect.disputes.mails import MOVED, NOTED, OPENED, REPLIED, SETTLED, WITHDRAWN
from service.interconnect.disputes.rules import (
    DAY_MS,
    MOVES,
    OPEN_MAX,
    Settling,
    agreed_micros,
    move_problem,
    settling_micros,
)
from service.interconnect.reconcile import api, worker
from service.ledger.rules import check
from service.ledger.storage import balance_of
from service.messages.composing import Composer
from service.sellers.reading import read_in
from tests.service.again import publish, rerate
from tests.service.interconnect.test_reconciliations import Desk
from tests.service.interconnect.test_statements import text_of
from tests.service.office import Got
from tests.service.test_money import House, house

__all__ = ["house"]


class Quarrel(Desk):
    """Differences that are argued about."""

    async def compared(self) -> Any:
        """The carrier counts two calls too dear, by 0.486 and 0.684, has one twice, for 0.018, and lacks one."""
        await self.calls(60, 70, 80, 90, 100)
        rows = await self.ours()
        changed = [rows[0], rows[1] | {"duration": 75, "amount": "0.5"}, rows[2] | {"amount": "0.7"}, rows[3], rows[3]]
        return (await self.compare(changed)).ok()

    async def by_hand(self, account: str = "carrier", amount: str = "10", **more: Any) -> Any:
        """Without a comparison."""
        values = {"account_id": self.house.ids[account], "amount": amount, "subject": "too dear", **more}
        return (await self.boss.ask("dispute.open", **values)).ok()

    async def move(self, dispute: Any, state: str, **more: Any) -> Got:
        """The next step."""
        return await self.boss.ask("dispute.move", dispute_id=dispute["id"], state=state, text=f"now {state}", **more)

    async def settle(self, dispute: Any, key: str = "k", **more: Any) -> Got:
        """The money."""
        return await self.boss.ask("dispute.settle", dispute_id=dispute["id"], key=key, **more)


async def root_cost(quarrel: Quarrel) -> int:
    """The operator's book of costs."""
    async with reading(quarrel.house.company.engine) as conn:
        return await balance_of(conn, 1, "EUR", "cost")


@pytest.fixture
async def quarrel(house: House, monkeypatch: pytest.MonkeyPatch) -> Quarrel:
    """Ready."""
    monkeypatch.setattr(api, "work_apart", worker.work)
    return Quarrel(house)


async def test_from_a_difference_to_the_money(quarrel: Quarrel) -> None:
    """Opened with what is at stake, sent, answered, agreed on in part, posted once, on the next statement."""
    compared = await quarrel.compared()
    opened = await quarrel.boss.do("dispute.open", reconciliation_id=compared["id"], subject="September")
    assert (opened["amount"], opened["direction"], opened["state"]) == ("1.188", "out", "open")
    again = await quarrel.boss.ask("dispute.open", reconciliation_id=compared["id"], subject="September")
    assert (again.status, "in no dispute yet" in again["detail"]) == (409, True)
    assert (await quarrel.boss.ask("reconciliation.remove", reconciliation_id=compared["id"])).status == 409
    for state in ("sent", "answered"):
        assert (await quarrel.move(opened, state)).ok()["state"] == state
    assert (await quarrel.settle(opened)).status == 409
    assert (await quarrel.move(opened, "partly", agreed="1")).ok()["agreed"] == "1.00"
    assert (await quarrel.move(opened, "closed")).status == 409
    before, cost = await quarrel.house.balance("carrier"), await root_cost(quarrel)
    settled = (await quarrel.settle(opened)).ok()
    assert (settled["state"], settled["differences"]) == ("closed", 3)
    assert [one["state"] for one in settled["notes"]] == ["open", "sent", "answered", "partly", "closed"]
    assert await quarrel.house.balance("carrier") - before == 188_000
    assert await root_cost(quarrel) - cost == -188_000
    assert (await quarrel.settle(opened)).ok() == settled
    assert (await quarrel.settle(opened, key="other")).status == 409
    await quarrel.house.company.pump()
    assert quarrel.house.stored("carrier") == await quarrel.house.balance("carrier")
    company = quarrel.house.company
    quarrel.house.office.now_ms = company.now.wall_ms + 1_000
    values = {"account_id": quarrel.house.ids["carrier"], "since": "2026-09-01T00:00:00Z"}
    stated = await quarrel.boss.do("statement.issue", **values, until=text_of(company.now.wall_ms), key="s")
    assert (stated["theirs"]["total"], stated["adjusted"], stated["net"]) == ("0.08", "-0.188", "-0.268")
    await quarrel.boss.do("statement.settle", statement_id=stated["id"], reason="bank", key="b")
    assert await quarrel.house.balance("carrier") == 0


@pytest.mark.parametrize(
    ("step", "rated_again", "posted"),
    [
        ({"state": "accepted"}, False, 0),
        ({"state": "partly", "agreed": "1"}, False, 188_000),
        ({"state": "rejected"}, False, 1_188_000),
        ({"state": "accepted"}, True, -30_000),
        ({"state": "partly", "agreed": "1.158"}, True, 0),
    ],
)
async def test_the_books_come_to_what_was_agreed_on(
    quarrel: Quarrel, step: dict[str, Any], rated_again: bool, posted: int
) -> None:
    """What a carrier counts is not in our books: what it gives in needs no posting, what it insists on does. Calls that
    were rated again meanwhile come to the same.
    """
    compared = await quarrel.compared()
    opened = await quarrel.boss.do("dispute.open", reconciliation_id=compared["id"], subject="September")
    if rated_again:
        await publish(quarrel.house, carrier="0.024")
        assert (await rerate(quarrel.house))["changed"] == 5
    await quarrel.move(opened, "sent")
    (await quarrel.move(opened, step["state"], **{"agreed": step["agreed"]} if "agreed" in step else {})).ok()
    before = await quarrel.house.balance("carrier")
    settled = (await quarrel.settle(opened)).ok()
    assert (settled["state"], settled["entry_id"] is None) == ("closed", not posted)
    assert await quarrel.house.balance("carrier") - before == posted
    assert (await quarrel.settle(opened, key="other")).status == 409
    await quarrel.house.company.pump()
    await quarrel.house.sound()


async def test_what_is_given_up_or_said_by_hand_is_settled_by_agreement_alone(quarrel: Quarrel) -> None:
    """A rejected one is settled only if the partner's count is not in the books yet."""
    dispute = await quarrel.by_hand()
    await quarrel.move(dispute, "sent")
    await quarrel.move(dispute, "rejected")
    assert (await quarrel.settle(dispute)).status == 409
    await quarrel.move(dispute, "closed")
    assert (await quarrel.settle(dispute)).status == 409
    assert await quarrel.house.balance("carrier") == 0


async def test_a_carrier_s_overcharge_is_no_credit_note_of_ours(quarrel: Quarrel) -> None:
    """It would lower what it owes us."""
    dispute = await quarrel.by_hand()
    await quarrel.move(dispute, "sent")
    await quarrel.move(dispute, "accepted")
    got = await quarrel.settle(dispute, credit_note="CN1")
    assert (got.status, "name none" in got["detail"]) == (409, True)
    await quarrel.settle(dispute, key="other")
    assert await quarrel.house.balance("carrier") == -10_000_000


async def test_a_customer_s_dispute_gives_back_what_it_paid(quarrel: Quarrel) -> None:
    """By an adjustment of its seller's revenue."""
    dispute = await quarrel.by_hand("customer", "2.5")
    assert dispute["direction"] == "in"
    await quarrel.move(dispute, "sent")
    await quarrel.move(dispute, "accepted")
    before, revenue = await quarrel.house.balance("customer"), await quarrel.house.balance("lower", "revenue")
    entry = (await quarrel.settle(dispute)).ok()["entry_id"]
    assert await quarrel.house.balance("customer") - before == 2_500_000
    assert await quarrel.house.balance("lower", "revenue") - revenue == -2_500_000
    async with reading(quarrel.house.company.engine) as conn:
        row = (await conn.execute(sa.select(entries).where(entries.c.id == entry))).one()
    assert (row.kind, row.idempotency_key) == ("adjustment", f"dispute {dispute['id']}")


async def test_a_credit_note_settles_it_instead(quarrel: Quarrel) -> None:
    """One of the partner's, of the amount at least, and only once; nothing else is posted."""
    dispute, other = await quarrel.by_hand("customer", "2.5"), await quarrel.by_hand("customer", "1")
    for one in (dispute, other):
        await quarrel.move(one, "sent")
        await quarrel.move(one, "accepted")
    assert (await quarrel.settle(dispute, credit_note="CN1")).status == 409
    await _credit_note(quarrel, "CN1", 2_000_000)
    assert (await quarrel.settle(dispute, credit_note="CN1")).status == 409
    await _credit_note(quarrel, "CN2", 2_500_000)
    before = await quarrel.house.balance("customer")
    assert (await quarrel.settle(dispute, credit_note="CN2")).ok()["state"] == "closed"
    assert await quarrel.house.balance("customer") == before
    assert (await quarrel.settle(other, key="o", credit_note="CN2")).status == 409


async def _credit_note(quarrel: Quarrel, number: str, micros: int) -> None:
    """As billing issues one."""
    ids = quarrel.house.ids
    async with quarrel.house.company.engine.begin() as conn:
        entry = sa.insert(entries).values(kind="credit_note", actor="billing", created_ms=1).returning(entries.c.id)
        values = {"entry_id": (await conn.execute(entry)).scalar_one(), "number": number, "state": "issued"}
        values |= {"seller_id": ids["lower"], "account_id": ids["customer"], "currency": "EUR", "language": "en"}
        values |= {"net_micros": micros, "rounding_micros": 0, "tax_micros": 0, "total_micros": micros}
        values |= {"period_from_ms": 0, "period_to_ms": 1, "issued_ms": 1, "due_ms": 1, "created_ms": 1}
        values |= {"actor": "billing", "zone": "UTC", "prepaid": False, "seller": {}, "buyer": {}}
        invoice = sa.insert(invoices).values(**values | {"kind": "invoice", "number": f"I{number}", "entry_id": None})
        refers = (await conn.execute(invoice.returning(invoices.c.id))).scalar_one()
        await conn.execute(sa.insert(invoices).values(**values, kind="credit_note", refers_to_id=refers, reason="x"))


async def test_the_partner_reads_what_is_for_it(quarrel: Quarrel) -> None:
    """Not what is internal, nor our people's names; it changes nothing; nobody else sees anything."""
    dispute = await quarrel.by_hand()
    for text, internal in (("please look", False), ("they are wrong", True)):
        await quarrel.boss.do("dispute.note", dispute_id=dispute["id"], text=text, internal=internal)
    office, ids = quarrel.house.office, quarrel.house.ids
    carrier = await office.hire(quarrel.boss, ids["carrier"], "c@carrier.example")
    upper = await office.hire(quarrel.boss, ids["upper"], "u@upper.example")
    seen = await carrier.do("dispute.show", dispute_id=dispute["id"])
    assert [(one["text"], one["actor"]) for one in seen["notes"]] == [("too dear", "above"), ("please look", "above")]
    assert len((await quarrel.boss.do("dispute.show", dispute_id=dispute["id"]))["notes"]) == 3
    assert (await carrier.ask("dispute.note", dispute_id=dispute["id"], text="x")).status == 403
    assert (await carrier.do("dispute.aging"))["items"][0]["amount"] == "10.00"
    assert (await upper.ask("dispute.show", dispute_id=dispute["id"])).status == 404
    assert (await upper.do("dispute.aging"))["items"] == []


class Objecting(Quarrel):
    """A carrier that disputes what a statement says."""

    async def stated(self) -> Any:
        """A statement of it, and a user of its own."""
        await self.calls(60, 70)
        self.house.office.now_ms = now_ms = self.house.company.now.wall_ms
        self.carrier = await self.house.office.hire(self.boss, self.house.ids["carrier"], "c@carrier.example")
        period = {"since": "2026-09-01T00:00:00Z", "until": text_of(now_ms)}
        return await self.boss.do("statement.issue", account_id=self.house.ids["carrier"], **period)

    async def objects(self, statement: Any, amount: str = "5", **more: Any) -> Got:
        """By its own user."""
        values = {"subject": "too few calls", "text": "We count 90", "amount": amount, **more}
        return await self.carrier.ask("statement.dispute", statement_id=statement["id"], **values)


@pytest.fixture
async def objecting(house: House) -> Objecting:
    """Ready."""
    return Objecting(house)


async def test_a_partner_disputes_its_statement(objecting: Objecting) -> None:
    """It waits for the operator, who answers; what is agreed on is in the partner's favour, once."""
    statement = await objecting.stated()
    opened = (await objecting.objects(statement)).ok()
    assert (opened["state"], opened["direction"], opened["statement_id"]) == ("sent", "out", statement["id"])
    waiting = await objecting.boss.do("dispute.list", query={"waits": True})
    assert [one["id"] for one in waiting["items"]] == [opened["id"]]
    (await objecting.move(opened, "answered")).ok()
    assert (await objecting.boss.do("dispute.list", query={"waits": True}))["items"] == []
    await objecting.boss.do("dispute.note", dispute_id=opened["id"], text="they may be right", internal=True)
    replied = await objecting.carrier.do("dispute.reply", dispute_id=opened["id"], text="Look at the 3rd")
    assert (replied["state"], replied["notes"][-1]["actor"]) == ("sent", "c@carrier.example")
    assert "they may be right" not in str(replied)
    (await objecting.move(opened, "partly", agreed="3")).ok()
    before, cost = await objecting.house.balance("carrier"), await root_cost(objecting)
    assert (await objecting.settle(opened)).ok()["state"] == "closed"
    assert await objecting.house.balance("carrier") - before == 3_000_000
    assert await root_cost(objecting) - cost == -3_000_000
    closed = await objecting.carrier.ask("dispute.reply", dispute_id=opened["id"], text="More")
    assert (closed.status, "it is closed" in closed["detail"]) == (409, True)
    trail = await objecting.boss.do("audit.list", query={"actor": "c@carrier.example"})
    assert {"statement.dispute", "dispute.reply"} <= {one["action"] for one in trail["items"]}
    await objecting.house.company.pump()
    await objecting.house.sound()


async def test_a_partner_answers_what_it_is_asked(objecting: Objecting) -> None:
    """A dispute that was opened from above is answered by what its partner writes, once it was sent."""
    await objecting.stated()
    dispute = await objecting.by_hand()
    early = await objecting.carrier.do("dispute.reply", dispute_id=dispute["id"], text="What is it?")
    assert early["state"] == "open"
    await objecting.move(dispute, "sent")
    assert (await objecting.carrier.do("dispute.reply", dispute_id=dispute["id"], text="No"))["state"] == "answered"
    await objecting.move(dispute, "accepted")
    assert (await objecting.carrier.do("dispute.reply", dispute_id=dispute["id"], text="Fine"))["state"] == "accepted"


async def test_a_partner_withdraws_what_it_has_opened(objecting: Objecting) -> None:
    """Sent, answered or rejected it is closed by that, nothing is posted, and the audit says who did it."""
    statement = await objecting.stated()
    before = await objecting.house.balance("carrier")
    for state in ("", "answered", "rejected"):
        opened = (await objecting.objects(statement)).ok()
        if state:
            (await objecting.move(opened, state)).ok()
        closed = await objecting.carrier.do("dispute.withdraw", dispute_id=opened["id"], text="We found them")
        assert (closed["state"], closed["agreed"], closed["entry_id"]) == ("closed", "0.00", None)
        assert (closed["notes"][-1]["text"], closed["notes"][-1]["actor"]) == ("We found them", "c@carrier.example")
        assert (await objecting.settle(opened, f"k{opened['id']}")).status == 409
    assert await objecting.house.balance("carrier") == before
    trail = await objecting.boss.do("audit.list", query={"action": "dispute.withdraw"})
    assert [one["actor"] for one in trail["items"]] == ["c@carrier.example"] * 3


async def test_what_is_agreed_on_or_another_s_is_not_withdrawn(objecting: Objecting) -> None:
    """Nor what is closed; by nobody but the partner's own people who may dispute; it stays as it is."""
    opened = (await objecting.objects(await objecting.stated())).ok()
    theirs = await objecting.by_hand()
    await objecting.move(theirs, "sent")
    office, ids = objecting.house.office, objecting.house.ids
    upper = await office.hire(objecting.boss, ids["upper"], "u@upper.example")
    reader = await office.hire(objecting.boss, ids["carrier"], "r@carrier.example", [office.roles["read_only"]])
    for who, dispute, status, said in (
        (objecting.boss, opened, 403, "for the partner itself"), (reader, opened, 403, "statements.dispute"),
        (upper, opened, 404, ""), (objecting.carrier, theirs, 409, "the other side has opened it"),
    ):  # fmt: skip
        got = await who.ask("dispute.withdraw", dispute_id=dispute["id"])
        assert (got.status, said in str(got.body)) == (status, True), got
    (await objecting.move(opened, "accepted")).ok()
    for state in ("accepted", "closed"):
        got = await objecting.carrier.ask("dispute.withdraw", dispute_id=opened["id"])
        assert (got.status, f"it is {state}" in got["detail"]) == (409, True), got
        await objecting.settle(opened)
    assert (await objecting.boss.do("dispute.show", dispute_id=theirs["id"]))["state"] == "sent"


class Mailed(Objecting):
    """Whose mails are read."""

    seen = 0

    async def told(self) -> dict[str, str]:
        """Subjects of what was mailed since the last look, by recipient."""
        async with reading(self.house.company.engine) as conn:
            query = sa.select(mails).where(mails.c.template == "dispute", mails.c.id > self.seen).order_by(mails.c.id)
            rows = (await conn.execute(query)).all()
            composer = Composer(conn, self.house.config)
            await composer.load(rows)
            letters = [await composer.letter(row) for row in rows]
        self.seen = max([self.seen, *(row.id for row in rows)])
        assert len({one.recipient for one in letters}) == len(letters)
        assert not any(one.unsubscribe for one in letters), "they are essential"
        self.letters = {one.recipient: one for one in letters}
        return {one.recipient: one.subject for one in letters}


async def test_both_sides_are_mailed_what_happens_to_a_dispute(house: House) -> None:
    """Who may see it there and who works on it here, each in their language, but for whoever did it."""
    desk = Mailed(house)
    statement = await desk.stated()
    office, ids = house.office, house.ids
    clerk = await office.hire(desk.boss, 1, "clerk@op.example", [office.roles["finance"]])
    for name, role in (("mute", "support"), ("upper", "owner")):
        account = ids["upper"] if name == "upper" else 1
        await office.hire(desk.boss, account, f"{name}@op.example", [office.roles[role]])
    await desk.carrier.do("me.edit", language="de")
    carrier, boss, colleague = "c@carrier.example", "boss@op.example", "clerk@op.example"
    opened = (await desk.objects(statement)).ok()
    number = opened["id"]
    about = f"Dispute {number} was opened: too few calls"
    assert await desk.told() == {boss: about, colleague: about}
    assert "We count 90" in desk.letters[boss].text
    assert f"/disputes/{number}" in desk.letters[boss].text
    await clerk.do("dispute.note", dispute_id=number, text="they may be right", internal=True)
    assert await desk.told() == {}
    await clerk.do("dispute.move", dispute_id=number, state="answered", text="Which two?")
    german = f"Streitfall {number} wurde beantwortet: too few calls"
    assert await desk.told() == {boss: f"Dispute {number} was answered: too few calls", carrier: german}
    assert "über 5,00 EUR wurde beantwortet" in desk.letters[carrier].text
    assert "Which two?" in desk.letters[carrier].text
    await desk.carrier.do("dispute.reply", dispute_id=number, text="At nine")
    assert {*await desk.told()} == {boss, colleague}
    await desk.carrier.do("dispute.withdraw", dispute_id=number)
    assert (await desk.told())[colleague] == f"Dispute {number} was withdrawn: too few calls"
    second = (await desk.objects(statement)).ok()
    await desk.told()
    (await desk.move(second, "closed")).ok()
    told = await desk.told()
    assert told[carrier] == f"Streitfall {second['id']} wurde geschlossen: too few calls"


async def test_a_mail_about_a_dispute_names_nobody_of_the_other_side(house: House) -> None:
    """Neither the people nor their mails: the partner's list of mails has its own only."""
    desk = Mailed(house)
    opened = (await desk.objects(await desk.stated())).ok()
    await house.office.hire(desk.boss, 1, "clerk@op.example", [house.office.roles["finance"]])
    (await desk.move(opened, "rejected")).ok()
    assert {*await desk.told()} >= {"c@carrier.example", "clerk@op.example"}
    assert "@op.example" not in desk.letters["c@carrier.example"].text
    listed = (await desk.carrier.do("mail.list"))["items"]
    assert {one["recipient"] for one in listed} <= {"c@carrier.example"}


async def test_a_reseller_s_people_work_on_its_customers_disputes(house: House) -> None:
    """Of what they are charged; of what a provider below it is owed, the operator's do."""
    desk = Mailed(house)
    await house.office.hire(desk.boss, house.ids["upper"], "u@upper.example")
    below = await house.office.account(desk.boss, house.ids["upper"], "buyer", "customer", billing="postpaid")
    house.ids["buyer"] = below
    await desk.by_hand("buyer")
    assert {*await desk.told()} == {"u@upper.example"}
    agent = await house.office.account(desk.boss, house.ids["upper"], "agent", "reseller", commission=True)
    await house.office.hire(desk.boss, agent, "a@agent.example")
    house.ids["agent's"] = await house.office.account(desk.boss, agent, "agent's", "customer", billing="postpaid")
    await desk.by_hand("agent's")
    assert {*await desk.told()} == {"u@upper.example"}, "a commission reseller has no money in it"


def test_german_knows_what_happens_to_disputes() -> None:
    """Every event of a mail; a word that nobody knows stays."""
    for event in (OPENED, NOTED, REPLIED, WITHDRAWN, SETTLED, *MOVED.values()):
        assert read_in({"event": event}, "de")["event"] != event, event
    assert read_in({"event": "was sold"}, "de")["event"] == "was sold"


async def test_nobody_disputes_for_another_account(objecting: Objecting) -> None:
    """Neither the operator for its partner, nor somebody outside, nor a user without the right; nothing is opened."""
    statement = await objecting.stated()
    got = await objecting.boss.ask("statement.dispute", statement_id=statement["id"], subject="x", amount="1", text="x")
    assert (got.status, "for the partner itself" in got["detail"]) == (403, True)
    office, ids = objecting.house.office, objecting.house.ids
    upper = await office.hire(objecting.boss, ids["upper"], "u@upper.example")
    got = await upper.ask("statement.dispute", statement_id=statement["id"], subject="x", amount="1", text="x")
    assert got.status == 404
    roles = [office.roles["read_only"]]
    objecting.carrier = await office.hire(objecting.boss, ids["carrier"], "r@carrier.example", roles)
    refused = await objecting.objects(statement)
    assert (refused.status, "statements.dispute" in refused["detail"]) == (403, True)
    assert (await objecting.boss.do("dispute.list"))["items"] == []


@pytest.mark.parametrize(
    ("more", "status", "said"),
    [({"amount": "0"}, 422, "an amount lies"), ({"text": ""}, 422, "at least 1"), ({"subject": ""}, 422, "at least 1")],
)
async def test_an_objection_says_what_and_why(
    objecting: Objecting, more: dict[str, Any], status: int, said: str
) -> None:
    """Else nothing is opened."""
    got = await objecting.objects(await objecting.stated(), **more)
    assert (got.status, said in str(got.body)) == (status, True), got
    assert (await objecting.boss.do("dispute.list"))["items"] == []


async def test_a_statement_has_so_many_open_disputes(objecting: Objecting) -> None:
    """After that its partner waits for answers."""
    statement = await objecting.stated()
    opened = [(await objecting.objects(statement)).ok() for _ in range(OPEN_MAX)]
    assert (await objecting.objects(statement)).status == 409
    await objecting.move(opened[0], "closed")
    (await objecting.objects(statement)).ok()


async def test_the_aging_says_how_long_they_wait(quarrel: Quarrel) -> None:
    """By currency and age; what is closed is left out."""
    closed = await quarrel.by_hand(amount="500")
    await quarrel.move(closed, "closed")
    ages_ms = {
        "1": 0,
        "2": 16 * DAY_MS - 1,
        "4": 16 * DAY_MS,
        "8": 31 * DAY_MS,
        "16": 61 * DAY_MS - 1,
        "32": 61 * DAY_MS,
    }
    for amount, age_ms in ages_ms.items():
        made = await quarrel.by_hand(amount=amount)
        opened_ms = quarrel.house.office.now_ms - age_ms
        async with quarrel.house.company.engine.begin() as conn:
            edited = sa.update(disputes).where(disputes.c.id == made["id"])
            await conn.execute(edited.values(opened_ms=opened_ms, due_ms=opened_ms + 15 * DAY_MS))
    items = (await quarrel.boss.do("dispute.aging"))["items"]
    assert [(one["days"], one["disputes"], one["amount"]) for one in items] == [
        ("0-15", 2, "3.00"),
        ("16-30", 1, "4.00"),
        ("31-60", 2, "24.00"),
        ("61-", 1, "32.00"),
    ]
    assert (await quarrel.boss.do("dispute.aging", query={"account_id": quarrel.house.ids["customer"]}))["items"] == []
    due = await quarrel.boss.do("dispute.list", query={"sort": "due", "state": "open"})
    assert [one["amount"] for one in due["items"]] == ["32.00", "16.00", "8.00", "4.00", "2.00", "1.00"]


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({}, 422, "name a comparison"),
        ({"account": "carrier"}, 422, "name a comparison"),
        ({"account": "carrier", "amount": "0"}, 422, "an amount lies"),
        ({"account": "customer", "amount": "1", "direction": "out"}, 422, "is no provider"),
        ({"account": "carrier", "amount": "1", "kinds": []}, 422, "at least 1"),
        ({"account": "carrier", "amount": "1", "due_days": 0}, 422, "greater than or equal"),
        ({"reconciliation_id": 99}, 422, "there is no reconciliation 99"),
    ],
)
async def test_what_is_wrong_is_told(quarrel: Quarrel, body: dict[str, Any], status: int, said: str) -> None:
    """Nothing is opened."""
    if "account" in body:
        body = body | {"account_id": quarrel.house.ids[body["account"]]}
        body.pop("account")
    got = await quarrel.boss.ask("dispute.open", subject="x", **body)
    assert (got.status, said in str(got.body)) == (status, True), got
    assert (await quarrel.boss.do("dispute.list"))["items"] == []


async def test_differences_that_speak_for_the_partner_are_no_dispute(quarrel: Quarrel) -> None:
    """What it forgot to charge."""
    compared = await quarrel.compared()
    got = await quarrel.boss.ask("dispute.open", reconciliation_id=compared["id"], subject="x", kinds=["only_ours"])
    assert (got.status, "speak against it" in got["detail"]) == (409, True)


async def test_a_reseller_agrees_on_nothing_that_the_operator_owes(quarrel: Quarrel) -> None:
    """Of its own customer that is a provider too: no dispute, commitment or comparison of that traffic."""
    house, ids = quarrel.house, quarrel.house.ids
    lower = await house.office.hire(quarrel.boss, ids["lower"], "l@lower.example")
    async with house.company.engine.begin() as conn:  # as an older release let it stand
        await conn.execute(sa.update(accounts).where(accounts.c.id == ids["customer"]).values(provides=True))
    out = {"account_id": ids["customer"], "direction": "out"}
    time = {"since": "2026-09-01T00:00:00Z", "until": "2026-09-20T00:00:00Z"}
    minimum = {"name": "m", "kind": "minimum", "committed_minutes": 9, "rate": "1", "period": "whole", **time}
    swap = minimum | {"name": "s", "kind": "swap"}
    dispute = await quarrel.by_hand("customer", direction="out")
    made = await quarrel.boss.do("commitment.make", **out, **minimum)
    await quarrel.move(dispute, "sent")
    for got in (
        await lower.ask("dispute.open", **out, amount="7", subject="x"),
        await lower.ask("dispute.move", dispute_id=dispute["id"], state="accepted", text="x"),
        await lower.ask("commitment.make", **out, **minimum),
        await lower.ask("commitment.make", **{**out, **swap, "direction": "both"}),
        await lower.ask("commitment.settle", commitment_id=made["id"], since=time["since"], key="c"),
        await lower.ask("commitment.end", commitment_id=made["id"]),
        await lower.ask("reconciliation.make", **out, **time, file="MTIz"),
    ):
        assert (got.status, "owed by the operator" in str(got.body)) == (403, True), got
    await quarrel.move(dispute, "accepted")
    assert (await lower.ask("dispute.settle", dispute_id=dispute["id"], key="d")).status == 403
    assert await root_cost(quarrel) == 0
    assert (await lower.ask("dispute.open", account_id=ids["customer"], amount="7", subject="x")).status == 201


@given(st.sampled_from(DISPUTE_STATES), st.sampled_from(DISPUTE_STATES))
def test_every_move_is_allowed_or_told(before: str, after: str) -> None:
    """And none leads out of the states that the ledger knows."""
    problem = move_problem(before, after)
    assert (problem is None) == (after in MOVES[before])
    assert set(MOVES) == set(DISPUTE_STATES) >= {one for moves in MOVES.values() for one in moves}


@given(st.integers(1, 10**12), st.integers(-5, 10**12) | st.none(), st.sampled_from(["accepted", "partly", "sent"]))
def test_what_is_agreed_on_lies_within_what_is_disputed(amount: int, said: int | None, after: str) -> None:
    """Or is refused."""
    try:
        agreed = agreed_micros(after, amount, said)
    except ValueError:
        assert said is not None or after == "partly"
        return
    assert (agreed == amount) == (after == "accepted")
    assert 0 <= agreed <= amount


@given(st.integers(0, 10**9), st.integers(1, 10**9), st.integers(-(10**6), 10**6), st.floats(0, 1))
def test_settled_books_are_what_was_agreed_on(ours: int, amount: int, risen: int, part: float) -> None:
    """To the micro-unit, whatever re-rating did: what the one counts that asks for money, less what it gives in."""
    agreed, now = int(amount * part), ours + risen
    compared = {"amount_micros": amount, "agreed_micros": agreed, "is_compared": True, "risen_micros": risen}
    assert now - settling_micros(Settling("out", **compared)) == ours + amount - agreed
    assert now + settling_micros(Settling("in", **compared)) == ours - agreed
    by_hand = [Settling(direction, amount, agreed, is_compared=False) for direction in ("out", "in")]
    assert [settling_micros(one) for one in by_hand] == [agreed, -agreed]


@given(st.integers(-(10**12), 10**12).filter(bool), st.sampled_from(["in", "out", "both"]))
def test_an_adjustment_adds_up_to_nothing(micros: int, direction: str) -> None:
    """Whatever its sign."""
    lines = adjusting_postings(7, 1, direction, micros, "EUR")
    check(lines)
    assert (lines[0].amount_micros, lines[1].book) == (-micros, "cost" if direction == "out" else "revenue")
