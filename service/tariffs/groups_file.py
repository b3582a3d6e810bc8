"""groups.yaml of the operator's ratebook, as the API reads and writes it: one place for it, whoever edits it."""

from __future__ import annotations

import os
import zlib
from pathlib import Path
from typing import NamedTuple

from ratebook.document.groups import GROUPS_FILE
from service.faults import Fault
from service.tariffs.replacing import replace_text


class GroupsText(NamedTuple):
    """As it stands."""

    source: str
    """Empty: there is no such file."""
    refusal: str
    """Why it can't be written here; empty: it can."""

    @property
    def version(self) -> int:
        """Another one for another text."""
        return zlib.crc32(self.source.encode())


def read_groups_file(folder: Path) -> GroupsText:
    """Raises Fault: it is no text."""
    path = folder / GROUPS_FILE
    try:
        source = path.read_text(encoding="utf-8-sig") if path.exists() else ""
    except (OSError, UnicodeDecodeError) as fault:
        raise Fault(f"{path} can't be read: {fault}") from fault
    return GroupsText(source, _writing_problem(folder, path))


def _writing_problem(folder: Path, path: Path) -> str:
    if not folder.is_dir():
        return "there is no ratebook yet: `ratebook` of kambill.yaml names its folder"
    if any((above / ".git").exists() for above in (folder, *folder.parents)):
        return "the ratebook is kept in git: change groups.yaml there, and publish"
    if not os.access(folder, os.W_OK) or (path.exists() and not os.access(path, os.W_OK)):
        return "the service may not write the ratebook's folder: change groups.yaml there, and publish"
    return ""


def write_groups_file(folder: Path, source: str) -> None:
    """As a whole."""
    replace_text(folder / GROUPS_FILE, source)
