"""Templates tried with real data, mails to oneself, addresses that get none: what one looks at before one writes."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from service.database.message_tables import suppressions
from service.messages.composing import faults_text
from service.messages.samples import NEEDS
from service.messages.trials_api import FAULTS
from service.sellers.templates import KINDS
from tests.service.mailroom import Mailroom, part
from tests.service.office import NOW_MS, Got, Person
from tests.service.test_broadcasts import written
from tests.service.test_mails import Desk, desk, room
from tests.service.test_sellers import trade

__all__ = ["desk", "room", "trade"]
REAL: dict[str, dict[str, Any]] = {
    "receipt": {"number": "R-7", "total": "12.50", "currency": "EUR", "received": "2026-09-20"},
    "rate_change": {"tariff": "gold", "changes": "3", "effective": "2026-10-01 00:00 UTC"},
    "fraud_alarm": {"rule": "more than 5.00 an hour", "seen": "7.20", "action": "calls are refused"},
    "cdr_file": {"file_id": 1, "name": "calls-1.csv", "calls": "9"},
}
"""Fields of a last mail, by kind."""


async def preview(desk: Desk, kind: str, by: Person | None = None, language: str = "en", **more: Any) -> Got:
    """With every placeholder that the kind has."""
    text = "\n".join(f"{name}={{{{ {name} }}}}" for name in sorted(KINDS[kind].placeholders))
    of = {"account_id": desk.trade.reseller_id, "kind": kind, "language": language}
    body = {"subject": "Hi {{ account }}", "text": text} | more
    return await (by or desk.trade.reseller).ask("mail-template.preview", **of, body=body)


@pytest.mark.parametrize("kind", list(KINDS))
async def test_every_kind_is_shown_with_an_accounts_data(desk: Desk, kind: str) -> None:
    """What the last such mail said, never its secrets; where there is none, an example that is named as such."""
    trade = desk.trade
    fields = REAL.get(kind, {})
    await desk.put(trade.customer_id, "c@c.example", kind, **fields, link="SECRET", user_id=1)
    shown = (await preview(desk, kind, account_id=trade.customer_id)).ok()
    lines = dict(line.split("=", 1) for line in shown["text"].splitlines() if "=" in line)
    assert (shown["subject"], lines["company"], lines["name"]) == ("Hi customer", "reseller", "c@c.example")
    assert "SECRET" not in str(shown)
    for name, value in fields.items():
        if name in lines and name != "name":  # of a person, and not of a file
            assert (lines[name], name in shown["examples"]) == (value, False)
    if kind == "low_balance":
        assert (lines["balance"], lines["threshold"], shown["examples"]) == ("0.00", "5.00", ["threshold"])


async def test_an_example_of_what_the_doctor_found_speaks_german(desk: Desk) -> None:
    """And is the kind's own in English."""
    assert faults_text(FAULTS, "en") == KINDS["doctor_failed"].placeholders["faults"]
    shown = (await preview(desk, "doctor_failed", language="de")).ok()
    assert "faults=Summen der Buchungen: Buchung 7: 1 Mikroeinheiten EUR, erwartet waren 0" in shown["text"]


async def test_without_an_account_all_is_an_example(desk: Desk) -> None:
    """As the kinds have them."""
    shown = (await preview(desk, "invoice")).ok()
    assert (shown["examples"], "number=2026-00042" in shown["text"]) == (sorted(KINDS["invoice"].placeholders), True)
    standing = (await preview(desk, "invoice", subject=None, text=None)).ok()
    assert standing["subject"] == "Invoice 2026-00042 of Example Telecom"


async def test_whose_data_one_may_not_see_one_is_not_shown(desk: Desk) -> None:
    """By right and by subtree; an invoice must be the account's, and the kind's."""
    trade, office = desk.trade, desk.trade.office
    made = await trade.reseller.do(
        "role.define", account_id=trade.reseller_id, name="writer", permissions=["messages.read", "accounts.read"]
    )
    writer = await office.hire(office.boss, trade.reseller_id, "w@r.example", [made["id"]])
    for kind in KINDS:
        got = await preview(desk, kind, writer, account_id=trade.customer_id)
        assert got.status == (403 if kind in NEEDS else 200), kind
    assert (await preview(desk, "welcome", account_id=trade.other_id)).status == 422
    assert (await preview(desk, "welcome", account_id=trade.reseller_id)).status == 422
    assert (await preview(desk, "invoice", account_id=trade.customer_id, invoice_id=99)).status == 422


async def test_a_template_is_mailed_to_oneself_in_its_sellers_name(desk: Desk, room: Mailroom) -> None:
    """As customers would read it; nobody else gets one, and a customer can't."""
    trade, boss = desk.trade, desk.trade.office.boss
    await trade.reseller.do("brand.edit", account_id=trade.reseller_id, company="R Ltd", sender_address="hi@r.example")
    of = {"account_id": trade.reseller_id, "kind": "fraud_alarm", "language": "en"}
    body = {"subject": "{{ account }}: look", "text": "At {{ company }}: {{ rule }}", "account_id": trade.customer_id}
    await trade.reseller.do("mail-template.try", **of, body=body)
    await boss.do("mail-template.try", **of, body=body)
    await desk.send()
    assert room.recipients == ["r@r.example", "boss@op.example"]
    for letter in room.letters:
        assert (letter["From"], letter["Subject"]) == ("R Ltd <hi@r.example>", "customer: look")
        assert "At R Ltd: more than 50.00 EUR an hour" in part(letter, "plain")
    refused = await trade.customer.ask("mail-template.try", **of | {"account_id": trade.customer_id}, body=body)
    assert refused.status == 403
    wrong = await trade.reseller.ask("mail-template.try", **of, body=body | {"text": "{{ nam }}"})
    assert wrong.status == 422


async def test_a_new_user_is_welcomed_once(desk: Desk, room: Mailroom) -> None:
    """When the first password is chosen; a reset welcomes nobody."""
    trade, office = desk.trade, desk.trade.office
    await office.hire(office.boss, trade.customer_id, "new@c.example")
    await office.nobody.do("password.forget", email="new@c.example")
    await desk.send()
    assert [(one["To"], one["Subject"]) for one in room.letters] == [
        ("new@c.example", "Your login at reseller"), ("new@c.example", "Welcome to reseller"),
        ("new@c.example", "Your password at reseller"),
    ]  # fmt: skip
    link = part(room.letters[2], "plain").split("link=")[1].split()[0]
    await office.nobody.do("password.choose", link=link, password="another long password")
    await desk.send()
    assert len(room.got) == 3


async def test_suppressed_addresses_are_found_and_lifted(desk: Desk) -> None:
    """By whoever may write; then the next broadcast reaches them again."""
    trade = desk.trade
    rows = [("c@c.example", "unsubscribed"), ("gone@x.example", "bounced")]
    async with trade.office.engine.begin() as conn:
        for address, reason in rows:
            values = {"account_id": trade.reseller_id, "address": address, "reason": reason, "created_ms": NOW_MS}
            await conn.execute(sa.insert(suppressions).values(**values))
    found = await trade.reseller.do("suppression.list", query={"address": "C@C", "reason": "unsubscribed"})
    (one,) = found["items"]
    assert (one["address"], one["reason"], one["account_id"]) == ("c@c.example", "unsubscribed", trade.reseller_id)
    draft = await written(desk, trade.reseller, trade.reseller_id)
    assert (await trade.reseller.do("broadcast.sample", broadcast_id=draft))["recipients"] == 0
    assert (await trade.customer.do("suppression.list"))["items"] == []
    assert (await trade.customer.ask("suppression.lift", suppression_id=one["id"])).status == 403
    await trade.reseller.do("suppression.lift", suppression_id=one["id"])
    assert (await trade.reseller.do("broadcast.sample", broadcast_id=draft))["sample"] == ["c@c.example"]
    assert (await trade.reseller.ask("suppression.lift", suppression_id=one["id"])).status == 404
