"""One command of the ledger."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kemi.clock import Now
from kemi.store.change import Change

Command = dict[str, Any]


class UnknownCommand(Exception):
    """The service asks for something that this release can't do."""

    def __init__(self, command: Command) -> None:
        super().__init__(
            f"command {command.get('n')}: unknown {command.get('do')!r}: service and call path are of different "
            "releases; upgrade both and restart Kamailio"
        )


Actions = dict[str, Callable[[Change, Command, Now], None]]
"""What does them, by their name."""
