"""Vouchers: codes that are worth money once. Shown when they are made, kept as hashes."""

from __future__ import annotations

import hashlib
import secrets
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from service.database.payment_tables import voucher_batches, vouchers
from service.ledger.postings import Booking, book
from service.ledger.rules import PAYMENT

ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
"""Without what is taken for something else when it is read aloud."""
SYMBOLS = 20
"""A hundred bits, in five groups of four: nobody guesses one."""


def new_code() -> str:
    """XXXX-XXXX-XXXX-XXXX-XXXX."""
    symbols = "".join(secrets.choice(ALPHABET) for _ in range(SYMBOLS))
    return "-".join(symbols[at : at + 4] for at in range(0, SYMBOLS, 4))


def hash_of(code: str) -> str:
    """However it is written: small letters, without hyphens, with blanks."""
    plain = "".join(one for one in code.upper() if one.isalnum())
    return hashlib.sha256(plain.encode("utf-8", "surrogatepass")).hexdigest()


async def make_codes(conn: AsyncConnection, batch_id: int, count: int) -> list[str]:
    """Of a batch."""
    codes = [new_code() for _ in range(count)]
    rows = [{"batch_id": batch_id, "code_hash": hash_of(code), "ending": code[-4:]} for code in codes]
    await conn.execute(sa.insert(vouchers), rows)
    return codes


async def find_open(conn: AsyncConnection, code: str, seller_id: int, currency: str, now_ms: int) -> Row[Any] | None:
    """The voucher, if it is the seller's, of this currency, not used and not over."""
    query = sa.select(vouchers, voucher_batches.c.amount_micros, voucher_batches.c.name)
    query = query.join(voucher_batches, voucher_batches.c.id == vouchers.c.batch_id)
    good = (vouchers.c.code_hash == hash_of(code)) & (vouchers.c.state == "open")
    good &= (voucher_batches.c.account_id == seller_id) & (voucher_batches.c.currency == currency)
    good &= voucher_batches.c.expires_ms.is_(None) | (voucher_batches.c.expires_ms > now_ms)
    return (await conn.execute(query.where(good))).first()


async def use(
    conn: AsyncConnection, node: str, account: Row[Any], voucher: Row[Any], by: tuple[str, int], now_ms: int
) -> int:
    """Pays it in; returns the entry's id. Under the node's lock, in the transaction that found it open."""
    reason = f"voucher ending in {voucher.ending}"
    booking = Booking(PAYMENT, voucher.amount_micros, reason, by[0], by[1], key=f"voucher {voucher.id}")
    entry_id = await book(conn, node, account, booking, now_ms)
    used = {"state": "used", "account_id": account.id, "entry_id": entry_id, "used_ms": now_ms}
    await conn.execute(sa.update(vouchers).where(vouchers.c.id == voucher.id).values(**used))
    return entry_id
