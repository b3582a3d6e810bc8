"""Requests of nobody that we know. Shell only."""

from __future__ import annotations

from kemi import sip
from kemi.clock import now
from kemi.rooms import Rooms


def unlisted(rooms: Rooms, ip: str) -> None:
    """Silence, counted; who goes on is banned, a scanner at once."""
    sip.count("unlisted")
    rooms.gate.stranger(rooms.store, ip, sip.text("$ua"), now())
