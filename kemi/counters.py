"""Counters of who sends how much, in memory that all of Kamailio's processes share. Its size never changes.

No lock: two processes that count the same source in the same microsecond may count one for two. A source shares its
place only with one that it meets by chance in a keyed hash; the later one begins anew then, so that nobody is counted
with another's messages, and a flood of invented addresses takes no memory.

Who is known stands apart from who sends: else such a flood, which meets every place, would make us forget them.
"""

from __future__ import annotations

import mmap
import struct

PLACES = 65_536
_PLACE = struct.Struct("<qIIII")
"""The source's hash; a second, messages in it; a minute, strikes in it."""
_KNOWN = struct.Struct("<qq")
"""The source's hash; a second."""
_unpack, _pack = _PLACE.unpack_from, _PLACE.pack_into


class Counters:
    """Made before the fork."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, PLACES * _PLACE.size)
        self._known = mmap.mmap(-1, PLACES * _KNOWN.size)

    def message(self, source: str, second: int) -> int:
        """Counts a message; how many came from the source in this second."""
        name = hash(source)
        at = name % PLACES * _PLACE.size
        owner, then, messages, minute, strikes = _unpack(self._memory, at)
        if owner != name:
            messages, minute, strikes = 0, 0, 0
        elif then != second:
            messages = 0
        _pack(self._memory, at, name, second, messages + 1, minute, strikes)
        return int(messages) + 1

    def strike(self, source: str, minute: int) -> int:
        """Counts what a source should not have done; how often it did in this minute."""
        name = hash(source)
        at = name % PLACES * _PLACE.size
        owner, second, messages, then, strikes = _unpack(self._memory, at)
        if owner != name:
            second, messages, strikes = 0, 0, 0
        elif then != minute:
            strikes = 0
        _pack(self._memory, at, name, second, messages, minute, strikes + 1)
        return int(strikes) + 1

    def know(self, source: str, second: int) -> None:
        """Notes that a source is known to be somebody's in this second."""
        name = hash(source)
        _KNOWN.pack_into(self._known, name % PLACES * _KNOWN.size, name, second)

    def known_s(self, source: str) -> int:
        """The second in which a source was known last; far in the past: it never was."""
        name = hash(source)
        owner, second = _KNOWN.unpack_from(self._known, name % PLACES * _KNOWN.size)
        return int(second) if owner == name else -(2**31)
