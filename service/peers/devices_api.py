"""The API of devices: telephones that sign in by digest. The password is shown once and kept only as its hashes."""

from __future__ import annotations

import hashlib
import secrets
from typing import Annotated, Any, Literal

import sqlalchemy as sa
from pydantic import Field
from sqlalchemy import Row

from service.access.permissions import Permission
from service.api.call import Call
from service.api.endpoint import Answer, Endpoint, Key
from service.api.listed import lines_of
from service.api.lists import Listing, Page, Paging, contains, equals, page_of
from service.api.problems import Problem, invalid
from service.api.values import AccountId, Asked, Limit, Moment, PlanId, TariffId, Text, Told
from service.commands import bodies
from service.commands.outbox import enqueue
from service.database.peer_tables import devices, numbers
from service.peers.common import (
    FORWARDS_MEANING,
    TRANSFERS_MEANING,
    CallerNumbers,
    CountryCode,
    Digits,
    Forwards,
    Transfers,
    changes_of,
    check_from_above,
    check_open,
    check_pays,
    check_plan,
    check_pricing,
    defaults_of,
    tell_moved_thing,
)
from service.tariffs.checks import check_tariff

PASSWORD_CHARACTERS = 24
FROM_ABOVE = frozenset(
    {
        "plan_id",
        "tariff_id",
        "channels",
        "cps",
        "caller_number",
        "caller_numbers",
        "call_max_s",
        "transfers",
        "forwards",
    }
)
_ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789"
"""Without characters that are mistaken for one another. 24 of them are 139 bits."""
CallMax = Annotated[int, Field(ge=1, le=86_400)]
Contacts = Annotated[int, Field(ge=1, le=20)]
Username = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{2,63}$")]


class DeviceView(Told):
    """A telephone. Its password can't be shown again: only made anew."""

    id: int
    account_id: int
    username: str
    realm: str
    name: str
    plan_id: int | None
    tariff_id: Annotated[int | None, Field(description="null: the account's")]
    channels: int | None
    cps: int | None
    caller_number: Annotated[str, Field(description="What its calls say they come from; empty: what the device says")]
    caller_numbers: Annotated[list[str], Field(description="What it may say; anything else becomes the one above")]
    international_prefix: str
    national_prefix: str
    country: str
    call_max_s: Annotated[int | None, Field(description="Its longest call; null: as anybody's")]
    contacts_max: Annotated[int, Field(description="Places at which it may be registered at once")]
    transfers: Annotated[str, Field(description=TRANSFERS_MEANING)]
    forwards: Annotated[bool, Field(description=FORWARDS_MEANING)]
    state: Annotated[str, Field(description="active or suspended")]
    created_at: Annotated[Moment, Field(validation_alias="created_ms")]
    version: int


class ShownDevice(DeviceView):
    """A telephone, with what else its owner types into it."""

    server: Annotated[str, Field(description="Where it signs in: `sip_server` of kambill.yaml; empty: nobody has said")]


class DeviceQuery(Paging):
    """Which devices."""

    account_id: Annotated[AccountId | None, Field(description="Of this account alone")] = None
    username: Text = ""
    name: Text = ""
    state: Literal["", "active", "suspended"] = ""


Password = Annotated[
    str,
    Field(
        min_length=12,
        max_length=100,
        pattern=r"^[!-~]+$",
        description="Of a telephone that has one already; null: one that nobody chose",
        json_schema_extra={"format": "password"},
    ),
]


class NewDevice(Asked):
    """A device to make."""

    account_id: AccountId
    username: Annotated[Username | None, Field(description="null: made up")] = None
    name: Annotated[Text, Field(max_length=100)] = ""
    plan_id: Annotated[PlanId | None, Field(description="Its routes; null: no calls go out")] = None
    tariff_id: Annotated[TariffId | None, Field(description="null: the account's")] = None
    channels: Limit | None = None
    cps: Limit | None = None
    caller_number: Digits = ""
    caller_numbers: Annotated[CallerNumbers, Field(default_factory=list)]
    international_prefix: Digits = "00"
    national_prefix: Digits = ""
    country: CountryCode = ""
    call_max_s: CallMax | None = None
    contacts_max: Contacts = 5
    transfers: Transfers = "off"
    forwards: Forwards = False
    password: Password | None = None


class NewDevicePassword(Asked):
    """What it is to be."""

    password: Password | None = None


class DeviceEdit(Asked):
    """What to change; what is left out stays, what is null is taken away. The name it signs in by stays."""

    name: Annotated[Text, Field(max_length=100)] | None = None
    plan_id: Annotated[PlanId | None, Field(description="Its routes; null: no calls go out")] = None
    tariff_id: Annotated[TariffId | None, Field(description="null: the account's")] = None
    channels: Limit | None = None
    cps: Limit | None = None
    caller_number: Digits | None = None
    caller_numbers: CallerNumbers | None = None
    international_prefix: Digits | None = None
    national_prefix: Digits | None = None
    country: CountryCode | None = None
    call_max_s: CallMax | None = None
    contacts_max: Contacts | None = None
    transfers: Transfers | None = None
    forwards: Forwards | None = None
    state: Literal["active", "suspended"] | None = None


class NewPassword(Told):
    """A device with its password."""

    device: ShownDevice
    password: Annotated[str, Field(description="Shown this once")]


_NULLABLE = {"plan_id", "tariff_id", "channels", "cps", "call_max_s"}
_LISTING = Listing(
    "device",
    {"username": devices.c.username, "name": devices.c.name, "created": devices.c.created_ms, "id": devices.c.id},
    {
        "account_id": equals(devices.c.account_id),
        "username": contains(devices.c.username),
        "name": contains(devices.c.name),
        "state": equals(devices.c.state),
    },
)


def new_password() -> str:
    """One that nobody chose."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(PASSWORD_CHARACTERS))


def hashes(username: str, realm: str, password: str) -> dict[str, str]:
    """HA1 of RFC 7616 for both algorithms."""
    text = f"{username}:{realm}:{password}".encode()
    return {
        "ha1_md5": hashlib.md5(text, usedforsecurity=False).hexdigest(),
        "ha1_sha256": hashlib.sha256(text).hexdigest(),
    }


async def list_devices(call: Call) -> Answer:
    """A page of them."""
    rows, following = await page_of(call, _LISTING)
    return Answer(Page[DeviceView](items=[DeviceView.model_validate(row) for row in rows], next=following))


async def show_device(call: Call) -> Answer:
    """One."""
    view = _shown(call, DeviceView.model_validate(call.row))
    return Answer(view, version=view.version)


def _shown(call: Call, view: DeviceView) -> ShownDevice:
    return ShownDevice.model_validate(
        {**dict(view), "created_ms": view.created_at, "server": call.api.config.sip_server}
    )


async def make_device(call: Call) -> Answer:
    """With the password that it is given, or one that nobody chose."""
    body: NewDevice = call.body
    account = await call.find("account", body.account_id, to_change=True)
    check_open(account)
    if account.kind not in {"customer", "reseller"}:
        raise invalid("/account_id", f"a {account.kind} has no devices")
    check_pays(account)
    check_from_above(call, account, defaults_of(NewDevice), body.model_dump(), FROM_ABOVE)
    await check_plan(call, body.plan_id)
    await check_tariff(call, body.tariff_id, account.path, account.currency)
    check_pricing(call, body.tariff_id)
    realm = await _realm(call)
    username = body.username or f"d{secrets.token_hex(5)}"
    if (await call.conn.execute(sa.select(devices.c.id).where(devices.c.username == username))).first() is not None:
        raise invalid("/username", "this name can't be used: take another one")
    password = body.password or new_password()
    values = body.model_dump(exclude={"username", "password"}) | {"username": username, "realm": realm}
    values |= hashes(username, realm, password) | {"created_ms": call.now_ms}
    row = (await call.conn.execute(sa.insert(devices).values(**values).returning(devices))).one()
    await _tell(call, row)
    view = DeviceView.model_validate(row)
    await call.audit("device.make", "device", row.id, account.id, None, view)
    made = NewPassword(device=_shown(call, view), password=password)
    return Answer(made, location=f"/api/v1/devices/{row.id}")


async def _realm(call: Call) -> str:
    realm = call.api.config.sip_realm
    other = (await call.conn.execute(sa.select(devices.c.realm).where(devices.c.realm != realm).limit(1))).scalar()
    if other is not None:
        raise Problem("conflict", f"devices were made for the realm {other}: set `sip_realm` back in kambill.yaml")
    return realm


async def edit_device(call: Call) -> Answer:
    """Changes some fields."""
    call.check_match(call.row.version)
    values = changes_of(call.body, _NULLABLE)
    check_from_above(call, call.of, dict(call.row._mapping), values, FROM_ABOVE)
    await check_plan(call, values.get("plan_id"), call.row.plan_id)
    await check_tariff(call, values.get("tariff_id"), call.of.path, call.of.currency, call.row.tariff_id)
    await tell_moved_thing(call, devices, values, call.of.tariff_id)
    row = await _update(call, values)
    view = DeviceView.model_validate(row)
    before = DeviceView.model_validate(call.row)
    await call.audit("device.edit", "device", row.id, row.account_id, before, view)
    return Answer(view, version=view.version)


async def _update(call: Call, values: dict[str, object]) -> Row[Any]:
    values = values | {"version": devices.c.version + 1}
    edited = sa.update(devices).where(devices.c.id == call.row.id).values(**values).returning(devices)
    row: Row[Any] = (await call.conn.execute(edited)).one()
    await _tell(call, row)
    return row


async def _tell(call: Call, row: Row[Any]) -> None:
    await enqueue(call.conn, call.node, bodies.device_body(row), now_ms=call.now_ms)


async def change_password(call: Call) -> Answer:
    """One that nobody chose, or the one that is given. The old one holds no longer."""
    body: NewDevicePassword = call.body
    password = body.password or new_password()
    row = await _update(call, dict(hashes(call.row.username, call.row.realm, password)))
    view = DeviceView.model_validate(row)
    await call.audit("device.change-password", "device", call.row.id, call.row.account_id, None, view)
    return Answer(NewPassword(device=_shown(call, view), password=password))


async def remove_device(call: Call) -> Answer:
    """For good: it is nowhere within a second. Its running calls go on."""
    call.check_match(call.row.version)
    used = sa.select(numbers.c.id).where(numbers.c.device_id == call.row.id).limit(1)
    if (await call.conn.execute(used)).first() is not None:
        raise Problem("conflict", "numbers lead to it: release them first")
    await call.conn.execute(sa.delete(devices).where(devices.c.id == call.row.id))
    await enqueue(call.conn, call.node, bodies.device_gone_body(call.row.id), now_ms=call.now_ms)
    before = DeviceView.model_validate(call.row)
    await call.audit("device.remove", "device", call.row.id, call.row.account_id, before, None)
    return Answer(status=204)


_P = Permission
_ONE = "/devices/{device_id}"
ENDPOINTS = [
    Endpoint(
        "device.list", "GET", "/devices", _P.DEVICES_READ, list_devices, "List devices", query=DeviceQuery,
        answer=Page[DeviceView], lines=lines_of(_LISTING, DeviceView),
    ),
    Endpoint("device.show", "GET", _ONE, _P.DEVICES_READ, show_device, "Show a device", answer=ShownDevice),
    Endpoint(
        "device.make", "POST", "/devices", _P.DEVICES_CHANGE, make_device, "Make a device", NewDevice,
        answer=NewPassword, status=201, key=Key.NONE,
    ),
    Endpoint(
        "device.edit", "PATCH", _ONE, _P.DEVICES_CHANGE, edit_device, "Edit a device", DeviceEdit, answer=DeviceView
    ),
    Endpoint(
        "device.change-password", "POST", f"{_ONE}/password", _P.DEVICES_CHANGE, change_password,
        "Make a device's password anew", NewDevicePassword, answer=NewPassword, key=Key.NONE,
    ),
    Endpoint("device.remove", "DELETE", _ONE, _P.DEVICES_CHANGE, remove_device, "Remove a device", status=204),
]  # fmt: skip
