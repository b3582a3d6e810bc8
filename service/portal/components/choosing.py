"""What can be chosen where a field names things: asked of the noun's own list, so it is what the visitor may see."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from service.api.lists import PAGE_ROWS_MAX
from service.api.values import number_in
from service.billing.paper.language import LANGUAGES
from service.database.paths import path_ids
from service.portal.components.fields import KNOWN, Choice, Kind
from service.portal.components.labels import value_of
from service.portal.components.offered import offered
from service.portal.visit import BY_NAME, Visit
from service.portal.wording import language_names
from service.zones import zones

NAMED = {
    "device": "username", "dispute": "subject", "invoice": "number", "number": "number", "rerating": "reason",
    "statement": "number", "subscription": "product", "user": "email",
}  # fmt: skip
"""The field that a thing is called by, where it isn't `name`; its list filters by it too."""
FOUND_MAX = 10
NEEDS = {"trunk": "trunk.list", "provider": "gateway.list", "gateway": "gateway.list"}
"""What a report can be summed up by: the endpoint that whoever may not isn't offered it."""

OF_PAPERS = ("terms.", "broadcast.")
"""Endpoints whose language is that of papers and of people, beside that of pages."""


async def choices_of(visit: Visit, kind: Kind, endpoint: str = "") -> list[Choice] | None:
    """Of a field; None: too many, or not for the visitor's eyes: then the number is typed. `endpoint`: what the field
    is sent to, which takes some of the things only; empty: it is to find any of them.
    """
    name = kind.name.rpartition(".")[2]
    if name == "currency":
        return [Choice(one, one) for one in await visit.currencies()]
    if name in KNOWN:
        return known(name, endpoint)
    if kind.choices:
        needs = NEEDS if name in {"by", "split"} else {}
        nothing_first = [one for one in sorted(kind.choices, key=bool) if visit.can(*needs.get(one, "").split())]
        none = {"": visit.say("nothing")} if name == "split" else {}
        return [Choice(one, none.get(one) or value_of(one, visit.say)) for one in nothing_first]
    is_of_users = kind.name == "role_ids" and visit.request.path.startswith("/users")
    query = {"given_in_id": str(await _account(visit))} if is_of_users else {}
    return await _things(visit, kind, query, endpoint) if kind.noun else []


def known(name: str, endpoint: str = "") -> list[Choice]:
    """Time zones; or languages that there are words in: of pages, where papers or mails are meant of those too."""
    if name != "language":
        return [Choice(zone, zone) for zone in sorted(zones())]
    of_papers = LANGUAGES if endpoint.startswith(OF_PAPERS) else ()
    return [Choice(tag, text) for tag, text in language_names(of_papers).items()]


def can_choose(visit: Visit, kind: Kind) -> bool:
    """Whether the visitor sees the things that a field names: nobody knows numbers of what they don't see."""
    name = f"{kind.noun}.list"
    return name not in BY_NAME or visit.can(name)


async def _account(visit: Visit) -> int:
    """Whose users a page of users is about; the own account, as long as nobody has said another one."""
    if "user_id" in visit.request.match_info:
        row: Any = (await visit.look_at("user.show", {"user_id": visit.parameter("user_id")})).body
        return int(row.account_id)
    said = str(visit.form.get("account_id") or visit.request.query.get("account_id", ""))
    number = number_in(said)
    await visit.learn("account", [number])
    return number if visit.knows("account", number) else visit.account_id


async def _things(visit: Visit, kind: Kind, query: Mapping[str, str], endpoint: str) -> list[Choice] | None:
    """All things of a noun that the visitor sees and the endpoint takes; None: too many for a list, or not for their
    eyes.
    """
    name = f"{kind.noun}.list"
    if name not in BY_NAME or not visit.can(name):
        return None
    page: Any = (await visit.look_at(name, query={"limit": str(PAGE_ROWS_MAX), **query})).body
    if page.next is not None:
        return None
    seen = [row for row in page.items if kind.noun != "role" or _can_be_given(visit, row)]
    rows = await offered(visit, endpoint, kind.name, seen)
    found = await _told_apart(visit, rows, [_called(visit, kind.noun, row) for row in rows])
    if kind.noun != "role":
        return found
    notes = [visit.say(row.note) if row.note else "" for row in rows]  # who gives one hasn't read all that each allows
    return [one._replace(note=note) for one, note in zip(found, notes, strict=True)]


def _called(visit: Visit, noun: str, row: Any) -> str:
    """A tax by its percentage too: there are several of one name."""
    name = str(getattr(row, NAMED.get(noun, "name")) or f"#{row.id}")
    return f"{name} {visit.formats.amount(row.percent, 0)} %" if noun == "tax" else name


async def _told_apart(visit: Visit, rows: Sequence[Any], called: Sequence[str]) -> list[Choice]:
    """Those of one name by whose they are, or how far above those stand; two of one owner by their numbers."""
    names = Counter(called)
    numbers = [getattr(row, "account_id", None) for row in rows]
    await visit.learn("account", numbers if len(names) < len(rows) else ())
    owners = [_owner(visit, row) for row in rows]
    pairs = Counter(zip(called, owners, strict=True))
    found = []
    for row, name, owner in zip(rows, called, owners, strict=True):
        is_enough = owner and not owner.startswith("#") and pairs[name, owner] == 1
        beside = owner if is_enough else f"#{row.id}"
        found.append(Choice(str(row.id), name if names[name] == 1 else f"{name} ({beside})"))
    return found


def _owner(visit: Visit, row: Any) -> str:
    """By its name, where the list tells it or the visitor may look at it. Above there is one account on each level."""
    number = getattr(row, "account_id", None)
    above = path_ids(visit.actor.path)[-3::-1] if visit.actor is not None else []
    if getattr(row, "account", "") or number not in above:
        return str(getattr(row, "account", "") or visit.name("account", number))
    return visit.say("{count} levels above you").format(count=above.index(number) + 2)


def _can_be_given(visit: Visit, role: Any) -> bool:
    """The Super Admin's role only by who may all of it: everybody else would be refused."""
    held = visit.actor.permissions if visit.actor is not None else frozenset()
    return role.built_in != "super_admin" or held >= set(role.permissions)


async def found(visit: Visit, noun: str, text: str) -> list[Choice]:
    """The first things whose names hold a text, for a field of things that are too many to choose from."""
    endpoint = BY_NAME.get(f"{noun}.list")
    field = NAMED.get(noun, "name")
    if endpoint is None or not visit.can(endpoint.name) or field not in endpoint.query.model_fields or not text:
        return []
    page: Any = (await visit.look_at(endpoint.name, query={"limit": str(FOUND_MAX), field: text[:200]})).body
    return [Choice(str(row.id), str(getattr(row, field))) for row in page.items]
