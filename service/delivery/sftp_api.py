"""The API of deliveries by SFTP: the server's key is asked for, looked at and trusted; the connection is tried."""

from __future__ import annotations

import sqlalchemy as sa

from service.access.permissions import Permission
from service.api.call import Call
from service.api.endpoint import Answer, Endpoint, Key
from service.api.problems import Problem, invalid
from service.api.values import Told
from service.database.delivery_tables import cdr_deliveries
from service.delivery.api import read_host_key, try_now, view_of
from service.delivery.servers import fingerprint
from service.delivery.views import DeliveryView, Trusted
from service.faults import Fault


class Tested(Told):
    """Somebody signed in, and the folder is there. Nothing was written."""

    target: str


def _check_way(call: Call) -> None:
    if call.row.way != "sftp":
        raise Problem("conflict", "this delivery doesn't go by SFTP")


async def ask_host_key(call: Call) -> Answer:
    """Of the server itself, without signing in. It is trusted once somebody says so."""
    _check_way(call)
    from service.delivery import sftp  # noqa: PLC0415 -- a third of a second, for whoever delivers so

    private = call.api.config.webhooks.private_addresses
    try:
        shown = await sftp.Sftp(private=private).ask_host_key(sftp.access_of(call.row, private=private).server)
    except Fault as fault:
        raise Problem("conflict", str(fault)) from fault
    async with call.writing():
        return await _keep(call, "delivery.ask-host-key", call.row.target, {"shown_key": shown})


async def _keep(call: Call, action: str, target: str, values: dict[str, str]) -> Answer:
    """If it still goes to the same server. Raises Problem: changed."""
    stands = (cdr_deliveries.c.id == call.row.id) & (cdr_deliveries.c.target == target)
    edited = sa.update(cdr_deliveries).where(stands).values(**values, version=cdr_deliveries.c.version + 1)
    row = (await call.conn.execute(edited.returning(cdr_deliveries))).first()
    if row is None:
        raise Problem("changed", "it goes elsewhere meanwhile: look at it again, then repeat your request")
    view, before = view_of(row), view_of(call.row)
    await call.audit(action, "delivery", row.id, row.account_id, before, view)
    return Answer(view, version=view.version)


async def trust_host_key(call: Call) -> Answer:
    """From now on files go to the server with this key, and to no other."""
    call.check_match(call.row.version)
    _check_way(call)
    body: Trusted = call.body
    answer = await _keep(
        call, "delivery.trust-host-key", call.row.target, {"host_key": _trusted(call, body.fingerprint)}
    )
    await try_now(call)
    return answer


def _trusted(call: Call, text: str) -> str:
    """Raises Problem."""
    if not text.startswith("SHA256:"):
        return read_host_key("/fingerprint", text)
    shown = fingerprint(call.row.shown_key)
    if not shown:
        raise invalid("/fingerprint", "the server was not asked for its key yet: ask for it, or write the whole key")
    if text.rstrip("=") != shown:
        raise invalid("/fingerprint", f"the server showed {shown}: this is not the server that you mean")
    key: str = call.row.shown_key
    return key


async def test(call: Call) -> Answer:
    """Signs in and looks for the folder."""
    _check_way(call)
    from service.delivery import sftp  # noqa: PLC0415 -- as above

    private = call.api.config.webhooks.private_addresses
    try:
        await sftp.Sftp(private=private).look(sftp.access_of(call.row, private=private))
    except Fault as fault:
        raise Problem("conflict", str(fault)) from fault
    return Answer(Tested(target=call.row.target))


_P = Permission
_ONE = "/deliveries/{delivery_id}"
ENDPOINTS: list[Endpoint] = [
    Endpoint(
        "delivery.ask-host-key", "POST", f"{_ONE}/host-key/asking", _P.CDRS_DELIVER, ask_host_key,
        "Ask a delivery's server for its key", answer=DeliveryView, key=Key.NONE, own_transaction=True,
    ),
    Endpoint(
        "delivery.trust-host-key", "PUT", f"{_ONE}/host-key", _P.CDRS_DELIVER, trust_host_key,
        "Trust the key of a delivery's server", Trusted, answer=DeliveryView,
    ),
    Endpoint(
        "delivery.test", "POST", f"{_ONE}/test", _P.CDRS_DELIVER, test, "Try the connection to a delivery's server",
        answer=Tested, reads=True, key=Key.NONE, own_transaction=True,
    ),
]  # fmt: skip
