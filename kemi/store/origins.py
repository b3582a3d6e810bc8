"""Where a call begins: a trunk or a device. Both say whose it is, by what plan and tariff it goes, and how often."""

from __future__ import annotations

from kemi.store.devices import Device
from kemi.store.trunks import Trunk

Origin = Trunk | Device


def kind_of(origin: Origin) -> bytes:
    """Its letter in `peer` and `config`."""
    return b"d" if isinstance(origin, Device) else b"t"


def device_of(origin: Origin) -> Device | None:
    """The device; None: it is a trunk."""
    return origin if isinstance(origin, Device) else None


def trunk_of(origin: Origin) -> int:
    """The trunk's id; 0: it is a device."""
    return 0 if isinstance(origin, Device) else origin.id
