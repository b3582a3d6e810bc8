"""Documents as files, and the one printer that the service makes PDFs by."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable
from typing import Annotated, Literal, NamedTuple

from pydantic import Field

from service.api.endpoint import Answer
from service.api.values import Asked, Told
from service.billing.document import Document
from service.billing.paper.electronic import cii_of, ubl_of
from service.billing.paper.html import html_of
from service.billing.paper.printer import Printer

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


def told(paper: Paper) -> Answer:
    """As the API answers it."""
    data = base64.b64encode(paper.content).decode("ascii")
    return Answer(PaperView(name=paper.name, type=paper.type, data=data))
