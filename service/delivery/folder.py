"""A file into a folder: there as a whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path


def place(folder: Path, name: str, content: bytes, mark: str) -> None:
    """Under its name, on disk when this returns. `mark` is the attempt's: two of them don't write into each other.

    The folder is made where its parent stands: a disk that is away is no reason to write beside it. Raises OSError.
    """
    folder.mkdir(mode=0o750, exist_ok=True)
    part = folder / f".{name}.{mark}.part"
    try:
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.rename(folder / name)
    finally:
        part.unlink(missing_ok=True)
    for left in folder.glob(f".{name}.*.part"):  # of an attempt that was killed
        left.unlink(missing_ok=True)
    _sync(folder)


def _sync(folder: Path) -> None:
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
