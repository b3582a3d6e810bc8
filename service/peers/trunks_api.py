"""The API of trunks: how an account's traffic arrives. A change holds for calls within a second."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import sqlalchemy as sa
from pydantic import Field
from sqlalchemy import Row

from service.access.permissions import Permission
from service.api.call import Call
from service.api.endpoint import Answer, Endpoint
from service.api.lines import Expression, together
from service.api.listed import lines_of
from service.api.lists import Listing, Page, Paging, contains, equals, page_of
from service.api.problems import Problem, invalid
from service.api.values import AccountId, Asked, Limit, Moment, PlanId, TariffId, Text, Told
from service.commands import bodies
from service.commands.outbox import enqueue
from service.database.engine import is_sqlite
from service.database.fraud_tables import call_limits, call_patterns, number_filters
from service.database.peer_tables import numbers, specials, translations
from service.database.tables import trunk_networks, trunks
from service.fraud.alarms import noted_lifted
from service.peers.addresses import check_free
from service.peers.common import (
    FORWARDS_MEANING,
    IDENTITY_MEANING,
    TRANSFERS_MEANING,
    CallerNumbers,
    Certificate,
    CountryCode,
    Digits,
    Forwards,
    IdentityRule,
    Name,
    Network,
    Port,
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

NETWORKS_MAX = 256
FROM_ABOVE = frozenset(
    {
        "plan_id",
        "tariff_id",
        "channels",
        "cps",
        "caller_rule",
        "caller_numbers",
        "trusted",
        "identity",
        "attestation",
        "transfers",
        "forwards",
    }
)
Networks = Annotated[
    list[Network], Field(max_length=NETWORKS_MAX, description="From where it calls; may be empty beside a certificate")
]
TechPrefix = Annotated[str, Field(pattern=r"^[0-9*#]{0,16}$", description="Stripped from the number that is called")]
Transport = Literal["any", "udp", "tcp", "tls"]
CALLER_MEANING = "pass: as it is sent; listed: one of caller_numbers, else the first; replace: always the first"
CallerRule = Annotated[Literal["pass", "listed", "replace"], Field(description=CALLER_MEANING)]
ATTESTATION_MEANING = (
    "What gateways are told, signed, of its callers (STIR/SHAKEN): rules: A or B, by the caller's number; gateway: C, "
    "it brings calls of people whom nobody here knows"
)
Attestation = Annotated[Literal["rules", "gateway"], Field(description=ATTESTATION_MEANING)]
TRUST_MEANING = "Its P-Asserted-Identity says who calls; others' is not looked at"
Trusted = Annotated[bool, Field(description=TRUST_MEANING)]
OwnTariff = Annotated[TariffId | None, Field(description="null: the account's")]


class TrunkView(Told):
    """How an account's traffic arrives."""

    id: int
    account_id: int
    name: str
    networks: list[str]
    port: Annotated[int | None, Field(description="null: any")]
    transport: str
    tech_prefix: str
    certificate: str
    plan_id: Annotated[int | None, Field(description="Its routes; null: no calls go out")]
    tariff_id: Annotated[int | None, Field(description="null: the account's")]
    channels: int | None
    cps: int | None
    international_prefix: str
    national_prefix: str
    country: str
    caller_rule: Annotated[str, Field(description=CALLER_MEANING)]
    caller_numbers: list[str]
    trusted: Annotated[bool, Field(description=TRUST_MEANING)]
    identity: Annotated[str, Field(description=IDENTITY_MEANING)]
    attestation: Annotated[str, Field(description=ATTESTATION_MEANING)]
    transfers: Annotated[str, Field(description=TRANSFERS_MEANING)]
    forwards: Annotated[bool, Field(description=FORWARDS_MEANING)]
    state: Annotated[str, Field(description="active; suspended: its calls are refused; closed: it has no networks")]
    suspended_for: Annotated[str, Field(description="The limit that has suspended it; empty: somebody, or nobody, has")]
    created_at: Annotated[Moment, Field(validation_alias="created_ms")]
    version: int


class TrunkQuery(Paging):
    """Which trunks."""

    account_id: Annotated[AccountId | None, Field(description="Of this account alone")] = None
    name: Text = ""
    state: Literal["", "active", "suspended", "closed"] = ""
    network: Annotated[Text, Field(description="As it stands, such as 192.0.2.0/24")] = ""


class NewTrunk(Asked):
    """A trunk to make. No two can have the same network, port, transport and tech prefix, nor the same certificate and
    tech prefix.
    """

    account_id: AccountId
    name: Name
    networks: Annotated[Networks, Field(default_factory=list)]
    port: Port | None = None
    transport: Transport = "any"
    tech_prefix: TechPrefix = ""
    certificate: Certificate = ""
    plan_id: Annotated[PlanId | None, Field(description="Its routes; null: no calls go out")] = None
    tariff_id: OwnTariff = None
    channels: Limit | None = None
    cps: Limit | None = None
    international_prefix: Digits = "00"
    national_prefix: Digits = ""
    country: CountryCode = ""
    caller_rule: CallerRule = "pass"
    caller_numbers: Annotated[CallerNumbers, Field(default_factory=list)]
    trusted: Trusted = False
    identity: IdentityRule = "off"
    attestation: Attestation = "rules"
    transfers: Transfers = "off"
    forwards: Forwards = False


class TrunkEdit(Asked):
    """What to change; what is left out stays, what is null is taken away."""

    name: Name | None = None
    networks: Networks | None = None
    port: Port | None = None
    transport: Transport | None = None
    tech_prefix: TechPrefix | None = None
    certificate: Certificate | None = None
    plan_id: Annotated[PlanId | None, Field(description="Its routes; null: no calls go out")] = None
    tariff_id: OwnTariff = None
    channels: Limit | None = None
    cps: Limit | None = None
    international_prefix: Digits | None = None
    national_prefix: Digits | None = None
    country: CountryCode | None = None
    caller_rule: CallerRule | None = None
    caller_numbers: CallerNumbers | None = None
    trusted: Trusted | None = None
    identity: IdentityRule | None = None
    attestation: Attestation | None = None
    transfers: Transfers | None = None
    forwards: Forwards | None = None
    state: Literal["active", "suspended"] | None = None


_NULLABLE = {"port", "plan_id", "tariff_id", "channels", "cps"}
_SHAPE = ("transport", "port", "tech_prefix")
"""What makes a way in beside its network: with another one the same network takes other calls."""
_TAKEN = "another trunk has this network, port, transport and tech prefix: callers could not be told apart"
_LISTING = Listing(
    "trunk",
    {"name": trunks.c.name, "created": trunks.c.created_ms, "id": trunks.c.id},
    {
        "account_id": equals(trunks.c.account_id),
        "name": contains(trunks.c.name),
        "state": equals(trunks.c.state),
        "network": lambda text: trunks.c.id.in_(
            sa.select(trunk_networks.c.trunk_id).where(trunk_networks.c.network == text)
        ),
    },
)


def _cells(call: Call) -> dict[str, Expression]:
    network = trunk_networks.c.network
    own = sa.select(network).where(trunk_networks.c.trunk_id == trunks.c.id).correlate(trunks)
    networks = own.order_by(network if is_sqlite(call.conn) else sa.collate(network, "C"))
    return {"port": sa.func.nullif(trunks.c.port, 0), "networks": together(networks)}


async def _networks(call: Call, ids: list[int]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {number: [] for number in ids}
    rows = await call.conn.execute(sa.select(trunk_networks).where(trunk_networks.c.trunk_id.in_(ids)))
    for row in rows:
        found[row.trunk_id].append(row.network)
    return {number: sorted(networks) for number, networks in found.items()}


def _view(row: Row[Any], networks: list[str]) -> TrunkView:
    return TrunkView.model_validate({**row._mapping, "networks": networks, "port": row.port or None})


async def _shown(call: Call, trunk_id: int) -> TrunkView:
    row = (await call.conn.execute(sa.select(trunks).where(trunks.c.id == trunk_id))).one()
    return _view(row, (await _networks(call, [trunk_id]))[trunk_id])


async def list_trunks(call: Call) -> Answer:
    """A page of them."""
    rows, following = await page_of(call, _LISTING)
    networks = await _networks(call, [row.id for row in rows])
    return Answer(Page[TrunkView](items=[_view(row, networks[row.id]) for row in rows], next=following))


async def show_trunk(call: Call) -> Answer:
    """One."""
    view = await _shown(call, call.row.id)
    return Answer(view, version=view.version)


async def _check(call: Call, account: Row[Any], values: dict[str, Any], trunk: Row[Any] | None = None) -> None:
    """What stands beside the account and the other trunks. `trunk`: as it is; None: it is new. Raises Problem."""
    but, kept = (0, None) if trunk is None else (trunk.id, trunk.tariff_id)
    await check_plan(call, values.get("plan_id"), None if trunk is None else trunk.plan_id)
    await check_tariff(call, values.get("tariff_id"), account.path, account.currency, kept)
    if values.get("caller_rule") in {"listed", "replace"} and not values["caller_numbers"]:
        raise invalid("/caller_numbers", "this rule needs a number at least")
    if "name" in values:
        same = (trunks.c.account_id == account.id) & (trunks.c.name == values["name"]) & (trunks.c.id != but)
        if (await call.conn.execute(sa.select(trunks.c.id).where(same))).first() is not None:
            raise invalid("/name", "the account has a trunk of this name already")


async def _check_ways(call: Call, way: dict[str, Any], but: int = 0) -> None:
    """Whether anybody can come in, and nobody else by the same certificate. `way`: fields as they will be. Raises
    Problem.
    """
    certificate = way["certificate"]
    if not way["networks"] and not certificate and way["state"] != "closed":
        raise invalid("/networks", "at least one network was expected, or a certificate")
    if not certificate:
        return
    if way["transport"] not in {"any", "tls"} or way["port"]:
        raise invalid("/certificate", "certificates are shown over TLS, from any port: leave transport and port out")
    same = (trunks.c.certificate == certificate) & (trunks.c.tech_prefix == way["tech_prefix"]) & (trunks.c.id != but)
    if (await call.conn.execute(sa.select(trunks.c.id).where(same))).first() is not None:
        raise invalid("/certificate", "another trunk has this certificate and tech prefix")


async def _take_networks(call: Call, trunk_id: int, row: Row[Any], networks: list[str]) -> None:
    """Writes the ways in. Raises Problem if another trunk has one of them."""
    ways = sorted(set(networks))
    taken = sa.select(trunk_networks.c.network).where(
        trunk_networks.c.network.in_(ways)
        & (trunk_networks.c.port == row.port)
        & (trunk_networks.c.transport == row.transport)
        & (trunk_networks.c.tech_prefix == row.tech_prefix)
        & (trunk_networks.c.trunk_id != trunk_id)
    )
    other = (await call.conn.execute(taken)).scalars().first()
    if other is not None:
        raise invalid(f"/networks/{networks.index(other)}" if other in networks else "/networks", _TAKEN)
    await call.conn.execute(sa.delete(trunk_networks).where(trunk_networks.c.trunk_id == trunk_id))
    way = {"trunk_id": trunk_id, "port": row.port, "transport": row.transport, "tech_prefix": row.tech_prefix}
    if ways:
        await call.conn.execute(sa.insert(trunk_networks), [{**way, "network": network} for network in ways])


async def _tell(call: Call, row: Row[Any], networks: list[str]) -> None:
    await enqueue(call.conn, call.node, bodies.trunk_body(row, networks), now_ms=call.now_ms)


async def make_trunk(call: Call) -> Answer:
    """Its account must be a customer's or a reseller's."""
    body: NewTrunk = call.body
    account = await call.find("account", body.account_id, to_change=True)
    check_open(account)
    if account.kind not in {"customer", "reseller"}:
        raise invalid("/account_id", f"a {account.kind} makes no calls")
    check_pays(account)
    values = body.model_dump(exclude={"networks", "port"}) | {"port": body.port or 0}
    check_from_above(call, account, defaults_of(NewTrunk), values, FROM_ABOVE)
    await _check(call, account, values)
    check_pricing(call, body.tariff_id)
    await _check_ways(call, {**values, "networks": body.networks, "state": "active"})
    made = await call.conn.execute(sa.insert(trunks).values(**values, created_ms=call.now_ms).returning(trunks))
    row = made.one()
    await _take_networks(call, row.id, row, body.networks)
    await check_free(call, row, body.networks, body.networks)
    await _tell(call, row, body.networks)
    view = await _shown(call, row.id)
    await call.audit("trunk.make", "trunk", row.id, account.id, None, view)
    return Answer(view, version=view.version, location=f"/api/v1/trunks/{row.id}")


async def edit_trunk(call: Call) -> Answer:
    """Changes some fields."""
    body: TrunkEdit = call.body
    call.check_match(call.row.version)
    before = await _shown(call, call.row.id)
    values = changes_of(body, _NULLABLE)
    check_from_above(call, call.of, dict(call.row._mapping), values, FROM_ABOVE)
    networks = before.networks if values.get("networks") is None else values["networks"]
    values.pop("networks", None)
    if "port" in values:
        values["port"] = values["port"] or 0
    await _check_ways(call, {**call.row._mapping, **values, "networks": networks}, call.row.id)
    whole = {"caller_rule": before.caller_rule, "caller_numbers": before.caller_numbers} | values
    await _check(call, call.of, whole, call.row)
    await tell_moved_thing(call, trunks, values, call.of.tariff_id)
    if values.get("state") is not None:
        await _stand_again(call, values)
    values["version"] = trunks.c.version + 1
    edited = sa.update(trunks).where(trunks.c.id == call.row.id).values(**values).returning(trunks)
    row = (await call.conn.execute(edited)).one()
    await _take_networks(call, row.id, row, networks)
    is_moved = any(getattr(row, name) != getattr(call.row, name) for name in _SHAPE)
    await check_free(call, row, networks, networks if is_moved else set(networks) - set(before.networks))
    await _tell(call, row, networks)
    view = await _shown(call, row.id)
    await call.audit("trunk.edit", "trunk", row.id, row.account_id, before, view)
    return Answer(view, version=view.version)


async def _stand_again(call: Call, values: dict[str, Any]) -> None:
    """What a limit has suspended, whoever stands above the account lifts. Raises Problem."""
    row = call.row
    if row.suspended_for and row.account_id == call.actor.account_id:
        raise Problem("forbidden", "a limit has suspended it: whoever stands above the account lifts that")
    values["suspended_for"] = ""
    if values["state"] == "active":
        about = {"account_id": row.account_id, "trunk_id": row.id}
        await noted_lifted(call.conn, call.node, call.actor, call.now_ms, **about)


async def remove_trunk(call: Call) -> Answer:
    """Its running calls go on; new ones come from nobody."""
    call.check_match(call.row.version)
    for table in (numbers, specials, translations, call_limits, number_filters, call_patterns):
        used = sa.select(table.c.id).where(table.c.trunk_id == call.row.id).limit(1)
        if (await call.conn.execute(used)).first() is not None:
            raise Problem("conflict", f"{table.name} are bound to it: release them first")
    before = await _shown(call, call.row.id)
    await call.conn.execute(sa.delete(trunk_networks).where(trunk_networks.c.trunk_id == call.row.id))
    await call.conn.execute(sa.delete(trunks).where(trunks.c.id == call.row.id))
    await enqueue(call.conn, call.node, bodies.trunk_gone_body(call.row.id), now_ms=call.now_ms)
    await call.audit("trunk.remove", "trunk", call.row.id, before.account_id, before, None)
    return Answer(status=204)


_P = Permission
_ONE = "/trunks/{trunk_id}"
ENDPOINTS = [
    Endpoint(
        "trunk.list", "GET", "/trunks", _P.TRUNKS_READ, list_trunks, "List trunks", query=TrunkQuery,
        answer=Page[TrunkView], lines=lines_of(_LISTING, TrunkView, _cells),
    ),
    Endpoint("trunk.show", "GET", _ONE, _P.TRUNKS_READ, show_trunk, "Show a trunk", answer=TrunkView),
    Endpoint(
        "trunk.make", "POST", "/trunks", _P.TRUNKS_CHANGE, make_trunk, "Make a trunk", NewTrunk, answer=TrunkView,
        status=201,
    ),
    Endpoint("trunk.edit", "PATCH", _ONE, _P.TRUNKS_CHANGE, edit_trunk, "Edit a trunk", TrunkEdit, answer=TrunkView),
    Endpoint("trunk.remove", "DELETE", _ONE, _P.TRUNKS_CHANGE, remove_trunk, "Remove a trunk", status=204),
]  # fmt: skip
