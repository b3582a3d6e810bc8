"""What the overview says first where there is something: accounts that are suspended by an alarm, faults that stand,
disputes that wait for an answer, invoices that nobody has issued.
"""

from __future__ import annotations

from service.accounts.rules import ROOT_ID
from service.portal.components.facts import Section, part
from service.portal.pages.doctor import FAULTS
from service.portal.pages.fraud import ALARMS
from service.portal.pages.invoices import INVOICES
from service.portal.pages.partners import DISPUTES
from service.portal.visit import Visit


async def attention(visit: Visit) -> list[Section | None]:
    """A section of each that has something."""
    found = [
        await part(
            visit, "Alarms that hold", "alarm.list", ALARMS.columns, query={"standing": "true"}, more=ALARMS.path,
            actions=(("All alarms", ALARMS.path, "alarm.list"),),
        ),
        await _faults(visit),
        await _disputes(visit),
        await _drafts(visit),
    ]  # fmt: skip
    return [one for one in found if one is not None and one.table is not None and one.table.rows]


async def _disputes(visit: Visit) -> Section | None:
    if not visit.can("dispute.move"):
        return None
    return await part(
        visit, "Disputes that wait for an answer", "dispute.list", DISPUTES.columns,
        query={"waits": "true", "sort": "due"},
        more=f"{DISPUTES.path}?waits=true", actions=(("All disputes", DISPUTES.path, "dispute.list"),),
    )  # fmt: skip


async def _drafts(visit: Visit) -> Section | None:
    """Of one's own sales: terms want somebody to look, or something is missing, which is told to who issues one."""
    if not visit.can("invoice.issue") or not visit.sells:
        return None
    shown = [one for one in INVOICES.columns if one.title in {"Number", "Kind", "Account", "Total"}]
    return await part(
        visit, "Drafts of invoices that wait", "invoice.list", shown,
        query={"state": "draft", "seller_id": str(visit.account_id)},
        more=f"{INVOICES.path}?state=draft", actions=(("All invoices", INVOICES.path, "invoice.list"),),
    )  # fmt: skip


async def _faults(visit: Visit) -> Section | None:
    if visit.account_id != ROOT_ID:
        return None
    return await part(
        visit, "Faults of the doctor", "doctor-fault.list", FAULTS.columns[:3], query={"state": "standing"},
        more=FAULTS.path,
        actions=(("Nights", "/doctor", "doctor-run.list"), ("Faults", FAULTS.path, "doctor-fault.list")),
    )  # fmt: skip
