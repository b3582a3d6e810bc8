"""Who posts, issues or decides something, as the books keep it."""

from __future__ import annotations

from typing import NamedTuple


class By(NamedTuple):
    """Who does it."""

    name: str
    account_id: int = 0
    """0: a part of the system, or the command line."""
