"""Workbooks, read by a process of their own, which may take so much memory and time and no more.

A few hundred bytes can say that a cell stands in the last row and column, or that one long text fills all cells. What
reads workbooks makes room for that, and where there is none it ends its process: that must not be the service.
Run as a program this file is that process; it imports nothing of ours.
"""

from __future__ import annotations

import io
import pickle
import resource
import subprocess
import sys
import zipfile
from typing import NamedTuple

MEMORY_BYTES_MAX = 2 << 30
CPU_S_MAX = 60
WAIT_S_MAX = 120
"""On a busy machine the processor's seconds take longer."""
UNPACKED_BYTES_MAX = 512 * 1024 * 1024
"""Of a workbook, which is an archive: a small file may hold a very large one."""
ROWS_MAX = 1_200_000
COLUMNS_MAX = 200
ARCHIVE = b"PK\x03\x04"
"""How XLSX, XLSB and ODS begin."""
UNREADABLE = 3
"""How the process ends that has said why."""

Area = tuple[tuple[int, int], tuple[int, int]]
"""Top and left, bottom and right of merged cells, from 0."""


class UnreadableSheet(Exception):
    """The file is no table; the text says why."""


class RawSheet(NamedTuple):
    """One sheet of a workbook, its cells as they are kept in it."""

    name: str
    rows: list[list[object]]
    merged: list[Area]


def read_workbook(raw: bytes) -> list[RawSheet]:
    """The sheets of a workbook. Raises UnreadableSheet."""
    if raw.startswith(ARCHIVE):
        _check_archive(raw)
    try:
        reader = [sys.executable, "-I", __file__]
        done = subprocess.run(reader, input=raw, capture_output=True, timeout=WAIT_S_MAX, check=False)
    except subprocess.TimeoutExpired:
        raise UnreadableSheet(f"the workbook takes more than {WAIT_S_MAX} s to read") from None
    if done.returncode == UNREADABLE:
        raise UnreadableSheet(done.stderr.decode(errors="replace").strip())
    if done.returncode:
        limits = f"{MEMORY_BYTES_MAX >> 30} GiB of memory or {CPU_S_MAX} s"
        raise UnreadableSheet(f"the workbook takes more than {limits} to read: save what is in it as CSV")
    return [RawSheet(*one) for one in pickle.loads(done.stdout)]  # noqa: S301 -- our own process


def _check_archive(raw: bytes) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            size = sum(one.file_size for one in archive.infolist())
    except zipfile.BadZipFile as fault:
        raise UnreadableSheet(f"the workbook can't be read ({fault})") from None
    if size > UNPACKED_BYTES_MAX:
        raise UnreadableSheet(f"the workbook unpacks to {size} bytes: {UNPACKED_BYTES_MAX} at most")


def _main() -> None:
    """Reads a workbook from the standard input, and writes its sheets to the standard output."""
    import python_calamine  # noqa: PLC0415 -- in this process alone

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES_MAX, MEMORY_BYTES_MAX))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S_MAX, CPU_S_MAX))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    found = []
    try:
        book = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(sys.stdin.buffer.read()))
        for name in book.sheet_names:
            sheet = book.get_sheet_by_name(name)
            if sheet.height > ROWS_MAX:
                sys.stderr.write(f"sheet {name} has {sheet.height} rows: {ROWS_MAX} at most")
                sys.exit(UNREADABLE)
            rows = [row[:COLUMNS_MAX] for row in sheet.to_python(skip_empty_area=False)]
            found.append((name, rows, sheet.merged_cell_ranges or []))
    except (python_calamine.CalamineError, zipfile.BadZipFile, ValueError, OSError) as fault:
        sys.stderr.write(f"the workbook can't be read ({fault})")
        sys.exit(UNREADABLE)
    pickle.dump(found, sys.stdout.buffer, protocol=pickle.HIGHEST_PROTOCOL)


if __name__ == "__main__":
    _main()
