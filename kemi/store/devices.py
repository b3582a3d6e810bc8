"""Devices in the store: their records, by id and by the name they sign in by."""

from __future__ import annotations

import marshal
from typing import Any, NamedTuple

from kemi.store import layout
from kemi.store.layout import NOT_READ, VERSION, UnknownVersion, Unreadable

MARSHAL_VERSION = 2
USERNAME_MAX = 64
_new = tuple.__new__


class Device(NamedTuple):
    """A telephone that signs in by digest; for the calls that it begins it is what a trunk is."""

    id: int
    account: int
    state: str
    plan: int
    tariff: int
    """0: the account's own."""
    channels_max: int
    cps_max: int
    international_prefix: str
    national_prefix: str
    country: str
    username: str
    ha1_md5: str
    ha1_sha256: str
    call_max_s: int
    """How long a call of its may last; 0: as long as anybody's."""
    contacts_max: int
    """Places at which it may be registered at once."""
    caller_number: str
    """What its calls say they come from; empty: see `caller_numbers`."""
    caller_numbers: tuple[str, ...]
    """What it may say instead; both empty: anything."""
    transfers: str
    forwards: bool
    """Both as of a trunk."""

    @property
    def is_trusted(self) -> bool:
        """No telephone's P-Asserted-Identity counts."""
        return False

    @property
    def tech_prefix(self) -> str:
        """None: trunks behind one address are told apart by theirs."""
        return ""

    def ha1(self, algorithm: str) -> str:
        """The hash of name, realm and password by one of the two algorithms."""
        return self.ha1_md5 if algorithm == "MD5" else self.ha1_sha256


def device_of_command(body: dict[str, Any]) -> Device:
    """The device that a command describes. Raises KeyError."""
    return Device(
        id=body["id"],
        account=body["account"],
        state=body["state"],
        plan=body["plan"],
        tariff=body["tariff"],
        channels_max=body["channels"],
        cps_max=body["cps"],
        international_prefix=body["international_prefix"],
        national_prefix=body["national_prefix"],
        country=body["country"],
        username=body["username"],
        ha1_md5=body["ha1_md5"],
        ha1_sha256=body["ha1_sha256"],
        call_max_s=body["call_max_s"],
        contacts_max=body["contacts_max"],
        caller_number=body["caller_number"],
        caller_numbers=tuple(body["caller_numbers"]),
        transfers=body.get("transfers", "off"),
        forwards=body.get("forwards", False),
    )


def name_key(username: str) -> bytes:
    """The key in `config` of the id that a user name leads to."""
    return b"u" + username.encode()


def pack_device(device: Device) -> bytes:
    """The record of a device."""
    return marshal.dumps((VERSION, *device), MARSHAL_VERSION)


def device_by_id(config_db: Any, txn: Any, number: int) -> Device | None:
    """A device; None: it is gone. Raises Unreadable."""
    raw = txn.get(layout.kind_key(b"d", number), db=config_db)
    if raw is None:
        return None
    try:
        version, *fields = marshal.loads(raw)  # noqa: S302 -- only our own processes write the store
    except NOT_READ as fault:
        raise Unreadable(f"device {number}", fault) from fault
    if version != VERSION:
        raise UnknownVersion("device", version)
    if len(fields) != len(Device._fields):
        raise Unreadable(f"device {number}", ValueError(f"{len(fields)} fields"))
    return _new(Device, fields)


def device_by_name(config_db: Any, txn: Any, username: str) -> Device | None:
    """The device that signs in by this name; None: there is none."""
    number = txn.get(name_key(username), db=config_db)
    return None if number is None else device_by_id(config_db, txn, int.from_bytes(number, "big"))


def has_any(config_db: Any, txn: Any) -> bool:
    """Whether there is a device at all: without one, strangers are met with silence."""
    with txn.cursor(config_db) as cursor:
        return bool(cursor.set_range(b"d") and cursor.key()[:1] == b"d")
