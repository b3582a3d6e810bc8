"""A workbook (XLSX) that grows by rows, packed while it grows: flat memory, further sheets where one is full.

By hand, since what lists need of it is little and libraries take several times as long for it: cells are text or
numbers, without references and styles, each row one piece of XML.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterable
from typing import IO

SHEET_ROWS_MAX = 1_048_575
"""Of XLSX, without the line of names."""
SHEET_BYTES_MAX = 1 << 30
"""Of a sheet's XML: beyond twice as much an archive needs a form that not every program reads."""
_ROW_END = "</row>"
_CONTROL = bytes(one for one in range(32) if one not in b"\t\n")
_UNWRITABLE = re.compile(rb"[\x00-\x08\x0b-\x1f]")
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_BEGIN = (
    f'{_HEAD}<worksheet xmlns="{_MAIN}"><sheetViews><sheetView workbookViewId="0"><pane ySplit="1" topLeftCell="A2" '
    'activePane="bottomLeft" state="frozen"/></sheetView></sheetViews><sheetData>'
)
_END = "</sheetData></worksheet>"


def _writable(rows: str) -> bytes:
    """XML's bytes: what no XML may say is said as Excel does. There is hardly ever any, and then it is quickly seen."""
    told = rows.encode("utf-8", "replace")
    if len(told.translate(None, _CONTROL)) == len(told):
        return told
    return _UNWRITABLE.sub(lambda found: f"_x{found[0][0]:04X}_".encode(), told)


class Book:
    """A workbook that is being written into a file."""

    def __init__(self, file: IO[bytes], names: str) -> None:
        """`names`: the row of every sheet's head."""
        self._zip = zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1)
        self._names = names
        self._sheets = 0
        self._rows = self._bytes = 0
        self._sheet: IO[bytes] = self._begun()

    def _begun(self) -> IO[bytes]:
        self._sheets += 1
        self._rows = self._bytes = 0
        sheet = self._zip.open(f"xl/worksheets/sheet{self._sheets}.xml", "w")
        sheet.write((_BEGIN + self._names).encode())
        return sheet

    def add(self, rows: str, count: int) -> None:
        """So many rows' XML behind those that stand there."""
        left = SHEET_ROWS_MAX - self._rows
        if count > left:
            parts = rows.split(_ROW_END)
            self.add("".join(one + _ROW_END for one in parts[:left]), left)
            self._next()
            self.add("".join(one + _ROW_END for one in parts[left:count]), count - left)
            return
        told = _writable(rows)
        if self._bytes + len(told) > SHEET_BYTES_MAX:
            self._next()
        self._sheet.write(told)
        self._rows += count
        self._bytes += len(told)

    def _next(self) -> None:
        self._ended()
        self._sheet = self._begun()

    def _ended(self) -> None:
        self._sheet.write(_END.encode())
        self._sheet.close()

    def close(self) -> None:
        """Ends the last sheet, and says what there is."""
        self._ended()
        numbers = range(1, self._sheets + 1)
        sheets = "".join(f'<sheet name="Sheet{one}" sheetId="{one}" r:id="rId{one}"/>' for one in numbers)
        told = {
            "[Content_Types].xml": _types(numbers),
            "_rels/.rels": _links([("officeDocument", "xl/workbook.xml")]),
            "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets>{sheets}</sheets></workbook>',
            "xl/_rels/workbook.xml.rels": _links([("worksheet", f"worksheets/sheet{one}.xml") for one in numbers]),
        }
        for name, text in told.items():
            self._zip.writestr(name, _HEAD + text)
        self._zip.close()


def _types(numbers: Iterable[int]) -> str:
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    parts = [("/xl/workbook.xml", "sheet.main"), *((f"/xl/worksheets/sheet{one}.xml", "worksheet") for one in numbers)]
    told = "".join(f'<Override PartName="{name}" ContentType="{kind}.{of}+xml"/>' for name, of in parts)
    known = '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    return f'<Types xmlns="{_PACKAGE}/content-types">{known}{told}</Types>'


def _links(targets: Iterable[tuple[str, str]]) -> str:
    told = "".join(
        f'<Relationship Id="rId{number}" Type="{_OFFICE}/{kind}" Target="{target}"/>'
        for number, (kind, target) in enumerate(targets, 1)
    )
    return f'<Relationships xmlns="{_PACKAGE}/relationships">{told}</Relationships>'
