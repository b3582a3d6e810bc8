"""Time zones that the IANA database has; not what stands beside them in its folder."""

from __future__ import annotations

import functools
import zoneinfo

NO_PLACES = {"Factory", "localtime", "posixrules"}
"""A machine's own zone, under whatever name, is another one elsewhere."""


@functools.cache
def zones() -> frozenset[str]:
    """Their names. To look through the folder takes a while: once."""
    return frozenset(zoneinfo.available_timezones() - NO_PLACES)
