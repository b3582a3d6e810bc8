"""The API of an invoice's paper: PDF, HTML, and the XML of EN 16931."""

from __future__ import annotations

import asyncio
import base64
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import Field

from service.access.permissions import Permission
from service.api.call import Call
from service.api.endpoint import Answer, Endpoint
from service.api.problems import Problem, invalid
from service.api.values import Asked, Told
from service.billing.document import Document, DocumentFault
from service.billing.invoices_api import check_shown
from service.billing.paper.electronic import NotElectronic, cii_of, ubl_of
from service.billing.paper.html import html_of
from service.billing.paper.printer import Printer
from service.billing.written import document_of
from service.database.engine import reading
from service.faults import Fault

_PRINTER = Printer()
"""One for the whole service: PDFs are made one after the other."""


class PaperQuery(Asked):
    """As what."""

    form: Annotated[
        Literal["pdf", "html", "ubl", "cii"],
        Field(description="pdf: with its data inside (Factur-X); ubl and cii: the data alone"),
    ] = "pdf"


class PaperView(Told):
    """A file."""

    name: str
    type: str
    data: Annotated[str, Field(description="base64")]


class _Form(NamedTuple):
    ending: str
    type: str


_FORMS = {
    "pdf": _Form("pdf", "application/pdf"),
    "html": _Form("html", "text/html"),
    "ubl": _Form("ubl.xml", "application/xml"),
    "cii": _Form("cii.xml", "application/xml"),
}


async def show_paper(call: Call) -> Answer:
    """As it was issued. No connection is kept while it is made."""
    check_shown(call)
    query: PaperQuery = call.query
    if call.row.number is None:
        raise Problem("not-found", "it has no number: what is a draft or void has no paper")
    try:
        async with reading(call.api.engine) as conn:
            document = await document_of(conn, call.row.id)
        data = await _made(document, query.form)
    except (DocumentFault, NotElectronic, Fault) as fault:
        raise invalid("/form", str(fault), "query") from None
    form = _FORMS[query.form]
    name = f"{call.row.number.replace('/', '-')}.{form.ending}"
    return Answer(PaperView(name=name, type=form.type, data=base64.b64encode(data).decode("ascii")))


async def _made(document: Document, form: str) -> bytes:
    if form == "pdf":
        return await _PRINTER.pdf_of(document)
    return await asyncio.to_thread(_MAKERS[form], document)


_MAKERS: dict[str, Any] = {
    "html": lambda document: html_of(document).encode("utf-8"),
    "ubl": ubl_of,
    "cii": cii_of,
}

ENDPOINTS = [
    Endpoint(
        "invoice.paper", "GET", "/invoices/{invoice_id}/paper", Permission.INVOICES_READ, show_paper,
        "Show an invoice as PDF, HTML or XML", query=PaperQuery, answer=PaperView, own_transaction=True,
    ),
]  # fmt: skip
