"""The API of an invoice's paper: PDF, HTML, and the XML of EN 16931."""

from __future__ import annotations

from service.access.permissions import Permission
from service.api.call import Call
from service.api.endpoint import Answer, Endpoint
from service.api.problems import Problem, invalid
from service.billing.document import DocumentFault
from service.billing.invoices_api import check_shown
from service.billing.paper.electronic import NotElectronic
from service.billing.papers import PaperQuery, PaperView, paper_of, told
from service.billing.written import document_of
from service.database.engine import reading
from service.faults import Fault


async def show_paper(call: Call) -> Answer:
    """As it was issued."""
    check_shown(call)
    query: PaperQuery = call.query
    if call.row.number is None:
        raise Problem("not-found", "it has no number: what is a draft or void has no paper")
    try:
        async with reading(call.api.engine) as conn:
            document = await document_of(conn, call.row.id)
        return told(await paper_of(document, query.form))
    except (DocumentFault, NotElectronic, Fault) as fault:
        raise invalid("/form", str(fault), "query") from None


ENDPOINTS = [
    Endpoint(
        "invoice.paper", "GET", "/invoices/{invoice_id}/paper", Permission.INVOICES_READ, show_paper,
        "Show an invoice as PDF, HTML or XML", query=PaperQuery, answer=PaperView, own_transaction=True,
    ),
]  # fmt: skip
