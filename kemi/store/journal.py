"""The call journal: files of checksummed lines on disk. The clerk writes them, the service reads them.

One line: crc32 of the JSON in 8 hex digits, a blank, the JSON, a newline. A line counts when its newline and
checksum are there; only the last line of a file can be torn.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from kemi.store.lines import read_line

FOLDER = "journal"
SUFFIX = ".log"
DIGITS = 10
ROTATE_BYTES = 64 * 1024 * 1024
LINE_BYTES_MAX = 1024 * 1024
"""A line beyond this is a fault of the file, not a call."""


class TornLine(Exception):
    """A line that is complete but wrong. At the end of a file that isn't the newest it is what a crash left."""

    def __init__(self, path: Path, offset: int) -> None:
        self.path = path
        self.offset = offset
        super().__init__(
            f"{path}: byte {offset}: a line with a wrong checksum: restore the file from a copy of the disk"
        )


def encode_line(body: bytes) -> bytes:
    """The line of a JSON text."""
    return b"%08x %b\n" % (zlib.crc32(body), body)


def decode_line(line: bytes) -> dict[str, Any] | None:
    """The event of a line without its newline; None: the checksum is wrong."""
    body = line[9:]
    try:
        crc = int(line[:8], 16)
    except ValueError:
        return None
    if line[8:9] != b" " or crc != zlib.crc32(body):
        return None
    return read_line(body)


def journal_files(folder: Path) -> list[Path]:
    """All files of a journal, oldest first."""
    return sorted(folder.glob(f"{'[0-9]' * DIGITS}{SUFFIX}"))


def read_lines(path: Path, offset: int = 0) -> Iterator[tuple[int, dict[str, Any]]]:
    """Each whole line from `offset` on: where the next one begins, and the event. Ends before an incomplete last line.

    Raises TornLine.
    """
    with path.open("rb") as file:
        file.seek(offset)
        while (line := file.readline(LINE_BYTES_MAX)).endswith(b"\n"):
            event = decode_line(line[:-1])
            if event is None:
                raise TornLine(path, offset)
            offset += len(line)
            yield offset, event


def read_all(folder: Path) -> Iterator[dict[str, Any]]:
    """Every event of a journal, oldest first. A torn line ends its file; in the middle of a file it raises TornLine."""
    for path in journal_files(folder):
        try:
            for _, event in read_lines(path):
                yield event
        except TornLine as torn:
            if torn.offset + LINE_BYTES_MAX < path.stat().st_size:
                raise


class JournalStopped(OSError):
    """The disk takes no more of the journal."""

    def __init__(self, folder: Path, fault: OSError) -> None:
        super().__init__(
            f"the journal in {folder} can't be written: {fault.strerror or fault}: free space on its disk, or mend it; "
            "calls go on meanwhile, and the hot store keeps what happens until it is full"
        )


class JournalWriter:
    """Appends lines to a new file of the folder."""

    def __init__(self, folder: Path) -> None:
        """Raises JournalStopped."""
        self._folder = folder
        self._file = self._begin()
        self._bytes = 0

    def _begin(self) -> int:
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o2770)
            return self._next_file()
        except OSError as fault:
            raise JournalStopped(self._folder, fault) from fault

    def _next_file(self) -> int:
        files = journal_files(self._folder)
        number = int(files[-1].stem) + 1 if files else 1
        path = self._folder / f"{number:0{DIGITS}}{SUFFIX}"
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o640)
        folder = os.open(self._folder, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)
        return file

    @property
    def is_full(self) -> bool:
        """Whether the next lines should go to a new file."""
        return self._bytes >= ROTATE_BYTES

    def rotate(self, carried: Iterable[bytes]) -> None:
        """Begins a new file with lines that older files need not be kept for. Raises JournalStopped: the old one goes
        on if there is no new one.
        """
        old, self._file = self._file, self._begin()
        os.close(old)
        self._bytes = 0
        self.append(carried)

    def append(self, bodies: Iterable[bytes]) -> None:
        """Writes JSON texts and syncs; returns when the lines are on disk.

        Raises JournalStopped: nothing of it counts then, and what was half written is cut off again.
        """
        data = b"".join(map(encode_line, bodies))
        try:
            written = 0
            while written < len(data):
                written += os.write(self._file, data[written:])
            if data:
                os.fdatasync(self._file)
        except OSError as fault:
            os.ftruncate(self._file, self._bytes)
            raise JournalStopped(self._folder, fault) from fault
        self._bytes += len(data)

    def close(self) -> None:
        """Ends the file."""
        os.close(self._file)
