"""Says in a PDF's metadata that there is an invoice inside (Factur-X 1.0, "XMP extension schema").

The typesetter attaches the file, and can't say this. So the metadata are written again behind the end, as PDF allows
(ISO 32000-1, 7.5.6 "Incremental updates"): what stands there stays as it is, and nothing else has to be understood.
"""

from __future__ import annotations

import re

_SCHEMA_URI = "urn:factur-x:pdfa:CrossIndustryDocument:invoice:1p0#"
_PROPERTIES = {
    "DocumentFileName": ("factur-x.xml", "The name of the embedded XML document"),
    "DocumentType": ("INVOICE", "The type of the hybrid document"),
    "Version": ("1.0", "The version of the standard that the embedded XML document follows"),
    "ConformanceLevel": ("EN 16931", "The profile of the embedded XML document"),
}
_ENTRY = 20
"""Bytes of a line of the cross-reference table (7.5.4)."""
_BAG = b"<pdfaExtension:schemas><rdf:Bag>"
_END = b"</rdf:RDF>"


class UnknownPdf(ValueError):
    """A PDF that is not built as the typesetter builds them."""


def with_factur_x(pdf: bytes) -> bytes:
    """A PDF of the typesetter's with `factur-x.xml` attached. Raises UnknownPdf."""
    table, trailer = _table(pdf)
    (catalog,) = _groups(rb"/Root (\d+) 0 R", trailer)
    (number,) = _groups(rb"^.*?/Metadata (\d+) 0 R.*?endobj", pdf[_begin(pdf, table, int(catalog)) :])
    xmp = _stream(pdf, _begin(pdf, table, int(number)))
    if xmp.count(_BAG) != 1 or xmp.count(_END) != 1:
        raise UnknownPdf("its metadata have no place for a schema")
    fresh = xmp.replace(_BAG, _BAG + _schema()).replace(_END, _values() + _END)
    head = b"%d 0 obj\n<</Length %d/Type/Metadata/Subtype/XML>>\nstream\n" % (int(number), len(fresh))
    added = head + fresh + b"\nendstream\nendobj\n"
    border = b"" if pdf.endswith(b"\n") else b"\n"
    begins = len(pdf) + len(border)
    update = b"xref\n0 1\n0000000000 65535 f \n%d 1\n%010d 00000 n \n" % (int(number), begins)
    end = b"trailer\n%s/Prev %d>>\nstartxref\n%d\n%%%%EOF\n" % (trailer[:-2], table, begins + len(added))
    return pdf + border + added + update + end


def _groups(pattern: bytes, text: bytes) -> tuple[bytes, ...]:
    match = re.search(pattern, text, re.DOTALL)
    if match is None:
        raise UnknownPdf(f"it has no {pattern!r} where one was expected")
    return match.groups()


def _table(pdf: bytes) -> tuple[int, bytes]:
    """Where the cross-reference table begins, and the trailer's dictionary."""
    (at,) = _groups(rb"startxref\s+(\d+)\s+%%EOF\s*$", pdf[-100:])
    table = int(at)
    (trailer,) = _groups(rb"trailer\s+(<<.*>>)\s*startxref", pdf[table:])
    return table, trailer


def _begin(pdf: bytes, table: int, number: int) -> int:
    """Where an object begins; the table has one section, from object 0 on."""
    (head,) = _groups(rb"^(xref\r?\n0 \d+\r?\n)", pdf[table : table + 40])
    entry = table + len(head) + _ENTRY * number
    return int(pdf[entry : entry + 10])


def _stream(pdf: bytes, begins: int) -> bytes:
    """What stands in an object, by its length: names of people stand in it too, and may be called endstream."""
    head, length = _groups(rb"^(\d+ 0 obj\s*<<[^>]*?/Length (\d+)[^>]*>>\s*stream\r?\n)", pdf[begins : begins + 200])
    return pdf[begins + len(head) : begins + len(head) + int(length)]


def _schema() -> bytes:
    described = "".join(
        '<rdf:li rdf:parseType="Resource">'
        f"<pdfaProperty:name>{name}</pdfaProperty:name><pdfaProperty:valueType>Text</pdfaProperty:valueType>"
        f"<pdfaProperty:category>external</pdfaProperty:category>"
        f"<pdfaProperty:description>{description}</pdfaProperty:description></rdf:li>"
        for name, (_, description) in _PROPERTIES.items()
    )
    return (
        '<rdf:li rdf:parseType="Resource"><pdfaSchema:schema>Factur-X PDFA Extension Schema</pdfaSchema:schema>'
        f"<pdfaSchema:namespaceURI>{_SCHEMA_URI}</pdfaSchema:namespaceURI><pdfaSchema:prefix>fx</pdfaSchema:prefix>"
        f"<pdfaSchema:property><rdf:Seq>{described}</rdf:Seq></pdfaSchema:property></rdf:li>"
    ).encode("ascii")


def _values() -> bytes:
    values = "".join(f"<fx:{name}>{value}</fx:{name}>" for name, (value, _) in _PROPERTIES.items())
    return f'<rdf:Description rdf:about="" xmlns:fx="{_SCHEMA_URI}">{values}</rdf:Description>'.encode("ascii")
