"""A document as PDF: set by typst, PDF/A-3b, tagged. Blocking: a web handler calls it in a thread."""

from __future__ import annotations

import json
import tempfile
from datetime import UTC, datetime, time
from functools import cache
from pathlib import Path
from typing import Any

import typst

from service.billing.document import Document
from service.billing.paper import fonts
from service.billing.paper.breaking import NARROW, WIDE, breakable
from service.billing.paper.fit import fit_of
from service.billing.paper.metadata import with_factur_x
from service.billing.paper.sheet import Sheet, sheet_of

TEMPLATE = Path(__file__).with_name("sheet.typ")
STANDARD = "a-3b"
PNG_PPI = 80
BROKEN = {
    "code": 0, "payment": 0, "payment_title": 0, "code_label": 0,
    "reasons": WIDE, "terms": WIDE, "notes": WIDE, "imprint": WIDE,
}  # fmt: skip
"""Of which parts how long words are left whole, where they aren't narrow. What is copied to pay by is never broken."""
_LOGO_NAMES = {"image/png": "logo.png", "image/jpeg": "logo.jpg"}


def pdf_of(document: Document, data: bytes = b"") -> bytes:
    """The PDF: the same bytes each time. `data`: XML that goes inside, as Factur-X wants it; empty: none."""
    options: dict[str, Any] = {"format": "pdf", "pdf_standards": [STANDARD], "timestamp": _midnight(document)}
    with tempfile.TemporaryDirectory(prefix="kambill-paper-") as name:
        pdf = bytes(_compile(document, Path(name), data, **options))
    return with_factur_x(pdf) if data else pdf


def pngs_of(document: Document) -> list[bytes]:
    """Its pages as pictures."""
    with tempfile.TemporaryDirectory(prefix="kambill-paper-") as name:
        made = _compile(document, Path(name), b"", format="png", ppi=PNG_PPI)
    return made if isinstance(made, list) else [made]


def _compile(document: Document, folder: Path, data: bytes, **options: Any) -> Any:
    """`folder` is all that the template can read: the logo, if there is one that can be drawn."""
    logo, sheet = "", sheet_of(document)
    more = {"data": data.decode("utf-8")} if data else {}
    if document.branding.logo:
        logo = _LOGO_NAMES[document.branding.logo_type]
        (folder / logo).write_bytes(document.branding.logo)
    try:
        return _set(_json(sheet, logo), more, folder, options)
    except typst.TypstError:
        if not logo:
            raise
        # Nobody's invoice waits for a picture: the name stands there instead, as for sellers that have none.
        return _set(_json(sheet, ""), more, folder, options)


def _set(sheet: str, more: dict[str, str], folder: Path, options: dict[str, Any]) -> Any:
    inputs = {"sheet": sheet} | more
    return _compiler().compile(TEMPLATE.read_bytes(), root=str(folder), sys_inputs=inputs, **options)


def _compiler() -> typst.Compiler:
    """A new one each time: threads can't share one, and the fonts are what takes long."""
    return typst.Compiler(font_paths=_fonts())


@cache
def _fonts() -> typst.Fonts:
    return typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[str(fonts.FOLDER)])


def _json(sheet: Sheet, logo: str) -> str:
    told = {name: _plain(one, BROKEN.get(name, NARROW)) for name, one in sheet._asdict().items()}
    return json.dumps(told | {"logo": logo, "fonts": fonts.FAMILIES, "fit": fit_of(sheet.table)._asdict()})


def _plain(value: Any, whole: int) -> Any:
    """Records as objects; text as far as the fonts can show it. `whole`: what is never broken; 0: nothing is."""
    if isinstance(value, str):
        shown = fonts.showable(value)
        return breakable(shown, whole) if whole else shown
    if hasattr(value, "_asdict"):
        extra = {"is_text": value.is_text} if hasattr(value, "is_text") else {}
        return {name: _plain(one, whole) for name, one in value._asdict().items()} | extra
    return [_plain(one, whole) for one in value] if isinstance(value, tuple) else value


def _midnight(document: Document) -> datetime:
    return datetime.combine(document.issued_on, time(), UTC)
