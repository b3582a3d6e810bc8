"""Where a call is to go by what was called: outside, to a special number, or to somebody of ours. Reads only."""

from __future__ import annotations

from typing import Any, NamedTuple

from kemi.invitation import Invitation
from kemi.numbers import dialled, international
from kemi.refusal import Refusal
from kemi.store import accounts, layout
from kemi.store.configuration import Configuration
from kemi.store.devices import device_by_name
from kemi.store.environment import HotStore
from kemi.store.layout import Account
from kemi.store.numbers import id_of_digits
from kemi.store.origins import Origin, device_of, trunk_of
from kemi.store.specials import EMERGENCY, Specials
from kemi.store.translate import CALLED, Translations
from kemi.store.translate import NONE as NO_TRANSLATIONS

_new = tuple.__new__


class Destination(NamedTuple):
    """Where a call is to go."""

    number: str
    """E.164, or one of the list of special numbers; empty: it is no number."""
    special: str
    """emergency or free; empty: an ordinary call."""
    plan: int


class Local(NamedTuple):
    """The call is for somebody of ours: `kemi.receive` decides about it."""

    number: int
    """0: none, a device was called by its name."""
    device: int = 0


def destination(
    specials: Specials, translations: Translations, trunk: Origin, invitation: Invitation, path: list[Account]
) -> Destination:
    """Where a call is to go by what was called and the list of special numbers."""
    by = trunk_of(trunk)
    rules = () if translations is NO_TRANSLATIONS else translations.of_trunk(by, CALLED)
    written = dialled(trunk, invitation.called, rules)
    number = international(trunk, written)
    found = specials.find(written, number, [one.id for one in path], by) if specials.by_number else None
    if found is None or any(account.flags & layout.CLOSED for account in path):
        return _new(Destination, (number or "", "", trunk.plan))
    special, number = found
    return Destination(number, special.kind, special.plan)


def whom_of_ours(
    store: HotStore,
    txn: Any,
    configuration: Configuration,
    trunk: Origin,
    path: list[Account],
    found: Destination,
    called: str,
    *,
    is_message: bool,
) -> Local | None:
    """Whom of ours a call is for; None: it goes out. `called`: as it was sent. Raises Refusal if it may not begin."""
    number, special, _ = found
    if trunk.state != "active" and special != EMERGENCY:
        raise Refusal("trunk" if device_of(trunk) is None else "device", trunk.account, trunk.account)
    if special:
        return None
    is_asked = not number or configuration.has_numbers(txn)
    local = _local(store, txn, trunk, path, number, called) if is_asked else None
    if local is not None and is_message:
        raise Refusal("message", trunk.account, trunk.account)
    if local is None and not number:
        raise Refusal("number", trunk.account, trunk.account)
    if local is None:
        check_states(path, trunk.account)
    return local


def _local(store: HotStore, txn: Any, trunk: Origin, path: list[Account], number: str, called: str) -> Local | None:
    """Who has a number; without one, who is called by a name, which only devices may do."""
    if number:
        ours = id_of_digits(store.config, txn, number)
        return Local(ours) if ours else None
    return None if device_of(trunk) is None else namesake(store, txn, path, called)


def namesake(store: HotStore, txn: Any, path: list[Account], called: str) -> Local | None:
    """The device that a device of this path calls by its name: of the same account, or of one that shares a seller with
    it below the root. Others have no name.
    """
    device = device_by_name(store.config, txn, called)
    if device is None:
        return None
    own = {account.id for account in path[:-1]}
    theirs = [account.id for account in accounts.path_of(store, txn, device.account)[:-1]]
    return None if own.isdisjoint(theirs) else Local(0, device.id)


def check_states(path: list[Account], caller: int) -> None:
    """Every account of the path is active, and an uncharged one not below its limit. Raises Refusal."""
    for account in path:
        flags = account.flags
        if flags & layout.STATE != layout.KNOWN:
            raise Refusal("suspended", account.id, caller)
        if not flags & layout.CHARGED and account.parent and account.available < 0:
            raise Refusal("funds", account.id, caller)
