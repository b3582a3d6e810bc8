"""Credit notes and re-rating of the same calls, in either order: together never more than the calls were charged."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from ratebook.money import parse_micros
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
