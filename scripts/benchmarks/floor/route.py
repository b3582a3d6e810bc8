"""The guards' proxy with the store's bare work beside it: what billing in one store costs before it decides.

Three write transactions a call, as billing needs (authorise, answer, settle), with the reads and writes of a chain of
three and no Python between them: constant bytes, nothing packed, priced or compared; no clerk, no meter. Whatever
decides can only cost more.
"""

# It uses and replaces names of the guards' script, on purpose.
# mypy: ignore-errors
# ruff: noqa: F821

from __future__ import annotations

import os
from pathlib import Path

_guards = Path("@FOLDER@/guards.py").read_text()
exec(compile(_guards, "guards.py", "exec"))

import lmdb  # noqa: E402

MAP_BYTES = 1 << 28
CHAIN = [number.to_bytes(4, "big") for number in (1, 2, 3, 10)]
ACCOUNT, CALL, EVENT = bytes(80), bytes(900), bytes(600)
_open = {}


def _env():
    """Of this process, opened after the fork."""
    if "env" not in _open:
        env = lmdb.open(
            os.environ["KAMBILL_RUN_DIR"] + "/floor",
            map_size=MAP_BYTES,
            max_dbs=8,
            writemap=True,
            map_async=True,
            sync=False,
            metasync=False,
            mode=0o660,
        )
        _open["env"] = env, [env.open_db(name) for name in (b"account", b"call", b"due", b"invite", b"event")]
    return _open["env"]


def _accounts(txn, db):
    for key in CHAIN:
        txn.get(key, db=db)
    for key in CHAIN:
        txn.put(key, ACCOUNT, db=db)


_now = []


def floor_authorise(*_):
    """A path and chain read, money held, the call, its due time and its INVITE written."""
    env, (account, call, due, invite, _) = _env()
    key = secrets.token_bytes(16)
    with env.begin(write=True) as txn:
        for _step in range(4):  # trunk, plan, usage of trunk and gateway
            txn.get(CHAIN[0], db=account)
        for _step in range(4):  # a rate at each level and of the carrier
            cursor = txn.cursor(db=account)
            cursor.set_range(CHAIN[1])
            cursor.close()
        _accounts(txn, account)
        txn.put(key, CALL, db=call)
        txn.put(key[:8], b"", db=due)
        txn.put(key, key, db=invite)
    return Admitted(key.hex(), TARGET, 0)


def floor_answered(_rooms, number, *_):
    """The call found and written again with its grant, the chain's holds, its due time, an event."""
    env, (account, call, due, _, event) = _env()
    key = bytes.fromhex(number)
    with env.begin(write=True) as txn:
        txn.get(key, db=call)
        _accounts(txn, account)
        txn.put(key, CALL, db=call)
        txn.delete(key[:8], db=due)
        txn.put(key[8:], b"", db=due)
        txn.put(key[:8], EVENT, db=event)
    return Grant(100)


def floor_hung_up(*_):
    """The call taken out, every level charged, an event."""
    env, (account, call, due, _, event) = _env()
    key = secrets.token_bytes(16)
    with env.begin(write=True) as txn:
        txn.get(key, db=call)
        _accounts(txn, account)
        txn.delete(key, db=call)
        txn.delete(key[8:], db=due)
        txn.put(key[:8], EVENT, db=event)
    return True


calls_in.authorise, calls_on.answered, in_dialog.hung_up = floor_authorise, floor_answered, floor_hung_up
