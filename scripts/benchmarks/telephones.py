"""Telephones of a load: their names, their digest, and which of them calls what from where.

sipp puts one URI into all digests of a process, so that each of some processes has a number of its own to dial.
"""

from __future__ import annotations

from hashlib import md5, sha256
from pathlib import Path
from typing import NamedTuple

NAMES_MAX = 1_000
PROCESSES = 8
FIRST_PORT = 27_100
REALM, PASSWORD = "kambill", "secret"


class Telephones(NamedTuple):
    """Those of one sipp."""

    port: int
    number: str
    """What they dial."""
    names: Path
    """sipp's file of who they are."""


def names(customers: int) -> list[str]:
    """One of each customer."""
    return [f"telephone{at}" for at in range(min(customers, NAMES_MAX))]


def hashes_of(name: str) -> dict[str, str]:
    """What a store keeps of a telephone's password."""
    text = f"{name}:{REALM}:{PASSWORD}".encode()
    return {"ha1_md5": md5(text, usedforsecurity=False).hexdigest(), "ha1_sha256": sha256(text).hexdigest()}


def telephones(folder: Path, customers: int, numbers: list[str]) -> list[Telephones]:
    """All of them, in files below `folder`. `numbers`: what may be dialled."""
    known, found = names(customers), []
    for at in range(PROCESSES):
        path = folder / f"telephones-{at}.csv"
        lines = [f"{name};[authentication username={name} password={PASSWORD}]" for name in known[at::PROCESSES]]
        path.write_text("\n".join(["SEQUENTIAL", *lines]) + "\n")
        found.append(Telephones(FIRST_PORT + at, numbers[at], path))
    return found
