"""The API of an invoice's paper: PDF, HTML, and the XML of EN 16931."""

from __future__ import annotations

from service.access.permissions import Permission
from service.api.call import Call
from service.api.endpoint import Answer, Endpoint
from service.api.problems import Problem
from service.billing.invoices_api import check_shown
from service.billing.papers import PaperQuery, PaperView, answer_of
from service.billing.written import document_of


async def show_paper(call: Call) -> Answer:
    """As it was issued."""
    check_shown(call)
    query: PaperQuery = call.query
    if call.row.number is None:
        raise Problem("not-found", "it has no number: what is a draft or void has no paper")
    return await answer_of(call, document_of, query.form)


ENDPOINTS = [
    Endpoint(
        "invoice.paper", "GET", "/invoices/{invoice_id}/paper", Permission.INVOICES_READ, show_paper,
        "Show an invoice as PDF, HTML or XML", query=PaperQuery, answer=PaperView, own_transaction=True,
    ),
]  # fmt: skip
