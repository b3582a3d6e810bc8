"""Credit notes and re-rating of the same calls, in either order: together never more than the calls were charged."""

from __future__ import annotations

import random
from typing import Any

import pytest
import sqlalchemy as sa

from ratebook.money import format_micros, parse_micros
from service.database.engine import reading
from service.database.rerating_tables import corrections
from tests.service.again import count, look, publish, rerate
from tests.service.test_invoices import MONTH_MS, Bureau, bureau

__all__ = ["bureau"]


async def _invoiced(bureau: Bureau) -> dict[str, Any]:
    """A call of 61 s, for 0.061."""
    await bureau.talk(61)
    await bureau.run()
    (invoice,) = await bureau.invoices("customer")
    return invoice


async def _credited(bureau: Bureau, invoice: dict[str, Any]) -> dict[str, int]:
    """What its notes come to."""
    listed = await bureau.invoices("customer", kind="credit_note")
    notes = [one for one in listed if one["refers_to_id"] == invoice["id"]]
    return {name: sum(parse_micros(one[name]) for one in notes) for name in ("net", "tax", "rounding", "total")}


async def test_what_re_rating_found_is_not_credited_again(bureau: Bureau) -> None:
    """The whole invoice is what is left beside it; with the note of corrections both come to exactly the invoice."""
    before = await bureau.balance("customer")
    invoice = await _invoiced(bureau)
    await publish(bureau, retail="0.03")
    assert (await rerate(bureau, tariff_id=await _retail(bureau)))["changed"] == 1
    (line,) = await bureau.lines(invoice)
    refused = await bureau.credit(invoice, lines=[{"line_id": line["id"], "amount": "0.0306"}])
    assert (refused.status, "0.0305 of it can be credited" in refused["detail"]) == (409, True)
    assert (await bureau.credit(invoice)).ok()["net"] == "0.0305"
    assert (await bureau.credit(invoice, corrections=True)).ok()["net"] == "0.0305"
    assert (await bureau.credit(invoice)).status == 409
    assert await _credited(bureau, invoice) == {
        name: parse_micros(invoice[name]) for name in ("net", "tax", "rounding", "total")
    }
    await bureau.company.pump()
    assert await bureau.balance("customer") == before == bureau.stored("customer")
    await bureau.sound()


async def test_what_is_credited_wholly_is_not_rated_again(bureau: Bureau) -> None:
    """Told with its reason; the other levels are; what re-rating alone has given back may be rated back."""
    invoice = await _invoiced(bureau)
    (await bureau.credit(invoice)).ok()
    after = await bureau.balance("customer")
    await publish(bureau, retail="0.03", resale="0.02")
    done = await rerate(bureau)
    assert (done["changed"], done["left_alone"]) == (1, {"credited": 1})
    assert await bureau.balance("customer") == after
    assert await count(bureau, corrections) == 1
    assert (await bureau.office.boss.do("invoice.preview", account_id=bureau.ids["customer"]))["invoices"] == []
    await bureau.sound()


async def test_a_correction_s_note_is_no_end(bureau: Bureau) -> None:
    """Rated to nothing, credited, and rated back."""
    invoice = await _invoiced(bureau)
    retail = await _retail(bureau)
    await publish(bureau, retail="0.00")
    await rerate(bureau, tariff_id=retail)
    assert (await bureau.credit(invoice, corrections=True)).ok()["net"] == "0.061"
    await publish(bureau, retail="0.06")
    done = await rerate(bureau, tariff_id=retail)
    assert (done["changed"], done["left_alone"]) == (1, {})
    await bureau.sound()


async def _retail(bureau: Bureau) -> int:
    tariffs = (await bureau.office.boss.do("tariff.list"))["items"]
    return next(int(one["id"]) for one in tariffs if one["name"] == "retail")


async def test_what_is_credited_in_part_is_rated_down_by_what_is_left(bureau: Bureau) -> None:
    """Two calls on a line of 0.061, half of it credited: one of the two may fall to nothing, the other one no more."""
    await bureau.talk(30, 31)
    await bureau.run()
    (invoice,) = await bureau.invoices("customer")
    (line,) = await bureau.lines(invoice)
    (await bureau.credit(invoice, lines=[{"line_id": line["id"], "amount": "0.0305"}])).ok()
    await publish(bureau, retail="0.00")
    retail = await _retail(bureau)
    seen = await look(bureau, tariff_id=retail)
    assert seen["left_alone"] == {"credited": 1}
    done = await rerate(bureau, tariff_id=retail)
    assert (done["changed"], done["left_alone"]) == (1, {"credited": 1})
    assert (await rerate(bureau, tariff_id=retail))["changed"] == 0
    (line,) = await bureau.lines(invoice)
    assert line["left"] == "0.0005"
    assert await _given_back(bureau, invoice) <= parse_micros(invoice["net"])
    await bureau.sound()


async def test_what_re_rating_added_is_not_credited_beside_its_correction(bureau: Bureau) -> None:
    """Dearer on the next invoice, which is credited; then rated down again: the call is given back once."""
    invoice = await _invoiced(bureau)
    retail = await _retail(bureau)
    await publish(bureau, retail="0.09")
    await rerate(bureau, tariff_id=retail)
    await bureau.run(2 * MONTH_MS)
    later = (await bureau.invoices("customer"))[-1]
    assert later["net"] == "0.0305"
    (await bureau.credit(later)).ok()
    await publish(bureau, retail="0.00")
    done = await rerate(bureau, tariff_id=retail)
    assert (done["changed"], done["left_alone"]) == (0, {"credited": 1})
    await publish(bureau, retail="0.03")
    assert (await rerate(bureau, tariff_id=retail))["left_alone"] == {}
    assert (await bureau.credit(invoice)).status == 409
    assert await _given_back(bureau, invoice) <= parse_micros(invoice["net"])
    await bureau.sound()


async def _given_back(bureau: Bureau, invoice: dict[str, Any]) -> int:
    """Of an invoice, by notes and by re-rating, as plain SQL has it."""
    return (await _credited(bureau, invoice))["net"] - await _fallen(bureau)


async def _fallen(bureau: Bureau) -> int:
    """What the customer's calls are charged more than on their invoice."""
    text = "SELECT COALESCE(SUM(c.charge_micros - i.amount_micros), 0) FROM charges c JOIN invoice_calls i "
    text += "ON i.cdr_id = c.cdr_id AND i.level = c.level WHERE c.account_id = :account"
    async with reading(bureau.company.engine) as conn:
        found = await conn.execute(sa.text(text), {"account": bureau.ids["customer"]})
        return int(found.scalar_one())


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_whatever_is_credited_and_rated_no_call_is_given_back_twice(bureau: Bureau, seed: int) -> None:
    """In any order, over months: notes beside re-rating come to no more than the calls on invoices are charged now, and
    notes of a line to no more than the line.
    """
    dice, months = random.Random(seed), 0
    retail = await _retail(bureau)
    for _ in range(14):
        match dice.choice(("bill", "rate", "rate", "credit", "credit")):
            case "bill":
                await publish(bureau, retail="0.06")
                await bureau.talk(dice.randint(1, 99), dice.randint(1, 99))
                months += 1
                await bureau.run(months * MONTH_MS)
            case "rate":
                await publish(bureau, retail=dice.choice(("0.00", "0.03", "0.05", "0.07", "0.09")))
                await rerate(bureau, tariff_id=retail)
            case "credit":
                await _credit_some(bureau, dice)
        assert await _left(bureau) >= 0
        assert await _plain(bureau, _OVER) == 0
    assert await _plain(bureau, f"SELECT COUNT(*) {_NOTES}") > 0
    assert await count(bureau, corrections) > 0
    await bureau.sound()


async def _credit_some(bureau: Bureau, dice: random.Random) -> None:
    """A part of a line, or all that is left of an invoice, if there is one."""
    issued = await bureau.invoices("customer", kind="invoice")
    if not issued:
        return
    invoice = dice.choice(issued)
    if dice.random() < 0.3:
        await bureau.credit(invoice, **({} if dice.random() < 0.5 else {"corrections": True}))
        return
    line = dice.choice(await bureau.lines(invoice))
    left = parse_micros(line["left"])
    if left > 0:
        part = format_micros(left if dice.random() < 0.3 else dice.randint(1, left))
        (await bureau.credit(invoice, lines=[{"line_id": line["id"], "amount": part}])).ok()


_NOTES = """FROM invoice_lines n JOIN invoices i ON i.id = n.invoice_id WHERE i.kind = 'credit_note'
    AND i.account_id = :account AND n.credits_line_id IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM invoice_corrections c WHERE c.line_id = n.id)"""
_CHARGED = """FROM charges c JOIN invoice_calls i ON i.cdr_id = c.cdr_id AND i.level = c.level
    WHERE c.account_id = :account"""
_OVER = f"""SELECT COUNT(*) FROM invoice_lines l WHERE l.amount_micros > 0 AND l.amount_micros <
    (SELECT COALESCE(SUM(n.amount_micros), 0) {_NOTES} AND n.credits_line_id = l.id)"""


async def _left(bureau: Bureau) -> int:
    """What calls on invoices are charged, less what notes gave back that no re-rating has posted."""
    charged = await _plain(bureau, f"SELECT COALESCE(SUM(c.charge_micros), 0) {_CHARGED}")
    return charged - await _plain(bureau, f"SELECT COALESCE(SUM(n.amount_micros), 0) {_NOTES}")


async def _plain(bureau: Bureau, text: str) -> int:
    """An independent look."""
    async with reading(bureau.company.engine) as conn:
        return int((await conn.execute(sa.text(text), {"account": bureau.ids["customer"]})).scalar_one())
