"""A document as a page of HTML that stands alone and prints well: no scripts, nothing fetched, all text escaped."""

from __future__ import annotations

import base64
from functools import cache
from pathlib import Path

import jinja2

from service.billing.document import Document
from service.billing.paper.sheet import sheet_of

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; sandbox"
"""The Content-Security-Policy that a page is served with. Of users its style holds two colours, `#rrggbb`."""


def html_of(document: Document) -> str:
    """The page."""
    sheet, branding = sheet_of(document), document.branding
    logo = _data(branding.logo, branding.logo_type) if branding.logo else ""
    code = _data(sheet.code.encode("ascii"), "image/svg+xml") if sheet.code else ""
    return _template().render(sheet=sheet, logo=logo, code=code)


@cache
def _template() -> jinja2.Template:
    loader = jinja2.FileSystemLoader(Path(__file__).parent)
    found = jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined)
    return found.get_template("sheet.html")


def _data(content: bytes, media_type: str) -> str:
    return f"data:{media_type};base64,{base64.b64encode(content).decode('ascii')}"
