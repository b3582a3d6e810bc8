"""Writes docs/pictures, or with --pdf the PDFs."""

from __future__ import annotations

import argparse
from pathlib import Path

from scripts.picturing.samples import SAMPLES, long_invoice
from service.billing.paper.electronic import electronic_pdf_of
from service.billing.paper.html import html_of
from service.billing.paper.pdf import pngs_of

PICTURES = Path(__file__).resolve().parents[2] / "docs" / "pictures"
LONG = 120
SHOWN = ("invoice-en", "invoice-ar", "invoice-uk", "statement-en", "invoice-long")
"""In the docs."""


def main() -> None:
    """The first page of each; of a long invoice the second one, where sums are carried."""
    parser = argparse.ArgumentParser(prog="scripts/pictures", description=__doc__)
    parser.add_argument("--pdf", type=Path, metavar="DIR", help="where PDFs and HTML go instead")
    folder = parser.parse_args().pdf
    documents = {name: made() for name, made in SAMPLES.items()} | {"invoice-long": long_invoice(LONG)}
    for name, document in documents.items():
        if folder:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{name}.pdf").write_bytes(electronic_pdf_of(document))
            (folder / f"{name}.html").write_text(html_of(document), encoding="utf-8")
        elif name in SHOWN:
            pages = pngs_of(document)
            PICTURES.mkdir(exist_ok=True)
            (PICTURES / f"{name}.png").write_bytes(pages[1 if name == "invoice-long" else 0])


if __name__ == "__main__":
    main()
