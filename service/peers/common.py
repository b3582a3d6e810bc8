"""What the APIs of what accounts have share, of trunks, gateways and devices first: kinds of values, checks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import sqlalchemy as sa
from pydantic import AfterValidator, BaseModel, Field
from sqlalchemy import Row

from ratebook.routing import Plan
from service.access.permissions import Permission
from service.accounts.rules import name_problem
from service.api.call import Call
from service.api.problems import Problem, invalid
from service.api.values import Words
from service.database.tables import plans
from service.peers.rules import canonical_certificate, canonical_host, canonical_network
from service.tariffs.moving import Moved, tell_moved


def _name(text: str) -> str:
    """As accounts and `kambill apply` have it: no / and no # in front, which mean something there."""
    problem = name_problem(text)
    if problem is not None:
        raise ValueError(problem)
    return text


Network = Annotated[str, Field(max_length=50, examples=["192.0.2.0/24"]), AfterValidator(canonical_network)]
HostAddress = Annotated[str, Field(max_length=50, examples=["192.0.2.7"]), AfterValidator(canonical_host)]
Certificate = Annotated[
    str,
    Field(
        max_length=300,
        examples=["dns:pbx.example.com"],
        description="Whom its TLS certificate must name: cn:NAME, dns:NAME, uri:URI or sha256:FINGERPRINT; empty: none",
    ),
    AfterValidator(canonical_certificate),
]
IDENTITY_MEANING = (
    "Its callers' signatures (STIR/SHAKEN): off; note: what they are worth is in the record; refuse: calls with a "
    "wrong one; require: also those without one"
)
IdentityRule = Annotated[Literal["off", "note", "refuse", "require"], Field(description=IDENTITY_MEANING)]
TRANSFERS_MEANING = (
    "Whose transfers (REFER; of devices also Replaces) it takes part in: off: none; account: those of its own "
    "account's trunks and devices; anyone: also of others that say so. Who is sent elsewhere pays for the call that "
    "it makes"
)
Transfers = Annotated[Literal["off", "account", "anyone"], Field(description=TRANSFERS_MEANING)]
FORWARDS_MEANING = (
    "Whether calls to it go on where its redirections (300 to 302) say, to a number or device that it can call here: "
    "such a call is its own, and it pays for it"
)
Forwards = Annotated[bool, Field(description=FORWARDS_MEANING)]
Name = Annotated[Words, AfterValidator(_name)]
Port = Annotated[int, Field(ge=1, le=65_535)]
Digits = Annotated[str, Field(pattern=r"^[0-9]{0,15}$")]
CountryCode = Annotated[
    str,
    Field(
        pattern=r"^([1-9][0-9]{0,14})?$",
        description="A code such as 49, which takes the national prefix's place; empty: numbers stay as they are sent",
    ),
]
CallerNumbers = Annotated[list[Annotated[str, Field(pattern=r"^[0-9]{3,15}$")]], Field(max_length=1_000)]
E164 = Annotated[str, Field(pattern=r"^[1-9][0-9]{4,14}$", description="E.164 without +", examples=["442079460000"])]


def check_pricing(call: Call, tariff_id: int | None, kept: int | None = None) -> None:
    """Another price than the account's, or than before, is given by who may give accounts tariffs. Raises Problem."""
    if tariff_id != kept:
        call.need(Permission.ACCOUNTS_CHANGE)


async def check_plan(call: Call, plan_id: int | None, kept: int | None = None) -> None:
    """Whom the operator lets give a plan; `kept`: that stands there already. Raises Problem."""
    if plan_id is None or plan_id == kept or call.actor.is_root:
        return
    record = (await call.conn.execute(sa.select(plans.c.record).where(plans.c.id == plan_id))).scalar_one()
    if not Plan.from_record(record).is_for_resellers:
        raise invalid("/plan_id", "the operator alone gives this routing plan")


async def tell_moved_thing(call: Call, table: sa.Table, values: Mapping[str, Any], otherwise: int | None) -> None:
    """What an edit of a trunk, device or number does to its prices is told to the account's people. `otherwise`: the
    tariff of a thing that has none of its own. Raises Problem.
    """
    if "tariff_id" not in values:
        return
    check_pricing(call, values["tariff_id"], call.row.tariff_id)
    before, after = call.row.tariff_id or otherwise, values["tariff_id"] or otherwise
    await tell_moved(call.conn, Moved(call.of, before, after, call.actor.name, call.now_ms, (table, call.row.id)))


def check_from_above(
    call: Call, account: Row[Any], before: Mapping[str, Any], after: Mapping[str, Any], fields: frozenset[str]
) -> None:
    """Nobody sets their own price, limits or rules: whoever stands above the account does. Raises Problem."""
    changed = sorted(name for name in after.keys() & fields if after[name] != before.get(name))
    if changed and account.id == call.actor.account_id:
        raise Problem("forbidden", f"whoever stands above the account sets {', '.join(changed)}")


def defaults_of(model: type[BaseModel]) -> dict[str, Any]:
    """What the fields of a new thing say when nobody speaks."""
    fields = model.model_fields.items()
    return {name: one.get_default(call_default_factory=True) for name, one in fields if not one.is_required()}


def check_open(account: Row[Any]) -> None:
    """Nothing new for an account that is closed. Raises Problem."""
    if account.state == "closed":
        raise Problem("conflict", "the account is closed: resume it first")


async def check_room(call: Call, table: sa.Table, account_id: int, most: int) -> None:
    """Whether the account may have one more. Raises Problem."""
    count = sa.select(sa.func.count()).select_from(table).where(table.c.account_id == account_id)
    if (await call.conn.execute(count)).scalar_one() >= most:
        raise Problem("conflict", f"an account has {most} of them at most: remove one first")


def check_pays(account: Row[Any]) -> None:
    """Who isn't charged makes no calls: its seller would pay them. Raises Problem."""
    if account.commission:
        raise invalid("/account_id", "a commission reseller pays for no calls, so it makes none: its customers do")


def changes_of(body: Any, nullable: set[str]) -> dict[str, Any]:
    """The fields that an edit names; null takes away what may be taken away, and says nothing elsewhere."""
    found = {name: getattr(body, name) for name in body.model_fields_set}
    return {name: value for name, value in found.items() if value is not None or name in nullable}
