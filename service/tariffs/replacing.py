"""A text of the ratebook's folder that the service writes: there as a whole, old or new, whoever reads meanwhile."""

from __future__ import annotations

import os
from pathlib import Path


def replace_text(path: Path, text: str) -> None:
    """On disk when this returns. Who may read and write the file stays; a link goes on leading to it."""
    path = path.resolve()
    fresh = path.with_name(f".{path.name}.new")
    with fresh.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    if path.exists():
        fresh.chmod(path.stat().st_mode & 0o777)
    fresh.replace(path)
