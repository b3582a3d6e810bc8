"""Destination groups as workers read them: a version of the rates environment like a tariff's, its rows a prefix and
the name of the group that has it. The longest prefix of a number decides: a look-up is one or two cursor moves.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any, NamedTuple

from ratebook.compiled.layout import LAYOUT, VERSION_BYTES, UnknownLayout
from ratebook.groups import Group, Groups

_HEAD = bytes((LAYOUT,))


class CompiledGroups(NamedTuple):
    """All groups, ready to be written."""

    version: bytes
    """The first 8 bytes of their digest: what the pointer names them by."""
    header: dict[str, Any]
    rows: list[tuple[bytes, bytes]]
    """Keys without the version, and values; sorted."""


def compile_groups(groups: Iterable[Group]) -> CompiledGroups:
    """The rows of all groups. Equal content has an equal version."""
    found = Groups(groups)
    rows = sorted((prefix.encode("ascii"), _HEAD + name.encode()) for prefix, name in found.table.items())
    digest = hashlib.sha256(b"groups ")
    for prefix, value in rows:
        digest.update(b"%d %s %d " % (len(prefix), prefix, len(value)) + value)
    header = {"digest": digest.hexdigest(), "groups": len(found.groups), "prefixes": len(rows)}
    return CompiledGroups(digest.digest()[:VERSION_BYTES], header, rows)


def name_in(value: bytes) -> str:
    """The group of a row; NONE: those numbers are left out. Raises UnknownLayout."""
    if value[0] != LAYOUT:
        raise UnknownLayout(value[0])
    return value[1:].decode()
