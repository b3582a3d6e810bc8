"""The API of gateways: where traffic leaves, and what is known of each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import sqlalchemy as sa
from pydantic import AfterValidator, Field
from sqlalchemy import Row

from kemi.store.networks import lies_in, parse_network
from ratebook.routing import Plan
from service.access.permissions import Permission
from service.api.call import Call
from service.api.endpoint import Answer, Endpoint
from service.api.lists import Listing, Page, Paging, contains, equals, page_of
from service.api.problems import Problem, invalid
from service.api.values import AccountId, Asked, Limit, Moment, TariffId, Text, Told
from service.commands import bodies
from service.commands.outbox import enqueue
from service.database.fraud_tables import call_patterns
from service.database.peer_tables import translations
from service.database.tables import gateways, plans
from service.fraud.alarms import noted_lifted
from service.peers.addresses import check_not_ours
from service.peers.common import (
    IDENTITY_MEANING,
    HostAddress,
    IdentityRule,
    Network,
    Port,
    changes_of,
    check_from_above,
    check_open,
    defaults_of,
)
from service.peers.devices_api import hashes
from service.tariffs.checks import check_tariff

FROM_ABOVE = frozenset({"tariff_id", "channels", "cps", "trusted", "signs", "identity", "redirects", "redirect_hosts"})
CODECS_MAX = 16


def _once_each(names: list[str]) -> list[str]:
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ValueError(f"{twice} stands there twice")
    return names


Name = Annotated[str, Field(min_length=1, max_length=60, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
Prefix = Annotated[str, Field(pattern=r"^[0-9*#+]{0,16}$", description="Put before the number")]
Strip = Annotated[int, Field(ge=0, le=15, description="Digits that are taken off first")]
Transport = Literal["udp", "tcp", "tls"]
FORMAT_MEANING = (
    "plain: E.164 without +; plus: with it, called and calling number; rn: as plus, and of ported numbers npdi and rn"
)
NumberFormat = Annotated[Literal["plain", "plus", "rn"], Field(description=FORMAT_MEANING)]
SIGNS_MEANING = "It is told who calls by a signed Identity header (STIR/SHAKEN)"
TRUST_MEANING = "It is told who calls (P-Asserted-Identity) though the caller wants to stay unknown"
Signs = Annotated[bool, Field(description=SIGNS_MEANING)]
Trusted = Annotated[bool, Field(description=TRUST_MEANING)]
NETWORKS_MEANING = "Where its requests come from; empty: the host"
Networks = Annotated[list[Network], Field(max_length=64, description=NETWORKS_MEANING)]
TARIFF_MEANING = "By which the provider is paid; null: its account's"
OwnTariff = Annotated[TariffId | None, Field(description=TARIFF_MEANING)]
Probe = Annotated[int, Field(ge=0, le=3600, description="Seconds between two OPTIONS; 0: none are sent")]
Failures = Annotated[int, Field(ge=0, le=1000, description="It goes out after so many in a row; 0: never")]
Out = Annotated[int, Field(ge=1, le=86_400, description="Seconds after which one that isn't probed is tried again")]
Codec = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9.-]{0,31}$", examples=["PCMA"]), AfterValidator(str.upper)]
Codecs = Annotated[
    list[Codec],
    Field(
        max_length=CODECS_MAX,
        description="What it takes of an offer, in this order, as SDP names them; empty: everything. telephone-event "
        "always stays; a call that offers none of them goes to the next gateway",
    ),
    AfterValidator(_once_each),
]
Redirects = Literal["off", "follow"]
REDIRECTS_MEANING = (
    "follow: a 3xx with the same number is tried at another gateway of this provider that the routing plan has, or at "
    "one of redirect_hosts; off: it is a failure"
)
RedirectHosts = Annotated[
    list[HostAddress],
    Field(max_length=32, description="Addresses inside its networks to which its redirections may lead"),
    AfterValidator(_once_each),
]
FailureCode = Annotated[int, Field(ge=400, le=699)]
FailureCodes = Annotated[
    list[FailureCode], Field(max_length=64, description="Codes that are the gateway's failures; 408: silence")
]


class GatewayView(Told):
    """Where traffic leaves."""

    id: int
    account_id: Annotated[int, Field(description="The provider's")]
    name: Annotated[str, Field(description="provider/name: what routing.yaml calls it")]
    host: str
    port: int
    transport: str
    networks: Annotated[list[str], Field(description=NETWORKS_MEANING)]
    prefix: str
    strip: int
    number_format: Annotated[str, Field(description=FORMAT_MEANING)]
    trusted: Annotated[bool, Field(description=TRUST_MEANING)]
    codecs: Codecs
    redirects: Annotated[str, Field(description=REDIRECTS_MEANING)]
    redirect_hosts: RedirectHosts
    signs: Annotated[bool, Field(description=SIGNS_MEANING)]
    identity: Annotated[str, Field(description=IDENTITY_MEANING)]
    tariff_id: Annotated[int | None, Field(description=TARIFF_MEANING)]
    channels: int | None
    cps: int | None
    probe_s: int
    failures_max: int
    out_s: int
    failure_codes: list[int]
    username: Annotated[str, Field(description="Ours at the carrier; empty: its challenges are not answered")]
    realm: str
    register_s: Annotated[int, Field(description="How long a registration of ours is to hold; 0: we don't register")]
    contact: Annotated[str, Field(description="What a registration says; empty: Kamailio's first socket")]
    state: Annotated[str, Field(description="active or suspended")]
    suspended_for: Annotated[str, Field(description="The pattern that has suspended it; empty: somebody, or nobody")]
    created_at: Annotated[Moment, Field(validation_alias="created_ms")]
    version: int


class GatewayQuery(Paging):
    """Which gateways."""

    account_id: Annotated[AccountId | None, Field(description="Of this provider alone")] = None
    name: Text = ""
    state: Literal["", "active", "suspended"] = ""


class NewGateway(Asked):
    """A gateway to make."""

    account_id: AccountId
    name: Name
    host: HostAddress
    port: Port = 5060
    transport: Transport = "udp"
    networks: Annotated[Networks, Field(default_factory=list)]
    prefix: Prefix = ""
    strip: Strip = 0
    number_format: NumberFormat = "plain"
    trusted: Trusted = False
    codecs: Annotated[Codecs, Field(default_factory=list)]
    redirects: Annotated[Redirects, Field(description=REDIRECTS_MEANING)] = "off"
    redirect_hosts: Annotated[RedirectHosts, Field(default_factory=list)]
    signs: Signs = False
    identity: IdentityRule = "off"
    tariff_id: OwnTariff = None
    channels: Limit | None = None
    cps: Limit | None = None
    probe_s: Probe = 0
    failures_max: Failures = 5
    out_s: Out = 60
    failure_codes: FailureCodes = Field(default_factory=lambda: [408, 503])


class GatewayEdit(Asked):
    """What to change; what is left out stays, what is null is taken away. Its name stays: routes name it."""

    host: HostAddress | None = None
    port: Port | None = None
    transport: Transport | None = None
    networks: Networks | None = None
    prefix: Prefix | None = None
    strip: Strip | None = None
    number_format: NumberFormat | None = None
    trusted: Trusted | None = None
    codecs: Codecs | None = None
    redirects: Annotated[Redirects | None, Field(description=REDIRECTS_MEANING)] = None
    redirect_hosts: RedirectHosts | None = None
    signs: Signs | None = None
    identity: IdentityRule | None = None
    tariff_id: OwnTariff = None
    channels: Limit | None = None
    cps: Limit | None = None
    probe_s: Probe | None = None
    failures_max: Failures | None = None
    out_s: Out | None = None
    failure_codes: FailureCodes | None = None
    state: Literal["active", "suspended"] | None = None


_CONTACT = r"^([0-9A-Za-z.\[\]:-]{1,60}:[0-9]{1,5})?$"
Word = Annotated[str, Field(min_length=1, max_length=100, pattern=r'^[^\x00-\x20"\\<>;]+$')]


class Credentials(Asked):
    """By what a carrier knows us. The password is kept only as its hashes."""

    username: Annotated[Word, Field(description="Without blanks and quotes")]
    realm: Annotated[str, Field(min_length=1, max_length=100, pattern=r'^[^\x00-\x1f"\\]+$')]
    password: Annotated[str, Field(min_length=1, max_length=200, json_schema_extra={"format": "password"})]
    register_s: Annotated[int, Field(description="0, or 60 to 86400")] = 0
    contact: Annotated[str, Field(pattern=_CONTACT, description="host:port; empty: Kamailio's first socket")] = ""


_NULLABLE = {"tariff_id", "channels", "cps"}
LISTING = Listing(
    "gateway",
    {"name": gateways.c.name, "created": gateways.c.created_ms, "id": gateways.c.id},
    {
        "account_id": equals(gateways.c.account_id),
        "name": contains(gateways.c.name),
        "state": equals(gateways.c.state),
    },
)


async def list_gateways(call: Call) -> Answer:
    """A page of them."""
    rows, following = await page_of(call, LISTING)
    return Answer(Page[GatewayView](items=[GatewayView.model_validate(row) for row in rows], next=following))


async def show_gateway(call: Call) -> Answer:
    """One."""
    view = GatewayView.model_validate(call.row)
    return Answer(view, version=view.version)


async def make_gateway(call: Call) -> Answer:
    """Of a provider, or of an account that provides too."""
    body: NewGateway = call.body
    account = await call.find("account", body.account_id, to_change=True)
    check_open(account)
    if account.kind != "provider" and not account.provides:
        raise invalid("/account_id", "this account is no provider: make it one (`provides`) first")
    if account.kind != "provider" and body.tariff_id is None:
        raise invalid("/tariff_id", "say by which tariff it is paid: its account's is what it pays by itself")
    check_from_above(call, account, defaults_of(NewGateway), body.model_dump(), FROM_ABOVE)
    _check_format(body.model_dump())
    _check_hosts(body.model_dump())
    await check_not_ours(call, (body.host, body.port, body.transport), "/host")
    await check_tariff(call, body.tariff_id, account.path, account.currency)
    name = f"{account.name}/{body.name}"
    if (await call.conn.execute(sa.select(gateways.c.id).where(gateways.c.name == name))).first() is not None:
        raise invalid("/name", "there is a gateway of this name already")
    values = body.model_dump() | {"name": name}
    made = await call.conn.execute(sa.insert(gateways).values(**values, created_ms=call.now_ms).returning(gateways))
    return await _told(call, "gateway.make", None, made.one())


def _check_format(values: Mapping[str, Any]) -> None:
    """Raises Problem."""
    if values["number_format"] != "plain" and (values["prefix"] or values["strip"]):
        raise invalid(
            "/number_format", "with plus and rn the number stands whole behind it: leave prefix and strip out"
        )


def _check_hosts(values: Mapping[str, Any]) -> None:
    """Raises Problem: where its redirections may lead must be the gateway's own, or its answers would not be heard."""
    networks = tuple(map(parse_network, values["networks"] or [values["host"]]))
    for at, host in enumerate(values["redirect_hosts"]):
        if not lies_in(host, networks):
            raise invalid(f"/redirect_hosts/{at}", f"{host} is in none of the gateway's networks: add it there first")


async def _told(call: Call, action: str, before: Row[Any] | None, row: Row[Any]) -> Answer:
    await enqueue(call.conn, call.node, bodies.gateway_body(row), now_ms=call.now_ms)
    view = GatewayView.model_validate(row)
    told = None if before is None else GatewayView.model_validate(before)
    await call.audit(action, "gateway", row.id, row.account_id, told, view)
    return Answer(view, version=view.version, location=f"/api/v1/gateways/{row.id}")


async def edit_gateway(call: Call) -> Answer:
    """Changes some fields."""
    call.check_match(call.row.version)
    values = changes_of(call.body, _NULLABLE)
    check_from_above(call, call.of, dict(call.row._mapping), values, FROM_ABOVE)
    if "tariff_id" in values and values["tariff_id"] is None and call.of.kind != "provider":
        raise invalid("/tariff_id", "say by which tariff it is paid: its account's is what it pays by itself")
    await check_tariff(call, values.get("tariff_id"), call.of.path, call.of.currency)
    _check_format(dict(call.row._mapping) | values)
    after = dict(call.row._mapping) | values
    _check_hosts(after)
    if not values.keys().isdisjoint({"host", "port", "transport"}):
        await check_not_ours(call, (after["host"], after["port"], after["transport"]), "/host")
    if values.get("state") is not None:
        values["suspended_for"] = ""
    if values.get("state") == "active":
        about = {"account_id": call.row.account_id, "gateway_id": call.row.id}
        await noted_lifted(call.conn, call.node, call.actor, call.now_ms, **about)
    values["version"] = gateways.c.version + 1
    edited = sa.update(gateways).where(gateways.c.id == call.row.id).values(**values).returning(gateways)
    row = (await call.conn.execute(edited)).one()
    return await _told(call, "gateway.edit", call.row, row)


async def remove_gateway(call: Call) -> Answer:
    """Only when no route leads there."""
    call.check_match(call.row.version)
    for name, record in await call.conn.execute(sa.select(plans.c.name, plans.c.record)):
        if str(call.row.id) in Plan.from_record(record).gateways():
            raise Problem("conflict", f"the plan {name!r} leads there: take it out of routing.yaml first")
    for table in (translations, call_patterns):
        used = sa.select(table.c.id).where(table.c.gateway_id == call.row.id).limit(1)
        if (await call.conn.execute(used)).first() is not None:
            raise Problem("conflict", f"{table.name} are bound to it: remove them first")
    await call.conn.execute(sa.delete(gateways).where(gateways.c.id == call.row.id))
    await enqueue(call.conn, call.node, bodies.gateway_gone_body(call.row.id), now_ms=call.now_ms)
    view = GatewayView.model_validate(call.row)
    await call.audit("gateway.remove", "gateway", call.row.id, call.row.account_id, view, None)
    return Answer(status=204)


async def set_credentials(call: Call) -> Answer:
    """For INVITE, and to register. Whoever had the old ones can't be asked again."""
    body: Credentials = call.body
    call.check_match(call.row.version)
    if body.register_s and not 60 <= body.register_s <= 86_400:
        raise invalid("/register_s", "0 (no registration), or seconds from 60 to 86400")
    values = {"username": body.username, "realm": body.realm, "register_s": body.register_s, "contact": body.contact}
    return await _prove(call, values | hashes(body.username, body.realm, body.password))


async def remove_credentials(call: Call) -> Answer:
    """Its challenges are not answered any more, and we don't register."""
    call.check_match(call.row.version)
    empty = dict.fromkeys(("username", "realm", "ha1_md5", "ha1_sha256", "contact"), "")
    return await _prove(call, empty | {"register_s": 0})


async def _prove(call: Call, values: dict[str, Any]) -> Answer:
    values["version"] = gateways.c.version + 1
    edited = sa.update(gateways).where(gateways.c.id == call.row.id).values(**values).returning(gateways)
    return await _told(call, "gateway.credentials", call.row, (await call.conn.execute(edited)).one())


_P = Permission
_ONE = "/gateways/{gateway_id}"
ENDPOINTS = [
    Endpoint(
        "gateway.list", "GET", "/gateways", _P.GATEWAYS_READ, list_gateways, "List gateways", query=GatewayQuery,
        answer=Page[GatewayView],
    ),
    Endpoint("gateway.show", "GET", _ONE, _P.GATEWAYS_READ, show_gateway, "Show a gateway", answer=GatewayView),
    Endpoint(
        "gateway.make", "POST", "/gateways", _P.GATEWAYS_CHANGE, make_gateway, "Make a gateway", NewGateway,
        answer=GatewayView, status=201,
    ),
    Endpoint(
        "gateway.edit", "PATCH", _ONE, _P.GATEWAYS_CHANGE, edit_gateway, "Edit a gateway", GatewayEdit,
        answer=GatewayView,
    ),
    Endpoint("gateway.remove", "DELETE", _ONE, _P.GATEWAYS_CHANGE, remove_gateway, "Remove a gateway", status=204),
    Endpoint(
        "gateway.credentials", "PUT", f"{_ONE}/credentials", _P.GATEWAYS_CHANGE, set_credentials,
        "Set by what a carrier knows us", Credentials, answer=GatewayView,
    ),
    Endpoint(
        "gateway.forget-credentials", "DELETE", f"{_ONE}/credentials", _P.GATEWAYS_CHANGE, remove_credentials,
        "Take away by what a carrier knows us", answer=GatewayView,
    ),
]  # fmt: skip
