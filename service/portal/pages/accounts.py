"""The tree of accounts, and all about one of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from service.calls.running import FundsView
from service.portal.components import columns
from service.portal.components.columns import facts
from service.portal.components.facts import Fact, Section, page, part, section
from service.portal.components.forms import Form
from service.portal.components.forms import screen as form_screen
from service.portal.components.lists import Cell, Listed, screens
from service.portal.pages.alerts import ALERT_COLUMNS
from service.portal.pages.home import overview
from service.portal.pages.invoices import INVOICES
from service.portal.pages.money import LINE_COLUMNS
from service.portal.pages.operator import AUDIT_COLUMNS, GATEWAYS
from service.portal.pages.people import USER_COLUMNS
from service.portal.pages.trunks import DEVICE_COLUMNS, NUMBER_COLUMNS, TRUNK_COLUMNS
from service.portal.screen import Crumb, Screen, Shown
from service.portal.visit import OPERATOR, Visit

ONE = "/accounts/{account_id}"
COLUMNS = (
    columns.itself("Name", "account", "name", sort="name"),
    columns.state("Kind", "kind"),
    columns.other("Below", "account", "parent_id", is_wide=True),
    columns.text("Billing", "billing", is_wide=True),
    columns.money("Balance", lambda row: row.balance, lambda row: row.currency, sort="balance"),
    columns.money("Credit limit", lambda row: row.credit_limit, lambda row: row.currency),
    columns.state(),
)
ACCOUNTS = Listed(
    "/accounts", "account.list", "Accounts", COLUMNS, ("name", "kind", "billing", "state", "below_id"), "name",
    "There is no account yet: customers and resellers stand below yours, providers too.",
    makes=(("Import", "/accounts/import", "account.import"), ("New account", "/accounts/new", "account.make")),
)  # fmt: skip


async def show(visit: Visit) -> Shown:
    """All about an account, each part for who may see it."""
    row: Any = (await visit.look_at("account.show", visit.path_of("account.show"))).body
    await visit.learn("account", [row.parent_id])
    await visit.learn("tariff", [row.tariff_id])
    own, here = row.id == visit.account_id, f"/accounts/{row.id}"
    pay = ("Post a payment", f"{here}/payment", "payment.make")
    sections = [
        await _money(visit, row),
        section(visit, "What it is", _about(visit, row), edit=(f"{here}/edit", "account.edit") if not own else None),
        await _below(visit, row),
        *(await _belongings(visit, row)),
        await _gateways(visit, row),
        await _invoices(visit, row),
        await part(
            visit, "Lines of the books", "payment.list", LINE_COLUMNS, parameters={"account_id": row.id},
            more=f"{here}/lines", empty="Nothing has been booked yet.",
            actions=(*(() if own else (pay,)), ("All lines", f"{here}/lines", "payment.list")),
        ) if row.kind != "root" else None,
        await part(
            visit, "Low-balance alerts", "balance-alert.list",
            [one for one in ALERT_COLUMNS if one.title != "Account" and (not one.needs or visit.can(one.needs))],
            query={"account_id": str(row.id)}, more=f"/balance-alerts?account_id={row.id}",
            empty="Nobody is told when the balance falls low.",
            actions=(("New alert", f"/balance-alerts/new?account_id={row.id}", "balance-alert.make"),),
        ) if _buys(row) else None,
        await part(
            visit, "Audit", "audit.list", AUDIT_COLUMNS, query={"account_id": str(row.id)},
            more=f"/audit?account_id={row.id}",
        ),
    ]  # fmt: skip
    trail = [Crumb(visit.say("Accounts"), "/accounts")] if visit.can("account.list") else []
    if row.parent_id:
        trail.append(Crumb(visit.name("account", row.parent_id), f"/accounts/{row.parent_id}"))
    badges = [columns.badge(visit, row.state), columns.badge(visit, row.kind)]
    actions = [
        ("Overview", f"{here}/overview", "traffic.hours"),
        ("Its calls", f"/calls?account_id={row.id}", "cdr.list"),
        ("Billing", f"{here}/billing", "tax.assigned"),
    ]
    if row.kind == "provider" or row.provides:
        actions.append(("Who owes whom", f"{here}/position", "account.position"))
    if row.kind in {"root", "reseller"}:
        actions.append(("Brand", f"{here}/brand", "brand.show"))
    if row.kind != "provider":
        actions.append(("Rates that change", f"{here}/notice-terms", "notice-terms.edit"))
    if row.kind in {"customer", "reseller"} and not row.commission:
        actions.append(("Recharge", f"{here}/recharge", "recharge.show"))
    if row.commission:
        actions.append(("Commission", f"{here}/commission", "commission.report"))
    actions.append(("Roles", f"{here}/roles", "account.ceiling"))
    actions.append(("High-risk ranges", f"{here}/ranges", "range.chosen"))
    dangers = _dangers(row.state, here) if not own else []
    return page(visit, row.name, sections, badges=badges, actions=actions, dangers=dangers, trail=tuple(trail))


def _dangers(state: str, here: str) -> list[tuple[str, str, str]]:
    if state == "closed":
        return [("Open again", f"{here}/resumption", "account.resume")]
    stops = [("Suspend", f"{here}/suspension", "account.suspend")]
    if state == "suspended":
        stops = [
            ("Resume", f"{here}/resumption", "account.resume"),
            ("Write the debt off", f"{here}/write-off", "payment.write-off"),
        ]
    return [("Move", f"{here}/move", "account.move"), *stops, ("Close", f"{here}/closure", "account.close")]


async def _money(visit: Visit, row: Any) -> Section:
    money = visit.formats.money
    has_balance = row.kind != "root"  # the operator pays nobody
    told = [Fact("Balance", Cell(money(row.balance, row.currency)))] if has_balance else []
    if visit.can("account.funds"):
        funds = await visit.ask("account.funds", FundsView, account_id=row.id)
        told = [Fact("Balance", Cell(money(funds.balance, funds.currency)))] if has_balance else []
        if _buys(row):
            told += [
                Fact("On hold", Cell(money(funds.held, funds.currency)), "By running calls, refunds and transfers."),
                Fact("Can be spent", Cell(money(funds.available, funds.currency)), "" if funds.live else _NOT_LIVE),
            ]
        if row.kind != "provider":  # calls that it makes, not those that it carries
            told.append(Fact("Running calls", Cell(visit.formats.number(funds.calls))))
    if _buys(row):
        told.append(Fact("Credit limit", Cell(money(row.credit_limit, row.currency))))
    if row.exposure_limit is not None:
        told.append(Fact("Exposure limit", Cell(money(row.exposure_limit, row.currency))))
    has_limit = _buys(row) and row.id != visit.account_id
    edit = (f"/accounts/{row.id}/credit-limit", "account.credit-limit") if has_limit else None
    return section(visit, "Money" if has_balance else "Calls", told, edit=edit)


def _buys(row: Any) -> bool:
    """Whether it pays for calls out of a balance: neither the operator does, nor who only carries them."""
    return row.kind in {"customer", "reseller"}


_NOT_LIVE = "By the books alone: the call path doesn't know the account, or not yet."


_TRAITS = ("commission", "provides", "cut_on_suspend", "created_at")


def _about(visit: Visit, row: Any) -> list[Fact]:
    any_number = visit.say("any number")
    if row.kind == "root":
        return [Fact("Currency", Cell(row.currency)), *facts(visit, row, "created_at")]
    return [
        Fact("Below", columns.thing(visit, "account", row.parent_id)),
        *([Fact("Billing", Cell(visit.say(row.billing)))] if _buys(row) else []),
        Fact("Currency", Cell(row.currency)),
        Fact("Tariff", columns.thing(visit, "tariff", row.tariff_id)),
        Fact("Calls at once", Cell(any_number if row.channels is None else visit.formats.number(row.channels))),
        Fact("New calls a second", Cell(any_number if row.cps is None else visit.formats.number(row.cps))),
        *facts(visit, row, *[one for one in _TRAITS if one not in _of_others({"kind": row.kind})]),
    ]


async def _below(visit: Visit, row: Any) -> Section | None:
    if row.kind not in {"root", "reseller"}:
        return None
    return await part(
        visit, "Accounts below", "account.list", COLUMNS, query={"parent_id": str(row.id)},
        more=f"/accounts?below_id={row.id}", empty="There is no account below.",
        actions=(("New account", f"/accounts/new?parent_id={row.id}", "account.make"),),
    )  # fmt: skip


async def _belongings(visit: Visit, row: Any) -> list[Section | None]:
    query = {"account_id": str(row.id)}
    found: list[Section | None] = []
    for title, noun, shown, makes in (
        ("Trunks", "trunk", TRUNK_COLUMNS, "trunk.make"),
        ("Devices", "device", DEVICE_COLUMNS, "device.make"),
        ("Numbers", "number", NUMBER_COLUMNS, f"number.make {OPERATOR}"),
        ("Users", "user", USER_COLUMNS, "user.invite"),
    ):
        place = f"/{noun}s"
        actions = (("New", f"{place}/new?account_id={row.id}", makes),)
        if row.kind not in {"customer", "reseller"} and noun != "user":
            continue
        found.append(
            await part(
                visit, title, f"{noun}.list", [one for one in shown if one.title != "Account"], query=query,
                more=f"{place}?account_id={row.id}", actions=actions,
            )
        )  # fmt: skip
    return found


async def _gateways(visit: Visit, row: Any) -> Section | None:
    """Of who carries calls."""
    if row.kind != "provider" and not row.provides:
        return None
    return await part(
        visit, "Gateways", "gateway.list", [one for one in GATEWAYS.columns if one.title != "Provider"],
        query={"account_id": str(row.id)}, more=f"/gateways?account_id={row.id}",
        actions=(("New", f"/gateways/new?account_id={row.id}", "gateway.make"),),
    )  # fmt: skip


async def _invoices(visit: Visit, row: Any) -> Section | None:
    """Of who pays some."""
    if row.kind not in {"customer", "reseller"}:
        return None
    here = f"/invoices?account_id={row.id}"
    return await part(
        visit, "Invoices", "invoice.list", [one for one in INVOICES.columns if one.title != "Account"],
        query={"account_id": str(row.id)}, more=here, empty="There is no invoice yet.",
        actions=(("All invoices", here, "invoice.list"),),
    )  # fmt: skip


async def show_overview(visit: Visit) -> Shown:
    """The same as one's own, of an account below."""
    row: Any = (await visit.look_at("account.show", visit.path_of("account.show"))).body
    trail = (Crumb(visit.say("Accounts"), "/accounts"), Crumb(row.name, f"/accounts/{row.id}"))
    title = visit.say("Overview")
    return page(visit, title, await overview(visit, row.id), subtitle=row.name, trail=trail)


_OF_OTHERS = {
    "customer": {"commission"},
    "provider": {"commission", "provides", "billing", "credit_limit"},
}


def _of_others(row: Mapping[str, Any]) -> set[str]:
    """What only other kinds of accounts have: resellers alone earn commission; a provider provides by its kind, buys
    nothing, and is settled by statements.
    """
    return _OF_OTHERS.get(str(row.get("kind")), set())


_FORMS = (
    Form(
        "/accounts/new", "account.make", "New account", "Make", "/accounts", said="The account is made.",
        made=lambda _, row: f"/accounts/{row.id}",  # type: ignore[attr-defined]
        begins=lambda visit: {"kind": "customer", "parent_id": str(visit.account_id)}, leaves_out=_of_others,
    ),
    Form(
        f"{ONE}/edit", "account.edit", "Edit account", "Save", ONE, shows="account.show",
        said="The account is changed.", leaves_out=_of_others,
    ),
    Form(
        f"{ONE}/suspension", "account.suspend", "Suspend this account?", "Suspend", ONE, is_danger=True,
        said="The account is suspended.", text="It and all below it can't call; their users see, and can pay.",
    ),
    Form(f"{ONE}/resumption", "account.resume", "Resume this account?", "Resume", ONE, said="The account is active."),
    Form(
        f"{ONE}/closure", "account.close", "Close this account?", "Close", ONE, said="The account is closed.",
        text="It can't call, and gets nothing new, until somebody opens it again. It stays in the books.",
        is_danger=True,
    ),
    Form(
        f"{ONE}/move", "account.move", "Move this account", "Move", ONE, shows="account.show",
        said="The account is moved.", is_danger=True,
    ),
)  # fmt: skip
SCREENS = (
    *screens(ACCOUNTS),
    *(form_screen(form) for form in _FORMS),
    Screen(ONE, "account.show", show),
    Screen(f"{ONE}/overview", "traffic.hours", show_overview),
)
