"""How sellers' banks write their CSV: kept from the last file that could be read, offered for the next one."""

from __future__ import annotations

from typing import Annotated, Any

import sqlalchemy as sa
from pydantic import Field
from sqlalchemy import Row
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from service.access.permissions import Permission
from service.api.call import Call
from service.api.endpoint import Answer, Endpoint
from service.api.lists import Listing, Page, Paging, equals, page_of
from service.api.values import AccountId, Told
from service.database.bank_tables import bank_layouts
from service.database.engine import is_sqlite
from service.payments.bank_csv import Layout


class LayoutView(Told):
    """How a bank's CSV is read."""

    id: int
    account_id: Annotated[int, Field(description="The seller")]
    bank: Annotated[str, Field(description="Which of its banks; empty: its only one")]
    columns: Annotated[dict[str, str], Field(description="The header's names: by what stands there")]
    date_order: str
    decimal_mark: str
    currency: Annotated[str, Field(description="Where no column says it")]
    version: int


class LayoutQuery(Paging):
    """Whose."""

    account_id: AccountId | None = None


_LISTING = Listing(
    "bank-layout",
    {"id": bank_layouts.c.id, "bank": bank_layouts.c.bank},
    {"account_id": equals(bank_layouts.c.account_id)},
)


async def layout_of(conn: AsyncConnection, account_id: int, bank: str) -> Row[Any] | None:
    """How a bank's last file was read; None: it is the first one."""
    own = (bank_layouts.c.account_id == account_id) & (bank_layouts.c.bank == bank)
    return (await conn.execute(sa.select(bank_layouts).where(own))).first()


async def keep_layout(call: Call, account_id: int, bank: str, layout: Layout) -> None:
    """In the caller's transaction, with its line in the audit; nothing if it is as it was."""
    before = await layout_of(call.conn, account_id, bank)
    values = layout._asdict() | {"columns": dict(layout.columns)}
    if before is not None and all(before._mapping[name] == value for name, value in values.items()):
        return
    insert: Any = sqlite.insert(bank_layouts) if is_sqlite(call.conn) else postgresql.insert(bank_layouts)
    changed = values | {"version": bank_layouts.c.version + 1}
    upsert = insert.values(account_id=account_id, bank=bank, **values)
    upsert = upsert.on_conflict_do_update(index_elements=["account_id", "bank"], set_=changed).returning(bank_layouts)
    view = LayoutView.model_validate((await call.conn.execute(upsert)).one())
    told = None if before is None else LayoutView.model_validate(before)
    await call.audit("bank-layout.keep", "bank-layout", view.id, account_id, told, view)


async def list_layouts(call: Call) -> Answer:
    """A page of them. They come from files: `bank-line take-file` says how its CSV is read."""
    rows, following = await page_of(call, _LISTING)
    return Answer(Page[LayoutView](items=[LayoutView.model_validate(row) for row in rows], next=following))


async def remove_layout(call: Call) -> Answer:
    """The next file has to say again how it is read."""
    call.check_match(call.row.version)
    await call.conn.execute(sa.delete(bank_layouts).where(bank_layouts.c.id == call.row.id))
    before = LayoutView.model_validate(call.row)
    await call.audit("bank-layout.remove", "bank-layout", call.row.id, call.row.account_id, before, None)
    return Answer(status=204)


_P = Permission
ENDPOINTS = [
    Endpoint(
        "bank-layout.list", "GET", "/bank-layouts", _P.PAYMENTS_CHANGE, list_layouts, "List how banks' CSV is read",
        query=LayoutQuery, answer=Page[LayoutView], for_paid=True,
    ),
    Endpoint(
        "bank-layout.remove", "DELETE", "/bank-layouts/{bank_layout_id}", _P.PAYMENTS_CHANGE, remove_layout,
        "Forget how a bank's CSV is read", status=204,
    ),
]  # fmt: skip
