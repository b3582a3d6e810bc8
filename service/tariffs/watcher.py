"""Notices that the ratebook's folder has changed. By modification times: a folder on a network drive counts too."""

from __future__ import annotations

from pathlib import Path

Stamp = tuple[tuple[str, int, int], ...]
"""Name, modification time and size of every file."""


def stamp(folder: Path) -> Stamp:
    """What the folder looks like now; empty: it isn't there."""
    files = []
    for path in sorted(folder.rglob("*")):
        try:
            status = path.stat()
        except OSError:
            continue  # gone meanwhile: the next look sees it
        if path.is_file():
            files.append((str(path), status.st_mtime_ns, status.st_size))
    return tuple(files)


class Watcher:
    """Says once that a folder has changed, when it has been still since the last look."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._taken: Stamp = ()
        self._last: Stamp = ()

    def has_changed(self) -> bool:
        """True: it is another one than when this last said so, and it is not being written right now."""
        now = stamp(self._folder)
        still, self._last = now == self._last, now
        if not still or now == self._taken:
            return False
        self._taken = now
        return True

    def forget(self) -> None:
        """What was said to have changed has changed still."""
        self._taken = ()
