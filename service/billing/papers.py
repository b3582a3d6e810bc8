"""Documents as files, and the one printer that the service makes PDFs by."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable
from typing import Annotated, Literal, NamedTuple

from pydantic import Field
from sqlalchemy.ext.asyncio import AsyncConnection

from service.api.call import Call
from service.api.endpoint import Answer
from service.api.problems import invalid
from service.api.values import Asked, Told
from service.billing.document import Document, DocumentFault
from service.billing.paper.electronic import NotElectronic, cii_of, ubl_of
from service.billing.paper.html import html_of
from service.billing.paper.printer import Printer
from service.database.engine import reading
from service.faults import Fault

PDF = "pdf"
_PRINTER = Printer()
"""One for the whole service: PDFs are made one after the other."""


class PlainQuery(Asked):
    """As what."""

    form: Literal["pdf", "html"] = "pdf"


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


class Paper(NamedTuple):
    """A file."""

    name: str
    type: str
    content: bytes


class _Form(NamedTuple):
    ending: str
    type: str


_FORMS = {
    PDF: _Form("pdf", "application/pdf"),
    "html": _Form("html", "text/html"),
    "ubl": _Form("ubl.xml", "application/xml"),
    "cii": _Form("cii.xml", "application/xml"),
}
_MAKERS: dict[str, Callable[[Document], bytes]] = {
    "html": lambda document: html_of(document).encode("utf-8"),
    "ubl": ubl_of,
    "cii": cii_of,
}


async def paper_of(document: Document, form: str = PDF) -> Paper:
    """The file. No connection is kept while it is made. Raises NotElectronic, Fault."""
    if form == PDF:
        content = await _PRINTER.pdf_of(document)
    else:
        content = await asyncio.to_thread(_MAKERS[form], document)
    found = _FORMS[form]
    return Paper(f"{document.number.replace('/', '-')}.{found.ending}", found.type, content)


async def answer_of(call: Call, written: Callable[[AsyncConnection, int], Awaitable[Document]], form: str) -> Answer:
    """What is written of the request's thing, as the API answers it. Raises Problem: it can't stand on such paper."""
    try:
        async with reading(call.api.engine) as conn:
            document = await written(conn, call.row.id)
        paper = await paper_of(document, form)
    except (DocumentFault, NotElectronic, Fault) as fault:
        raise invalid("/form", str(fault), "query") from None
    data = base64.b64encode(paper.content).decode("ascii")
    return Answer(PaperView(name=paper.name, type=paper.type, data=data))
