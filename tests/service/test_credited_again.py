"""Credit notes and re-rating of the same calls, in either order: together never more than the calls were charged."""

from __future__ import annotations

from typing import Any

from ratebook.money import parse_micros
from service.database.rerating_tables import corrections
from tests.service.again import count, publish, rerate
from tests.service.test_invoices import Bureau, bureau

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
