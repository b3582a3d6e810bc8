"""Roles: sets of permissions that an account defines for itself and those below it, and the ceilings of accounts."""

from __future__ import annotations

from typing import Annotated, Any

import sqlalchemy as sa
from pydantic import Field
from sqlalchemy import Row

from service.access import rights
from service.access.permissions import Permission, Permissions, meaning
from service.access.rights import known
from service.access.standing import find_roles, role_of, standing_of
from service.api.call import Call
from service.api.endpoint import Answer, Endpoint, Open
from service.api.lists import Listing, Page, Paging, contains, equals, page_of
from service.api.nouns import seen
from service.api.problems import Problem, invalid
from service.api.values import AccountId, Asked, Moment, RoleId, Text, Told, Words
from service.api.versions import version_of
from service.database.access_tables import account_roles, roles
from service.database.paths import path_ids
from service.database.tables import accounts


class RoleView(Told):
    """A role."""

    id: int
    account_id: Annotated[int, Field(description="Who defined it: it holds for this account and those below")]
    name: str
    permissions: list[str]
    built_in: Annotated[str, Field(description="Its key; empty: somebody made it")]
    note: str
    created_at: Annotated[Moment, Field(validation_alias="created_ms")]
    version: int


class ListedRole(RoleView):
    """A role among others."""

    account: Annotated[
        str, Field(description="Who defined it, by its name; empty: somebody further above than the own seller")
    ] = ""


class RoleQuery(Paging):
    """Which roles."""

    account_id: AccountId | None = None
    name: Text = ""
    given_in_id: Annotated[
        AccountId | None, Field(description="An account: only roles that you may give to its users; pages may be short")
    ] = None


class NewRole(Asked):
    """A role to define."""

    account_id: AccountId
    name: Words
    permissions: Annotated[list[Permission], Field(max_length=200, examples=[["trunks.read", "trunks.change"]])]
    note: Text = ""


class RoleEdit(Asked):
    """What to change; what is left out stays."""

    name: Words | None = None
    permissions: Annotated[list[Permission], Field(max_length=200)] | None = None
    note: Text | None = None


class PermissionView(Told):
    """A permission."""

    name: str
    area: str
    meaning: str
    held: Annotated[bool, Field(description="Whether the asker holds it, and so can give it")]


class Catalogue(Told):
    """All of them."""

    items: list[PermissionView]


class CeilingView(Told):
    """What an account may at most, whoever of its users asks."""

    role_ids: Annotated[list[int], Field(description="That were given to it")]
    default_role: Annotated[bool, Field(description="Whether the role of its kind and billing counts too")]
    permissions: Annotated[list[str], Field(description="What is left below all ceilings above it")]


class Ceiling(Asked):
    """All roles of an account, and whether the role of its kind and billing counts."""

    role_ids: Annotated[list[RoleId], Field(max_length=50)]
    default_role: bool = True


_LISTING = Listing(
    "role",
    {"name": roles.c.name, "created": roles.c.created_ms},
    {"account_id": equals(roles.c.account_id), "name": contains(roles.c.name)},
)


def _view(row: Row[Any]) -> RoleView:
    return RoleView.model_validate(_told(row))


def _told(row: Row[Any]) -> dict[str, Any]:
    return {**row._mapping, "permissions": sorted(rights.granted(role_of(row)))}


async def list_permissions(call: Call) -> Answer:
    """The catalogue."""
    items = [
        PermissionView(name=one.value, area=one.area, meaning=meaning(one), held=call.may(one)) for one in Permission
    ]
    return Answer(Catalogue(items=items))


async def list_roles(call: Call) -> Answer:
    """Those of the subtree and those from above that can be given."""
    query: RoleQuery = call.query
    rows, following = await page_of(call, _LISTING)
    if query.given_in_id is not None:
        rows = await _given_in(call, query.given_in_id, rows)
    names = await _definers(call, [row.account_id for row in rows])
    items = [ListedRole.model_validate(_told(row) | {"account": names.get(row.account_id, "")}) for row in rows]
    return Answer(Page[ListedRole](items=items, next=following))


async def _definers(call: Call, ids: list[int]) -> dict[int, str]:
    """Names of those that the asker knows: of the subtree, and the own seller. Who stands above that one is nobody's
    business below.
    """
    seller = path_ids(call.actor.path)[-2:-1]
    known = seen(accounts.c.path, call.actor) | accounts.c.id.in_(seller)
    query = sa.select(accounts.c.id, accounts.c.name).where(accounts.c.id.in_(ids) & known)
    return {row.id: row.name for row in await call.conn.execute(query)}


async def _given_in(call: Call, account_id: int, rows: list[Row[Any]]) -> list[Row[Any]]:
    """Of these roles those that the asker may give to users of an account: as `check_given` has it."""
    account = await call.find("account", account_id)
    standing, path = await standing_of(call.conn, account.path), path_ids(account.path)
    held = call.actor.permissions
    of = {row.id: role_of(row) for row in rows}
    return [
        row for row in rows
        if rights.usable(of[row.id], path) and not rights.beyond(standing.of_user_at_most([of[row.id]]), held)
    ]  # fmt: skip


async def show_role(call: Call) -> Answer:
    """One."""
    return Answer(_view(call.row), version=call.row.version)


async def _reload(call: Call, role_id: int) -> RoleView:
    return _view((await call.conn.execute(sa.select(roles).where(roles.c.id == role_id))).one())


async def _check_name(call: Call, account_id: int, name: str, but: int = 0) -> None:
    where = (roles.c.account_id == account_id) & (roles.c.name == name) & (roles.c.id != but)
    if (await call.conn.execute(sa.select(roles.c.id).where(where))).first() is not None:
        raise Problem("conflict", f"the account has a role {name!r} already")


async def define_role(call: Call) -> Answer:
    """Never beyond what its definer holds, nor what the account may."""
    body: NewRole = call.body
    account = await call.find("account", body.account_id, to_change=True)
    wanted = frozenset(body.permissions)
    call.need_all(wanted)
    await _check_ceiling(call, account.path, wanted)
    await _check_name(call, account.id, body.name)
    values = body.model_dump() | {"permissions": sorted(wanted), "created_ms": call.now_ms}
    made = await call.conn.execute(sa.insert(roles).values(**values).returning(roles.c.id))
    view = await _reload(call, int(made.scalar_one()))
    await call.audit("role.define", "role", view.id, account.id, None, view)
    return Answer(view, version=view.version, location=f"/api/v1/roles/{view.id}")


async def _check_ceiling(call: Call, path: str, wanted: Permissions) -> None:
    missing = rights.beyond(wanted, (await standing_of(call.conn, path)).ceiling)
    if missing:
        raise invalid("/permissions", f"the account may not itself: {', '.join(missing)}")


async def edit_role(call: Call) -> Answer:
    """It holds at the next request of everybody who has the role. New permissions must be the editor's own."""
    body: RoleEdit = call.body
    call.check_match(call.row.version)
    before = _view(call.row)
    _check_editable(call)
    values = body.model_dump(exclude_none=True)
    if body.permissions is not None:
        wanted = frozenset(body.permissions)
        fresh = wanted - known(call.row.permissions)
        call.need_all(fresh)
        await _check_ceiling(call, call.of.path, fresh)
        values["permissions"] = sorted(wanted)
    if body.name is not None:
        await _check_name(call, call.of.id, body.name, call.row.id)
    await call.conn.execute(
        sa.update(roles).where(roles.c.id == call.row.id).values(**values, version=roles.c.version + 1)
    )
    after = await _reload(call, call.row.id)
    await call.audit("role.change", "role", call.row.id, call.of.id, before, after)
    return Answer(after, version=after.version)


def _check_editable(call: Call) -> None:
    """Raises Problem for what only the operator's own people change, and what nobody does."""
    if call.row.built_in in {"super_admin", "owner"}:
        raise Problem("conflict", "this role says everything, always: define another one")


async def remove_role(call: Call) -> Answer:
    """Whoever has it loses it at the next request."""
    call.check_match(call.row.version)
    if call.row.built_in:
        raise Problem("conflict", "this role is built in: change what it says instead")
    await call.conn.execute(sa.delete(roles).where(roles.c.id == call.row.id))
    await call.audit("role.remove", "role", call.row.id, call.of.id, _view(call.row), None)
    return Answer()


async def show_ceiling(call: Call) -> Answer:
    """What the account may."""
    view = await _ceiling(call)
    return Answer(view, version=version_of(_set_here(view)))


def _set_here(view: CeilingView) -> list[Any]:
    """Without what it comes to, which may be narrowed above."""
    return [view.role_ids, view.default_role]


async def _ceiling(call: Call) -> CeilingView:
    standing = await standing_of(call.conn, call.of.path)
    last = standing.steps[-1]
    return CeilingView(
        role_ids=sorted(role.id for role in last.roles),
        default_role=last.default_role,
        permissions=sorted(standing.ceiling),
    )


async def set_ceiling(call: Call) -> Answer:
    """Narrows everybody below it at their next request; what it adds, the asker must hold."""
    body: Ceiling = call.body
    before = await _ceiling(call)
    call.check_unchanged(_set_here(before))
    found = await find_roles(call.conn, body.role_ids)
    ids = path_ids(call.of.path)
    for index, role_id in enumerate(body.role_ids):
        if not any(role.id == role_id and rights.usable(role, ids) for role in found):
            raise invalid(f"/role_ids/{index}", f"role {role_id} can't be used in this account")
    await call.conn.execute(sa.delete(account_roles).where(account_roles.c.account_id == call.of.id))
    if body.role_ids:
        rows = [{"account_id": call.of.id, "role_id": number} for number in sorted(set(body.role_ids))]
        await call.conn.execute(sa.insert(account_roles), rows)
    values = {"default_role": body.default_role, "version": accounts.c.version + 1}
    await call.conn.execute(sa.update(accounts).where(accounts.c.id == call.of.id).values(**values))
    after = await _ceiling(call)
    call.need_all(known(after.permissions) - known(before.permissions))
    await call.audit("account.roles", "account", call.of.id, call.of.id, before, after)
    return Answer(after, version=version_of(_set_here(after)))


_READ, _CHANGE = Permission.ROLES_READ, Permission.ROLES_CHANGE
ENDPOINTS = [
    Endpoint(
        "permission.list", "GET", "/permissions", Open.SIGNED_IN, list_permissions, "List what can be allowed",
        answer=Catalogue,
    ),
    Endpoint("role.list", "GET", "/roles", _READ, list_roles, "List roles", query=RoleQuery, answer=Page[ListedRole]),
    Endpoint("role.show", "GET", "/roles/{role_id}", _READ, show_role, "Show a role", answer=RoleView),
    Endpoint(
        "role.define", "POST", "/roles", _CHANGE, define_role, "Define a role", NewRole, answer=RoleView, status=201
    ),
    Endpoint("role.edit", "PATCH", "/roles/{role_id}", _CHANGE, edit_role, "Edit a role", RoleEdit, answer=RoleView),
    Endpoint("role.remove", "DELETE", "/roles/{role_id}", _CHANGE, remove_role, "Remove a role", status=204),
    Endpoint(
        "account.ceiling", "GET", "/accounts/{account_id}/roles", _READ, show_ceiling, "Show what an account may",
        answer=CeilingView,
    ),
    Endpoint(
        "account.set-ceiling", "PUT", "/accounts/{account_id}/roles", _CHANGE, set_ceiling, "Set what an account may",
        Ceiling, answer=CeilingView, below=True,
    ),
]  # fmt: skip
