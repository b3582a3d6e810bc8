"""What every endpoint should answer to everybody: said here once more, without the program's own tables of endpoints,
nouns and ceilings, so that the two can disagree. Of the program only what the built-in roles hold is taken.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any, NamedTuple

from service.access.permissions import BUILT_IN
from tests.service.matrix.world import MADE, MISSING, SOURCE, Place, Somebody, World

ROLES = {role.key: frozenset(one.value for one in role.permissions) for role in BUILT_IN}
EVERYTHING = ROLES["super_admin"]
LOOKING = frozenset(one for one in EVERYTHING if one.endswith(".read"))
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGP4DwABAQEAsTj2FAAAAABJRU5ErkJggg=="
"""One white point."""
_BANK = base64.b64encode(b"d;a;r\n2026-11-01;1;nobody\n").decode()
OUTSIDE = -1
"""Of a body or query: the number names nothing that the asker can see."""


def _own_ceiling(place: Place) -> frozenset[str]:
    if place.kind == "root":
        return EVERYTHING
    return ROLES["provider" if place.kind == "provider" else f"{place.billing}_{place.kind}"]


def ceiling(world: World, place: Place, *, awake: bool = False) -> frozenset[str]:
    """What an account may: its own role, and that of every account above, less if one of them is suspended."""
    left = EVERYTHING
    for one in world.places.values():
        if place.path.startswith(one.path):
            left &= _own_ceiling(one)
            if one.state == "suspended" and not awake:
                left &= LOOKING | {"payments.top_up"}
    return left


def held(world: World, who: Somebody) -> frozenset[str]:
    """What somebody may."""
    own = {"made": MADE, "owner": EVERYTHING, "token": EVERYTHING & ROLES["read_only"]}
    return own.get(who.role, ROLES.get(who.role, frozenset())) & ceiling(world, who.place)


class Case(NamedTuple):
    """Somebody and the account whose thing it is about."""

    world: World
    who: Somebody
    place: Place
    held: frozenset[str]

    @property
    def is_own(self) -> bool:
        """Of the asker's own account."""
        return self.place is self.who.place

    @property
    def is_inside(self) -> bool:
        """Of the asker's subtree."""
        return self.place.path.startswith(self.who.place.path)

    @property
    def is_above(self) -> bool:
        """Of an account above the asker's, or of its own."""
        return self.who.place.path.startswith(self.place.path)

    @property
    def is_over(self) -> bool:
        """Whether the asker may all that the thing's user may."""
        return ceiling(self.world, self.place, awake=True) <= self.held

    @property
    def from_root(self) -> bool:
        """Whether the operator's people ask."""
        return self.who.place.kind == "root"


Says = int | Callable[[Case], int]


class Route(NamedTuple):
    """What is expected of an endpoint."""

    needs: str
    """A permission; `signed in`; `public`."""
    says: Says = 200
    """When the asker may, and sees the thing."""
    body: Callable[[Case], dict[str, Any]] | None = None
    whose: str = "path"
    """Where the thing of the account is named: path, query, body; empty: nowhere."""
    below: bool = False
    """Never about the own account."""
    sees: Callable[[Case], bool] = lambda case: case.is_inside
    tells_above: bool = False
    """Whether it may show things of the accounts above."""


def _seller(says: int, otherwise: int = 409) -> Callable[[Case], int]:
    return lambda case: says if case.place.sells else otherwise


def _billed(says: int, otherwise: int) -> Callable[[Case], int]:
    return lambda case: says if case.place.kind in {"customer", "reseller"} else otherwise


def _over(says: int) -> Callable[[Case], int]:
    return lambda case: says if case.is_over else 403


def _root(says: int) -> Callable[[Case], int]:
    return lambda case: says if case.from_root else 403


def _awake(says: int, otherwise: int) -> Callable[[Case], int]:
    return lambda case: otherwise if case.place.name == "asleep" else says


def _of(says: int, *kinds: str) -> Callable[[Case], int]:
    return lambda case: says if case.place.kind in kinds else 422


def _account(**more: Any) -> Callable[[Case], dict[str, Any]]:
    return lambda case: {"account_id": case.place.id, **more}


def _same(**body: Any) -> Callable[[Case], dict[str, Any]]:
    return lambda _: body


def _ban(case: Case) -> dict[str, Any]:
    """Of a network that nobody else bans."""
    return {"network": f"198.51.100.{case.place.id}", "note": "fresh"}


def _range(case: Case) -> dict[str, Any]:
    """That nobody else has."""
    return {"name": f"fresh {case.place.id}", "prefixes": [f"87{case.place.id}"]}


def _porting(case: Case) -> dict[str, Any]:
    """Of a name and a prefix that no other list has."""
    return {"name": f"fresh{case.place.id}", "prefix": f"9{case.place.id}", "file": "fresh.csv"}


def _invite(case: Case) -> int:
    given = ROLES["read_only"] & ceiling(case.world, case.place, awake=True)
    return 201 if given <= case.held else 403


def _provider(says: int, needs: str) -> Callable[[Case], int]:
    return lambda case: 403 if case.place.kind == "provider" and not case.is_own and needs not in case.held else says


def _impersonate(case: Case) -> int:
    return 403 if case.is_own or case.who.role == "token" else 201


def _taker(case: Case) -> Place:
    """Whom the place's money goes to: an account below the asker's, another one if there is one."""
    below = [one for one in case.world.places.values() if one.path.startswith(case.who.place.path)]
    others = [one for one in below if one.kind == "customer" and one is not case.place and one is not case.who.place]
    return others[0] if others else case.place


def _transfer(case: Case) -> int:
    if case.is_own:
        return 403
    if _taker(case) is case.place:
        return 422
    return 409 if case.place.kind == "provider" else 202


def _move(case: Case) -> int:
    if case.who.place.kind not in {"root", "reseller"}:
        return 422
    return 200


def _themselves(says: int) -> Callable[[Case], int]:
    """Not by a token."""
    return lambda case: 403 if case.who.role == "token" else says


def _cut(case: Case) -> bool:
    return case.place.name == "customer" and case.who.place.name in {"customer", "lower", "upper", "root"}


def is_offered(case: Case) -> bool:
    """By whom the asker's account pays."""
    above = [one for one in case.world.places.values() if case.who.place.path.startswith(one.path)]
    sellers = [one for one in above if one is not case.who.place]
    return bool(sellers) and max(sellers, key=lambda one: len(one.path)) is case.place


def _own(says: int) -> Callable[[Case], int]:
    return lambda case: says if case.is_own else 403


def _not_own(says: int) -> Callable[[Case], int]:
    return lambda case: 403 if case.is_own else says


def _scheduled(case: Case) -> dict[str, Any]:
    """For the place's own user."""
    return {"for_account_id": case.place.id, "name": "fresh", "recipients": [case.place.things.get("user", MISSING)]}


def _committed(case: Case) -> dict[str, Any]:
    """For a time that its other one is not about."""
    more = {"name": "fresh", "kind": "minimum", "direction": "in", "committed_minutes": 1, "rate": "0.01"}
    return {"account_id": case.place.id, "since": "2026-10-01T00:00:00Z", "until": "2026-11-01T00:00:00Z", **more}


def _stated(case: Case) -> dict[str, Any]:
    """Nothing has happened since its last statement."""
    return {"account_id": case.place.id, "until": "2026-09-01T00:00:00Z"}


def _records(case: Case) -> dict[str, Any]:
    return {"account_id": case.place.id, **_PERIOD, "file": _CALLS}


_CALLS = base64.b64encode(b"called,start,duration\n4420,2026-09-21 10:00:00,60\n").decode()
_CALL = {"number": "44", "answered_at": "2026-11-30T12:00:00Z", "duration_s": "1"}
_SHEET = base64.b64encode(b"Prefix,Destination,Rate\n44,UK,0.01\n").decode()
_TRUNK = {"name": "fresh", "networks": ["198.51.100.9/32"]}
_HOOK = {"url": "https://hooks.example.net/x", "events": ["payment.posted"]}
_MAILED = {"way": "mail", "target": "calls@x.example"}
_MONEY = {"amount": "1", "reason": "why"}
_PERIOD = {"since": "2026-09-01T00:00:00Z", "until": "2026-10-01T00:00:00Z"}
_TEMPLATE = {"subject": "Hello", "text": "There"}

ROUTES: dict[str, Route] = {
    "session.open": Route("public", 401, _same(email="nobody@x.example", password="x" * 12), whose=""),
    "password.forget": Route("public", 202, _same(email="nobody@x.example"), whose=""),
    "password.choose": Route("public", 422, _same(link="x", password="a long enough one"), whose=""),
    "session.close": Route("signed in", lambda case: 409 if case.who.role == "token" else 204, whose=""),
    "me.show": Route("signed in", whose=""),
    "me.edit": Route("signed in", _themselves(200), _same(name="x"), whose=""),
    "me.password": Route("signed in", 403, _same(old="x" * 12, new="a long enough one"), whose=""),
    "me.totp-begin": Route("signed in", _themselves(201), whose=""),
    "me.totp-confirm": Route("signed in", _themselves(409), _same(code="000000"), whose=""),
    "me.totp-remove": Route("signed in", 403, _same(password="x" * 12), whose=""),
    "me.sessions": Route("signed in", _themselves(200), whose=""),
    "me.end-session": Route("signed in", _themselves(404), whose=""),
    "me.filters": Route("signed in", _themselves(200), whose=""),
    "me.keep-filter": Route(
        "signed in", _themselves(201), _same(page="/calls", name="x", query="outcome=failed"), whose=""
    ),
    "me.drop-filter": Route("signed in", _themselves(404), whose=""),
    "permission.list": Route("signed in", whose=""),
    "user.list": Route("users.read", whose="query"),
    "user.show": Route("users.read"),
    "user.invite": Route(
        "users.change", _invite,
        lambda case: {
            "account_id": case.place.id, "email": "fresh@x.example", "name": "Fresh",
            "role_ids": [case.world.house.office.roles["read_only"]],
        },
        whose="body",
    ),
    "user.invite-again": Route("users.change", _over(409)),
    "user.edit": Route("users.change", _over(200), _same(name="Other")),
    "user.roles": Route(
        "users.change", _over(200), lambda case: {"role_ids": [case.world.house.office.roles["read_only"]]}
    ),
    "user.remove": Route("users.change", _over(204)),
    "user.unlock": Route("users.change", _over(200)),
    "user.drop-second-factor": Route("users.change", _over(200)),
    "user.impersonate": Route("users.impersonate", _impersonate),
    "role.list": Route("roles.read", whose="query", tells_above=True),
    "role.show": Route("roles.read", sees=lambda case: case.is_inside or case.is_above, tells_above=True),
    "role.define": Route(
        "roles.change", lambda case: 422 if case.place.kind == "provider" else 201,
        _account(name="fresh", permissions=["trunks.read"]), whose="body",
    ),
    "role.edit": Route("roles.change", 200, _same(note="x")),
    "role.remove": Route("roles.change", 204),
    "account.ceiling": Route("roles.read"),
    "account.set-ceiling": Route("roles.change", 200, _same(role_ids=[], default_role=True), below=True),
    "token.list": Route("users.read", whose="query"),
    "token.make": Route(
        "users.change", _over(201), lambda case: {"user_id": case.place.things.get("user", 999_999), "name": "t"},
        whose="body",
    ),
    "token.revoke": Route("users.change", _over(204)),
    "session.list": Route("users.read", whose="query"),
    "session.revoke": Route("users.change", _over(204)),
    "account.list": Route("accounts.read", whose="query"),
    "account.show": Route("accounts.read", _provider(200, "providers.read")),
    "account.make": Route(
        "accounts.change", _of(201, "root", "reseller"),
        lambda case: {"parent_id": case.place.id, "name": "fresh", "kind": "customer"}, whose="body",
    ),
    "account.edit": Route("accounts.change", _provider(200, "providers.change"), _same(channels=5), below=True),
    "account.suspend": Route("accounts.change", 200, _same(reason="x"), below=True),
    "account.resume": Route("accounts.change", 200, _same(reason="x"), below=True),
    "account.close": Route("accounts.close", 409, _same(reason="x"), below=True),
    "account.move": Route("accounts.move", _move, lambda case: {"parent_id": case.who.place.id}, below=True),
    "account.credit-limit": Route("credit_limits.change", 200, _same(credit_limit="1", reason="x"), below=True),
    "trunk.list": Route("trunks.read", whose="query"),
    "trunk.show": Route("trunks.read"),
    "trunk.make": Route("trunks.change", _of(201, "customer", "reseller"), _account(**_TRUNK), whose="body"),
    "trunk.edit": Route("trunks.change", 200, _same(country="44")),
    "trunk.remove": Route("trunks.change", 204),
    "device.list": Route("devices.read", whose="query"),
    "device.show": Route("devices.read"),
    "device.make": Route("devices.change", _of(201, "customer", "reseller"), _account(username="fresh"), whose="body"),
    "device.edit": Route("devices.change", 200, _same(name="x")),
    "device.change-password": Route("devices.change", 200),
    "device.remove": Route("devices.change", 204),
    "device.registrations": Route("devices.read", whose="query"),
    "number.list": Route("numbers.read", whose="query"),
    "number.show": Route("numbers.read"),
    "number.make": Route(
        "numbers.change", lambda case: 201 if case.from_root else 403, _account(number="442079460999"), whose="body"
    ),
    "number.edit": Route("numbers.change", 200, _same(note="x")),
    "number.remove": Route("numbers.change", lambda case: 204 if case.from_root else 403),
    "translation.list": Route("trunks.read", whose="query"),
    "translation.show": Route("trunks.read"),
    "translation.make": Route("trunks.change", 201, _account(subject="caller", position=2), whose="body"),
    "translation.edit": Route("trunks.change", 200, _same(note="x")),
    "translation.remove": Route("trunks.change", 204),
    "translation.try": Route("trunks.read", 200, _account(subject="called", number="44"), whose="body"),
    "special.list": Route("routing.read", whose="query"),
    "special.show": Route("routing.read"),
    "special.make": Route(
        "routing.change",
        lambda case: 201 if case.from_root else 403,
        _account(number="199999", kind="emergency", plan_id=1),
        whose="body",
    ),
    "special.edit": Route("routing.change", lambda case: 200 if case.from_root else 403, _same(note="x")),
    "special.remove": Route("routing.change", lambda case: 204 if case.from_root else 403),
    "gateway.list": Route("gateways.read", whose="query"),
    "gateway.show": Route("gateways.read"),
    "gateway.make": Route(
        "gateways.change", _of(201, "provider"), _account(name="fresh", host="192.0.2.9"), whose="body"
    ),
    "gateway.edit": Route("gateways.change", 200, _same(port=5070)),
    "gateway.remove": Route("gateways.change", 204),
    "gateway.credentials": Route("gateways.change", 200, _same(username="u", realm="r", password="p")),
    "gateway.forget-credentials": Route("gateways.change", 200),
    "gateway.live": Route("gateways.read", whose="query"),
    "gateway.quality": Route("gateways.read"),
    "plan.list": Route("routing.read", whose=""),
    "plan.check": Route("routing.change", _root(200), _same(source="plans: {}"), whose=""),
    "plan.write": Route("routing.change", _root(200), _same(source="plans: {}"), whose=""),
    "plan.show": Route("routing.read", sees=lambda case: case.place.name != "nowhere"),
    "payment.list": Route("payments.read"),
    "payment.make": Route("payments.change", 201, _same(**_MONEY), below=True),
    "payment.reverse": Route("payments.change", 422, _same(entry_id=999_999, reason="x"), below=True),
    "payment.adjust": Route("payments.change", 201, _same(**_MONEY), below=True),
    "payment.write-off": Route("payments.change", 409, _same(reason="x"), below=True),
    "payment.refund": Route(
        "payments.refund", lambda case: 409 if case.place.kind == "provider" else 202, _same(**_MONEY), below=True
    ),
    "payment.transfer": Route(
        "payments.transfer", _transfer,
        lambda case: {"from_account_id": case.place.id, "to_account_id": _taker(case).id, **_MONEY}, whose="body",
    ),
    "operation.list": Route("payments.read", whose="query"),
    "operation.show": Route("payments.read"),
    "operation.cancel": Route("payments.refund", 200, below=True),
    "call.list": Route("calls.read", whose="query"),
    "call.simulate": Route(
        "calls.read", 409, lambda case: {"trunk_id": case.place.things.get("trunk", MISSING), "to": "44"}, whose="body"
    ),
    "call.cut": Route("calls.change", sees=_cut),
    "account.funds": Route("payments.read"),
    "cdr.list": Route("cdrs.read", whose="query"),
    "cdr.show": Route("cdrs.read"),
    "report.summary": Route("cdrs.read", whose="query"),
    "traffic.hours": Route("cdrs.read", whose="query"),
    "traffic.destinations": Route("cdrs.read", whose="query"),
    "delivery.list": Route("cdrs.read", whose="query"),
    "delivery.show": Route("cdrs.read"),
    "delivery.make": Route(
        "cdrs.deliver", _of(201, "customer", "reseller", "provider"), _account(name="fresh", **_MAILED), whose="body"
    ),
    "delivery.edit": Route("cdrs.deliver", 200, _same(state="suspended")),
    "delivery.remove": Route("cdrs.deliver", 204),
    "delivery.ask-host-key": Route("cdrs.deliver", 409),
    "delivery.trust-host-key": Route("cdrs.deliver", 409, _same(fingerprint="SHA256:fresh")),
    "delivery.test": Route("cdrs.deliver", 409),
    "delivery.files": Route("cdrs.read"),
    "delivery.show-file": Route("cdrs.read"),
    "delivery.send-again": Route("cdrs.deliver"),
    "brand.show": Route("branding.read", tells_above=True),
    "brand.edit": Route("branding.change", _seller(200), _same(company="Fresh")),
    "brand.remove": Route("branding.change", _seller(200), tells_above=True),
    "brand.show-logo": Route("branding.read", 404),
    "brand.set-logo": Route("branding.change", _seller(200), _same(type="image/png", data=PNG)),
    "numbering.show": Route("invoices.read", _seller(200, 404)),
    "numbering.edit": Route("invoices.change", _seller(200), _same()),
    "numbering.show-credit-notes": Route("invoices.read", _seller(200, 404)),
    "numbering.edit-credit-notes": Route("invoices.change", _seller(200), _same()),
    "numbering.show-receipts": Route("invoices.read", _seller(200, 404)),
    "numbering.edit-receipts": Route("invoices.change", _seller(200), _same()),
    "party.show": Route("invoices.read"),
    "party.edit": Route("invoices.change", 200, _same(legal_name="Fresh", country="DE")),
    "terms.show": Route("invoices.read", _billed(200, 404)),
    "terms.edit": Route("invoices.change", _billed(200, 409), _same(), below=True),
    "tax.list": Route("invoices.read", whose="query"),
    "tax.show": Route("invoices.read"),
    "tax.make": Route(
        "invoices.change", _seller(201), _account(name="fresh", percent="19", category="S"), whose="body"
    ),
    "tax.edit": Route("invoices.change", 200, _same(name="fresh")),
    "tax.remove": Route("invoices.change", 204),
    "tax.assigned": Route("invoices.read"),
    "tax.assign": Route("invoices.change", 200, _same(tax_ids=[]), below=True),
    "invoice.list": Route("invoices.read", whose="query"),
    "invoice.show": Route("invoices.read"),
    "invoice.lines": Route("invoices.read"),
    "invoice.calls": Route("invoices.read"),
    "invoice.annex": Route("invoices.read"),
    "invoice.paper": Route("invoices.read"),
    "invoice.preview": Route("invoices.read", _billed(200, 409)),
    "invoice.run": Route("invoices.issue", 200, _account(), whose="body"),
    "invoice.issue": Route("invoices.issue", _root(409), below=True),
    "invoice.void": Route("invoices.issue", _root(409), below=True),
    "invoice.credit": Route("invoices.issue", _root(201), _same(reason="x"), below=True),
    "dunning.show": Route("invoices.read"),
    "dunning.edit": Route("invoices.change", _seller(200), _same(steps=[{"kind": "bar", "days": 30}])),
    "dunning.exemption": Route("invoices.read"),
    "dunning.exempt": Route("invoices.change", _billed(200, 409), _same(exempt=True, reason="x"), below=True),
    "dunning.list": Route("invoices.read", whose="query"),
    "mail-sender.show": Route("branding.read", _seller(200)),
    "mail-template.list": Route("messages.read", tells_above=True),
    "mail-template.show": Route("messages.read", tells_above=True),
    "mail-template.edit": Route("messages.change", _seller(200), _same(**_TEMPLATE)),
    "mail-template.remove": Route("messages.change", _seller(204, 404)),
    "mail-template.preview": Route("messages.read", 200, _same(**_TEMPLATE)),
    "mail-template.try": Route("messages.change", _seller(200), _same(**_TEMPLATE)),
    "report-schedule.list": Route("cdrs.read", whose="query"),
    "report-schedule.show": Route("cdrs.read"),
    "report-schedule.make": Route("cdrs.deliver", 201, _scheduled, whose="body"),
    "report-schedule.edit": Route("cdrs.deliver", 200, _same(hour=7)),
    "report-schedule.remove": Route("cdrs.deliver", 204),
    "suppression.list": Route("messages.read", whose="query"),
    "suppression.lift": Route("messages.change", 204),
    "mail.list": Route("messages.read", whose="query"),
    "mail.show": Route("messages.read"),
    "mail.note-bounce": Route("messages.change", 409, _same(words="x", permanent=True)),
    "broadcast.list": Route("messages.read", whose="query"),
    "broadcast.show": Route("messages.read"),
    "broadcast.make": Route("messages.change", _seller(201), _account(name="x", subject="x", text="x"), whose="body"),
    "broadcast.edit": Route("messages.change", 200, _same(name="x")),
    "broadcast.sample": Route("messages.read"),
    "broadcast.preview": Route("messages.read", 409, _account()),
    "broadcast.try": Route("messages.change", 200),
    "broadcast.start": Route("messages.change", _awake(200, 409), _same(at=None)),
    "broadcast.pause": Route("messages.change", 409),
    "broadcast.resume": Route("messages.change", 409),
    "broadcast.cancel": Route("messages.change", 200),
    "broadcast.recipients": Route("messages.read"),
    "tariff.list": Route("tariffs.read", whose="query"),
    "tariff.show": Route("tariffs.read"),
    "tariff.make": Route("tariffs.change", _seller(201), _account(name="fresh", source=SOURCE), whose="body"),
    "tariff.edit": Route("tariffs.change", 200, _same(source=SOURCE)),
    "tariff.check-text": Route("tariffs.read", 200, _account(name="fresh", source=SOURCE), whose="body"),
    "tariff.bring-into-force": Route("tariffs.publish", 200, _same()),
    "tariff.revert": Route("tariffs.publish", 422, _same(version="0" * 16)),
    "tariff.history": Route("tariffs.read"),
    "product.list": Route("products.read", whose="query"),
    "product.show": Route("products.read"),
    "product.make": Route(
        "products.change", _of(201, "root", "reseller"), _account(name="fresh", kind="rental", price="1"), whose="body"
    ),
    "product.edit": Route("products.change", 200, _same(description="x")),
    "subscription.list": Route("products.read", whose="query"),
    "subscription.show": Route("products.read"),
    "subscription.start": Route(
        "products.change", lambda case: 403 if case.is_own else 422,
        lambda case: {"account_id": case.place.id, "product_id": case.place.things.get("product", 999_999)},
        whose="body",
    ),
    "subscription.cancel": Route("products.change", 200, _same(at="now"), below=True),
    "subscription.resume": Route("products.change", 409, below=True),
    "subscription.fees": Route("products.read"),
    "subscription.notice": Route("products.subscribe", lambda case: 200 if case.is_own else 403),
    "offer.list": Route("products.read", whose="", tells_above=True),
    "offer.take": Route(
        "products.subscribe", lambda case: 202 if is_offered(case) else 403,
        lambda case: {"offer_id": case.place.things.get("offer", MISSING)}, whose="body",
        sees=lambda case: case.is_inside or is_offered(case), tells_above=True,
    ),
    "package.list": Route("products.read", whose="query"),
    "package.correct": Route("products.change", 200, _same(seconds=5, reason="x"), below=True),
    "rerating.preview": Route("cdrs.change", 200, _account(**_PERIOD), whose="body"),
    "rerating.start": Route("cdrs.change", 201, _account(**_PERIOD, reason="x"), whose="body"),
    "rerating.list": Route("cdrs.read", whose="query"),
    "rerating.show": Route("cdrs.read"),
    "correction.list": Route("cdrs.read", whose="query"),
    "publication.list": Route("tariffs.read", whose="query"),
    "publication.show": Route("tariffs.read"),
    "publication.cancel": Route("tariffs.publish", 204),
    "rate-notice.list": Route("messages.read", whose="query"),
    "rate-notice.show": Route("messages.read"),
    "rate-notice.sample": Route("messages.read"),
    "rate-notice.changes": Route("tariffs.read", 409),
    "rate-notice.preview": Route("messages.read", 409, _account()),
    "rate-notice.start": Route("messages.change"),
    "rate-notice.cancel": Route("messages.change"),
    "rate-notice.recipients": Route("messages.read"),
    "notice-terms.show": Route("messages.read"),
    "notice-terms.edit": Route("messages.change", _seller(200), _same(sends=True)),
    "exchange.history": Route("tariffs.read", whose=""),
    "tariff.price": Route("tariffs.read", 200, _same(calls=[_CALL], draft=True)),
    "tariff.lookup": Route("tariffs.read", 422, whose=""),
    "tariff.diff": Route("tariffs.read"),
    "tariff.compare": Route("tariffs.read", 409),
    "destination-group.list": Route("tariffs.read", whose=""),
    "destination-group.show": Route("tariffs.read", sees=lambda case: case.place.name != "nowhere"),
    "destination-group.source": Route("tariffs.read", _root(200), whose=""),
    "destination-group.check": Route("tariffs.read", _root(200), _same(source="groups: {}\n"), whose=""),
    "destination-group.write": Route("tariffs.publish", _root(200), _same(source="groups: {}\n"), whose=""),
    "tariff.margin": Route("tariffs.read"),
    "tariff.import": Route("tariffs.change", 200, _same(deck="fresh", file=_SHEET, kind="partial", do=True)),
    "tariff.undo-import": Route("tariffs.change", 409, _same(deck="fresh")),
    "tariff.export": Route("tariffs.read"),
    "tariff.rates": Route("tariffs.read"),
    "tariff.simulate": Route("cdrs.read", 422),
    "webhook.list": Route("settings.read", whose="query"),
    "webhook.show": Route("settings.read"),
    "webhook.make": Route("settings.webhooks", 201, _account(**_HOOK), whose="body"),
    "webhook.edit": Route("settings.webhooks", 200, _same(state="suspended")),
    "webhook.change-secret": Route("settings.webhooks"),
    "webhook.remove": Route("settings.webhooks", 204),
    "webhook.messages": Route("settings.read"),
    "webhook.send-again": Route("settings.webhooks"),
    "ban.list": Route("settings.read", whose=""),
    "ban.make": Route("settings.change", lambda case: 201 if case.from_root else 403, _ban, whose=""),
    "ban.lift": Route("settings.change", 204, sees=lambda case: case.from_root and case.place.name != "nowhere"),
    "doctor-run.list": Route("settings.read", whose=""),
    "doctor-run.show": Route("settings.read", sees=lambda case: case.from_root and case.place.name != "nowhere"),
    "doctor-fault.list": Route("settings.read", whose=""),
    "receipt.list": Route("payments.read", whose="query"),
    "receipt.show": Route("payments.read"),
    "receipt.paper": Route("payments.read"),
    "receipt-mail.show": Route("payments.read"),
    "receipt-mail.edit": Route("settings.webhooks", _billed(200, 409), _same(mailed="all")),
    "balance-alert.list": Route("payments.read", whose="query"),
    "balance-alert.make": Route(
        "settings.webhooks", 201, _account(threshold="1", email="fresh@x.example"), whose="body"
    ),
    "balance-alert.remove": Route("settings.webhooks", 204),
    "bank-line.take-file": Route(
        "payments.change",
        _seller(200),
        _account(format="csv", file=_BANK, columns={"booked": "d", "amount": "a", "remittance": "r"}, currency="EUR"),
        whose="body",
    ),
    "bank-layout.list": Route("payments.change", whose="query"),
    "bank-layout.remove": Route("payments.change", 204),
    "bank-line.list": Route("payments.change", whose="query"),
    "bank-line.show": Route("payments.change"),
    "bank-line.match": Route("payments.change", 409, lambda case: {"account_id": case.place.id}),
    "bank-line.ignore": Route("payments.change", 200, _same(reason="x")),
    "voucher.list": Route("payments.change", whose="query"),
    "voucher.make": Route(
        "payments.change", _seller(201), _account(name="x", amount="1", currency="EUR", count=1), whose="body"
    ),
    "voucher.void": Route("payments.change"),
    "voucher.use": Route("payments.top_up", 409, _same(code="AAAA-BBBB")),
    "payment-gateway.list": Route("payments.read", whose="query", tells_above=True),
    "payment-gateway.show": Route(
        "payments.read", sees=lambda case: case.is_inside or is_offered(case), tells_above=True,
    ),
    "payment-gateway.make": Route(
        "settings.webhooks",
        _seller(201),
        _account(name="fresh", link="https://pay.example/x", secret="s" * 20),
        whose="body",
    ),
    "payment-gateway.edit": Route("settings.webhooks", 200, _same(active=False)),
    "payment-gateway.events": Route("payments.change", whose="query"),
    "payment-gateway.take": Route("public", 404, whose=""),
    "recharge.show": Route("payments.read"),
    "recharge.edit": Route(
        "payments.top_up", 422, _same(gateway_id=MISSING, threshold="1", amount="1", month_max="1")
    ),
    "recharge.card": Route("payments.top_up", 409),
    "recharge.remove": Route("payments.top_up", 204),
    "recharge.list": Route("payments.read", whose="query"),
    "recharge.history": Route("payments.read", whose="query"),
    "top-up.list": Route("payments.read", whose="query"),
    "top-up.make": Route("payments.top_up", 422, _same(gateway_id=MISSING, amount="1")),
    "commission.rules": Route("statements.read", whose="query"),
    "commission.make-rule": Route("statements.change", _not_own(409), _account(percent="5"), whose="body"),
    "commission.show-rule": Route("statements.read"),
    "commission.edit-rule": Route("statements.change", 200, _same(), below=True),
    "commission.remove-rule": Route("statements.change", 204, below=True),
    "commission.list": Route("statements.read", whose="query"),
    "commission.report": Route("statements.read"),
    "commission.terms": Route("statements.read"),
    "commission.edit-terms": Route("statements.change", 200, _same(), below=True),
    "commission.payouts": Route("statements.read", whose="query"),
    "commission.hand-out": Route("payments.change", 201, _same(), below=True),
    "reconciliation.make": Route("statements.change", _not_own(201), _records, whose="body"),
    "reconciliation.list": Route("statements.read", whose="query"),
    "reconciliation.show": Route("statements.read"),
    "reconciliation.differences": Route("statements.read"),
    "reconciliation.export": Route("statements.read"),
    "reconciliation.remove": Route("statements.change", 204, below=True),
    "limit.list": Route("fraud.read", whose="query"),
    "limit.show": Route("fraud.read"),
    "limit.make": Route("fraud.change", 201, _account(name="fresh", measure="calls", count=5), whose="body"),
    "limit.edit": Route("fraud.change", 200, _same(count=7)),
    "limit.remove": Route("fraud.change", 204),
    "filter.list": Route("fraud.read", whose="query"),
    "filter.make": Route("fraud.change", 201, _account(digits="77"), whose="body"),
    "filter.remove": Route("fraud.change", 204),
    "range.list": Route("fraud.read", whose=""),
    "range.show": Route("fraud.read", sees=lambda case: case.place.name != "nowhere"),
    "range.make": Route("fraud.change", _root(201), _range, whose=""),
    "range.edit": Route(
        "fraud.change", 200, _range, sees=lambda case: case.from_root and case.place.name != "nowhere"
    ),
    "range.remove": Route("fraud.change", 204, sees=lambda case: case.from_root and case.place.name != "nowhere"),
    "range.chosen": Route("fraud.read"),
    "range.choose": Route("fraud.change", 200, _same(opened=[1]), below=True),
    "pattern.list": Route("fraud.read", whose="query"),
    "pattern.show": Route("fraud.read"),
    "pattern.make": Route("fraud.change", 201, _account(name="fresh", kind="short_calls"), whose="body"),
    "pattern.edit": Route("fraud.change", 200, _same(minutes=30)),
    "pattern.remove": Route("fraud.change", 204),
    "alarm.list": Route("fraud.read", whose="query"),
    "alarm.show": Route("fraud.read"),
    "alarm.lift": Route("fraud.change", 200, _same(reason="x"), below=True),
    "statement.preview": Route("statements.change", _not_own(200), _stated, whose="body"),
    "statement.issue": Route("statements.change", _not_own(409), _stated, whose="body"),
    "statement.list": Route("statements.read", whose="query"),
    "statement.show": Route("statements.read"),
    "statement.annex": Route("statements.read"),
    "statement.paper": Route("statements.read"),
    "statement.calls": Route("statements.read"),
    "statement.settle": Route("payments.change", 200, _same(reason="x"), below=True),
    "dispute.open": Route("statements.change", _not_own(201), _account(subject="x", amount="1"), whose="body"),
    "dispute.list": Route("statements.read", whose="query"),
    "dispute.aging": Route("statements.read", whose=""),
    "dispute.show": Route("statements.read"),
    "dispute.note": Route("statements.change", 201, _same(text="x"), below=True),
    "dispute.move": Route("statements.change", 409, _same(state="sent", text="x"), below=True),
    "statement.dispute": Route("statements.dispute", _own(201), _same(subject="x", amount="1", text="x")),
    "dispute.reply": Route("statements.dispute", _own(201), _same(text="x")),
    "dispute.withdraw": Route("statements.dispute", _own(409), _same()),
    "dispute.settle": Route("payments.change", 200, _same(), below=True),
    "porting.list": Route("routing.read", whose=""),
    "porting.show": Route("routing.read", sees=lambda case: case.from_root and case.place.name != "nowhere"),
    "porting.make": Route("routing.change", _root(201), _porting, whose=""),
    "porting.load": Route(
        "routing.change", 200, _same(), sees=lambda case: case.from_root and case.place.name != "nowhere"
    ),
    "porting.remove": Route(
        "routing.change", 204, sees=lambda case: case.from_root and case.place.name != "nowhere"
    ),
    "porting.find": Route("routing.read", _root(200), _same(number="447700900001"), whose=""),
    "commitment.make": Route("statements.change", _not_own(201), _committed, whose="body"),
    "commitment.list": Route("statements.read", whose="query"),
    "commitment.show": Route("statements.read"),
    "commitment.preview": Route("statements.read", 200, _same(since=_PERIOD["since"])),
    "commitment.settle": Route("payments.change", 200, _same(since=_PERIOD["since"]), below=True),
    "commitment.end": Route("statements.change", below=True),
    "account.position": Route("statements.read"),
    "audit.list": Route("audit.read", whose="query"),
}  # fmt: skip

IMPORTS = {
    f"{noun}.import": (make, f"{noun}.edit")
    for noun, make in {
        "account": "account.make",
        "user": "user.invite",
        "trunk": "trunk.make",
        "device": "device.make",
        "number": "number.make",
    }.items()
}
"""Many at once: each row as the endpoint that makes one, or with an `id` as the one that edits it."""


def expected(case: Case, route: Route) -> int:
    """The status; `OUTSIDE`: 422 that says there is no such thing."""
    if route.needs == "public":
        return route.says(case) if callable(route.says) else route.says
    if route.needs != "signed in" and route.needs not in case.held:
        return 403
    if route.whose and not route.sees(case):
        return 404 if route.whose == "path" else OUTSIDE
    if route.below and case.is_own:
        return 403
    return route.says(case) if callable(route.says) else route.says
