"""Commands of the ledger, applied to the store: one function each, in tables by what they are about."""

from __future__ import annotations

from kemi.clock import Now
from kemi.store import bans, portings
from kemi.store.change import Change
from kemi.store.commands import accounts, peers, settings
from kemi.store.commands.command import Actions, Command, UnknownCommand

__all__ = ["Command", "UnknownCommand", "apply", "note_applied"]


def apply(change: Change, command: Command, now: Now) -> None:
    """Does one command and notes its number. Raises UnknownCommand, and nothing of it is done then."""
    action = _ACTIONS.get(command["do"])
    if action is None:
        raise UnknownCommand(command)
    action(change, command, now)
    note_applied(change, command["n"])


def note_applied(change: Change, number: int) -> None:
    """Notes a number as done, also that of a command which is passed over."""
    change.applied_command = number


def _cut(change: Change, command: Command, now: Now) -> None:
    call = change.call(bytes.fromhex(command["call"]))
    if call is not None:
        change.move_call(call._replace(cut_by=command.get("by") or "operator", due_ms=now.boot_ms), call.due_ms)


def _ban(change: Change, command: Command, _now: Now) -> None:
    bans.impose(change, bans.Ban(command["network"], command["why"], command["until_ms"]))


def _lift(change: Change, command: Command, _now: Now) -> None:
    bans.lift(change, command["network"])


def _ported(change: Change, command: Command, now: Now) -> None:
    portings.learn(change, command["number"], command["routing"], command["ttl_s"], now)


def _ready(change: Change, _command: Command, _now: Now) -> None:
    change.txn.put(b"ready", b"1", db=change.store.meta)


_ACTIONS: Actions = {
    **accounts.ACTIONS,
    **peers.ACTIONS,
    **settings.ACTIONS,
    "cut": _cut,
    "ban": _ban,
    "lift": _lift,
    "ported": _ported,
    "ready": _ready,
}
