"""A seller's brand, by the API. Whoever has none shows that of the nearest seller above."""

from __future__ import annotations

import base64
import re
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import sqlalchemy as sa
from pydantic import AfterValidator, Field
from sqlalchemy import Row
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from service.access.permissions import Permission
from service.accounts.rules import ROOT_ID
from service.api.call import Call
from service.api.endpoint import Answer, Endpoint
from service.api.problems import Problem, invalid
from service.api.values import Asked, Text, Told, Words
from service.database.engine import is_sqlite
from service.database.paths import path_ids
from service.database.seller_tables import brands
from service.database.tables import accounts
from service.sellers.logos import logo_problem

LOGO_BYTES_MAX = 256 * 1024
_HOST = re.compile(r"(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]")
_LINES_MAX = 10


def _lines(text: str) -> str:
    """An address: lines of text."""
    lines = [line.strip() for line in text.split("\n")]
    if len(lines) > _LINES_MAX or any(ord(char) < 32 or ord(char) == 127 for line in lines for char in line):
        raise ValueError(f"at most {_LINES_MAX} lines of text were expected")
    return "\n".join(lines)


def _host(name: str) -> str:
    if not _HOST.fullmatch(name):
        raise ValueError("a host name such as portal.example.net was expected")
    return name


Colour = Annotated[str, Field(pattern=r"^(#[0-9a-fA-F]{6})?$", description="#rrggbb; empty: the program's own")]
Mailbox = Annotated[str, Field(max_length=254, pattern=r"^([^@\s\x00-\x1f<>\",;]+@[^@\s\x00-\x1f<>\",;]+)?$")]
Lines = Annotated[str, Field(max_length=1_000), AfterValidator(_lines)]
Host = Annotated[str, AfterValidator(str.lower), AfterValidator(_host)]


class Brand(Asked):
    """What stands on portal, invoices and mails. All of it: what is left out is empty."""

    company: Words
    address: Lines = ""
    tax_number: Text = ""
    sender_name: Text = ""
    sender_address: Mailbox = ""
    host: Annotated[Host | None, Field(description="Of the portal; null: the operator's")] = None
    primary_colour: Colour = ""
    accent_colour: Colour = ""


class BrandView(Told):
    """A brand."""

    company: str
    address: str
    tax_number: str
    sender_name: str
    sender_address: str
    host: str | None
    primary_colour: str
    accent_colour: str
    has_logo: bool
    inherited: Annotated[bool, Field(description="It is that of a seller above, since the account has none")]
    version: Annotated[int, Field(description="0: inherited")]


class Logo(Asked):
    """A picture."""

    type: Literal["image/png", "image/jpeg"]
    data: Annotated[str, Field(max_length=LOGO_BYTES_MAX * 4 // 3 + 4, description="base64; at most 256 KiB")]


class LogoView(Told):
    """A picture."""

    type: str
    data: Annotated[str, Field(description="base64")]


async def brand_of(conn: AsyncConnection, path: str) -> Row[Any] | None:
    """The brand that an account shows: its own, else that of the nearest seller above; None: nobody has one."""
    nearest = sa.select(brands).join(accounts, accounts.c.id == brands.c.account_id)
    query = nearest.where(brands.c.account_id.in_(path_ids(path))).order_by(accounts.c.depth.desc()).limit(1)
    return (await conn.execute(query)).first()


_EMPTY = dict.fromkeys(Brand.model_fields, "") | {"host": None}


def _view(call: Call, row: Row[Any] | None) -> BrandView:
    if row is None:
        return BrandView.model_validate(_EMPTY | {"has_logo": False, "inherited": True, "version": 0})
    inherited = row.account_id != call.row.id
    more = {"has_logo": row.logo is not None, "inherited": inherited, "version": 0 if inherited else row.version}
    return BrandView.model_validate({**row._mapping, **more})


def check_sells(row: Row[Any]) -> None:
    """Only who sells has this. Raises Problem."""
    if row.kind not in {"root", "reseller"}:
        raise Problem("conflict", f"only the operator and resellers have this, and this is a {row.kind}")


async def show_brand(call: Call) -> Answer:
    """The account's own, or the one it inherits."""
    view = _view(call, await brand_of(call.conn, call.row.path))
    return Answer(view, version=view.version)


async def edit_brand(call: Call) -> Answer:
    """Replaces it as a whole; the logo stays."""
    body: Brand = call.body
    check_sells(call.row)
    before = await _own(call)
    call.check_match(0 if before is None else before.version)
    if body.host is not None and await _is_taken(call, body.host):
        raise invalid("/host", "this host name can't be used: take another one")
    await _put(call, body.model_dump())
    return await _changed(call, "brand.edit", before)


async def _own(call: Call) -> Row[Any] | None:
    return (await call.conn.execute(sa.select(brands).where(brands.c.account_id == call.row.id))).first()


async def _is_taken(call: Call, host: str) -> bool:
    """By another seller, or by the operator, whose people and strangers would sign in below somebody else's logo."""
    if host == urlsplit(call.api.config.mail.portal).hostname and call.row.id != ROOT_ID:
        return True
    where = (brands.c.host == host) & (brands.c.account_id != call.row.id)
    return (await call.conn.execute(sa.select(brands.c.account_id).where(where))).first() is not None


async def _put(call: Call, values: dict[str, Any]) -> None:
    insert: Any = sqlite.insert(brands) if is_sqlite(call.conn) else postgresql.insert(brands)
    upsert = insert.values(account_id=call.row.id, **values)
    changed = values | {"version": brands.c.version + 1}
    await call.conn.execute(upsert.on_conflict_do_update(index_elements=["account_id"], set_=changed))


async def _changed(call: Call, action: str, before: Row[Any] | None) -> Answer:
    view = _view(call, await brand_of(call.conn, call.row.path))
    told = None if before is None else _view(call, before)
    await call.audit(action, "brand", call.row.id, call.row.id, told, view)
    return Answer(view, version=view.version)


async def remove_brand(call: Call) -> Answer:
    """The account shows that of the seller above again."""
    before = await _own(call)
    if before is None:
        raise Problem("conflict", "the account has no brand of its own")
    call.check_match(before.version)
    await call.conn.execute(sa.delete(brands).where(brands.c.account_id == call.row.id))
    return await _changed(call, "brand.remove", before)


async def set_logo(call: Call) -> Answer:
    """PNG or JPEG, by what the bytes say."""
    body: Logo = call.body
    check_sells(call.row)
    before = await _own(call)
    if before is None:
        raise Problem("conflict", "give the account a brand first, then its logo")
    call.check_match(before.version)
    try:
        data = base64.b64decode(body.data, validate=True)
    except ValueError:
        raise invalid("/data", "base64 was expected") from None
    if len(data) > LOGO_BYTES_MAX:
        raise invalid("/data", f"at most {LOGO_BYTES_MAX} bytes")
    if problem := logo_problem(data, body.type):
        raise invalid("/data", problem)
    await _put(call, {"company": before.company, "logo": data, "logo_type": body.type})
    return await _changed(call, "brand.set-logo", before)


async def show_logo(call: Call) -> Answer:
    """Of the brand that the account shows."""
    row = await brand_of(call.conn, call.row.path)
    if row is None or row.logo is None:
        raise Problem("not-found")
    return Answer(LogoView(type=row.logo_type, data=base64.b64encode(row.logo).decode()))


_P = Permission
_ONE = "/accounts/{account_id}"
ENDPOINTS = [
    Endpoint(
        "brand.show", "GET", f"{_ONE}/brand", _P.BRANDING_READ, show_brand, "Show the brand of an account",
        answer=BrandView,
    ),
    Endpoint(
        "brand.edit", "PUT", f"{_ONE}/brand", _P.BRANDING_CHANGE, edit_brand, "Set a seller's brand", Brand,
        answer=BrandView,
    ),
    Endpoint(
        "brand.remove", "DELETE", f"{_ONE}/brand", _P.BRANDING_CHANGE, remove_brand, "Remove a seller's brand",
        answer=BrandView,
    ),
    Endpoint(
        "brand.show-logo", "GET", f"{_ONE}/logo", _P.BRANDING_READ, show_logo, "Show the logo of an account",
        answer=LogoView,
    ),
    Endpoint(
        "brand.set-logo", "PUT", f"{_ONE}/logo", _P.BRANDING_CHANGE, set_logo, "Set a seller's logo", Logo,
        answer=BrandView,
    ),
]  # fmt: skip
