"""The catalogue, who has what of it, and what packages have left."""

from __future__ import annotations

from typing import Any

from service.portal.components import columns
from service.portal.components.columns import deed, each, facts
from service.portal.components.facts import Fact, page, part, section
from service.portal.components.forms import Form
from service.portal.components.forms import screen as form_screen
from service.portal.components.lists import Cell, Listed, screens
from service.portal.formats import NEVER, duration
from service.portal.screen import Crumb, Screen, Shown
from service.portal.visit import Visit

PRODUCT, SUBSCRIPTION = "/products/{product_id}", "/subscriptions/{subscription_id}"
PRODUCTS = Listed(
    "/products", "product.list", "Products",
    (
        columns.itself("Name", "product", "name", sort="name"),
        columns.text("Kind", "kind"),
        columns.other("Seller", "account", "account_id", is_wide=True),
        columns.money("Price", lambda row: row.price, lambda row: row.currency),
        columns.text("Period", "period", is_wide=True),
        columns.state(),
    ),
    ("name", "kind", "state", "account_id"), "name",
    "Nothing is offered yet: subscriptions, numbers for rent, packages of minutes or money.",
    (("New product", "/products/new", "product.make"),),
)  # fmt: skip
SUBSCRIPTION_COLUMNS = (
    each("Product", lambda _, row: Cell(row.product, f"/subscriptions/{row.id}")),
    columns.text("Kind", "kind", is_wide=True),
    columns.other("Account", "account", "account_id"),
    columns.other("Number", "number", "number_id", is_wide=True),
    columns.money("Price", lambda row: row.price, lambda row: row.currency),
    columns.moment("Paid until", "paid_until", is_wide=True),
    columns.state(),
)
SUBSCRIPTIONS = Listed(
    "/subscriptions", "subscription.list", "Subscriptions", SUBSCRIPTION_COLUMNS,
    ("product_id", "state", "account_id"), empty="Nobody has a product yet.",
    makes=(("New subscription", "/subscriptions/new", "subscription.start"),),
)  # fmt: skip


def _content(seconds: str, money: str) -> Any:
    """A cell of what a package gives: time, or money."""

    def cell(visit: Visit, row: Any) -> Cell:
        amount = getattr(row, money)
        if amount is None:
            return Cell(duration(getattr(row, seconds)))
        return Cell(visit.formats.money(amount, visit.currency_known(row.account_id)))

    return cell


PACKAGE_COLUMNS = (
    each("Product", lambda _, row: Cell(row.product, f"/subscriptions/{row.subscription_id}")),
    columns.other("Account", "account", "account_id"),
    each("Given", _content("granted_s", "granted"), at_end=True, is_wide=True),
    each("Used", _content("taken_s", "taken"), at_end=True, is_wide=True),
    each("Left", _content("left_s", "left"), at_end=True),
    columns.moment("Usable until", "usable_until"),
    deed("Correct", "/packages/{}/correction", "package.correct"),
)
PACKAGES = Listed(
    "/packages", "package.list", "Packages", PACKAGE_COLUMNS, ("account_id",),
    empty="No package has given anything yet.",
)  # fmt: skip
FEES = Listed(
    f"{SUBSCRIPTION}/fees", "subscription.fees", "What it was charged",
    (
        columns.moment("When", "created_at"),
        each("What", lambda visit, row: Cell(visit.say(row.kind))),
        columns.moment("From", "period_from", is_wide=True),
        columns.moment("Until", "period_until", is_wide=True),
        columns.money("Amount", lambda row: row.amount, lambda row: row.currency),
    ),
    back=("Subscription", SUBSCRIPTION), empty="Nothing was charged yet.",
)  # fmt: skip


async def show_product(visit: Visit) -> Shown:
    """All about a product, and who has it."""
    row: Any = (await visit.look_at("product.show", visit.path_of("product.show"))).body
    await visit.learn("account", [row.account_id])
    await visit.learn("tariff", row.tariff_ids)
    edit = (f"/products/{row.id}/edit", "product.edit")
    sections = [
        section(visit, "What it is", _offer(visit, row), edit=edit),
        section(
            visit, "Periods",
            facts(
                visit, row, "period", "anchor", "day", "zone", "first_period", "refund", "renews", "forced",
                "without_funds", "retry_days",
            ),
        ),
        section(visit, "What it gives", _gives(visit, row)) if row.kind == "package" else None,
        await part(
            visit, "Subscriptions", "subscription.list", SUBSCRIPTION_COLUMNS[2:], query={"product_id": str(row.id)},
            more=f"/subscriptions?product_id={row.id}", empty="Nobody has it yet.",
            actions=(("New subscription", f"/subscriptions/new?product_id={row.id}", "subscription.start"),),
        ),
    ]  # fmt: skip
    trail = (Crumb(visit.say("Products"), "/products"),)
    return page(visit, row.name, sections, badges=[columns.badge(visit, row.state)], trail=trail)


def _offer(visit: Visit, row: Any) -> list[Fact]:
    money = visit.formats.money
    return [
        Fact("Kind", Cell(visit.say(row.kind))),
        Fact("Seller", columns.thing(visit, "account", row.account_id)),
        Fact("Price", Cell(money(row.price, row.currency)), "Of a period."),
        Fact("Set-up", Cell(money(row.setup, row.currency)), "Once, at the start."),
        Fact("Description", Cell(row.description or NEVER)),
        *facts(visit, row, "offered"),
    ]


def _gives(visit: Visit, row: Any) -> list[Fact]:
    given = visit.formats.money(row.money, row.currency) if row.money else duration(row.seconds)
    tariffs = ", ".join(visit.name("tariff", number) for number in row.tariff_ids)
    return [
        Fact("For each period", Cell(given)),
        Fact("Destination groups", Cell(", ".join(row.groups) or visit.say("every number"))),
        Fact("Tariffs", Cell(tariffs or visit.say("any"))),
        *facts(visit, row, "covers_fees", "priority", "rollover_periods"),
    ]


async def show_subscription(visit: Visit) -> Shown:
    """All about a subscription: what is paid, what was charged, what is left."""
    row: Any = (await visit.look_at("subscription.show", visit.path_of("subscription.show"))).body
    for noun in ("account", "product", "number"):
        await visit.learn(noun, [getattr(row, f"{noun}_id")])
    here = f"/subscriptions/{row.id}"
    told = [
        Fact("Product", columns.thing(visit, "product", row.product_id)._replace(text=row.product)),
        *facts(visit, row, "account_id", "number_id"),
        Fact("Price", Cell(visit.formats.money(row.price, row.currency)), "Of a further period."),
        *facts(visit, row, "paid_from", "paid_until", "next_at", "ends"),
        *([Fact("Reason", Cell(row.reason))] if row.reason else []),
    ]
    sections = [
        section(visit, "What it is", told),
        await part(
            visit, "What it was charged", "subscription.fees", FEES.columns, parameters={"subscription_id": row.id},
            more=f"{here}/fees", empty="Nothing was charged yet.",
        ),
    ]  # fmt: skip
    if row.kind == "package":
        query = {"subscription_id": str(row.id)}
        sections.append(await part(visit, "What it gave", "package.list", PACKAGE_COLUMNS[2:], query=query))
    is_own = row.account_id == visit.account_id
    trail = (Crumb(visit.say("Subscriptions"), "/subscriptions"),)
    badges = [columns.badge(visit, row.state)]
    actions, dangers = ([], _own_changes(row, here)) if is_own else _changes(row, here)
    return page(visit, row.product, sections, badges=badges, actions=actions, dangers=dangers, trail=trail)


Offered = list[tuple[str, str, str]]


def _changes(row: Any, here: str) -> tuple[Offered, Offered]:
    can_resume = row.state == "suspended" or (row.state == "active" and row.ends)
    can_end = row.state in {"starting", "active", "suspended"}
    resume = [("Resume", f"{here}/resumption", "subscription.resume")] if can_resume else []
    return resume, [("Cancel subscription", f"{here}/cancellation", "subscription.cancel")] if can_end else []


def _own_changes(row: Any, here: str) -> Offered:
    can_end = row.state in {"active", "suspended"} and not row.ends
    return [("Give notice", f"{here}/notice", "subscription.notice")] if can_end else []


_FORMS = (
    Form(
        "/products/new", "product.make", "New product", "Make", "/products", said="The product is offered.",
        made=lambda _, row: f"/products/{row.id}",  # type: ignore[attr-defined]
    ),
    Form(
        f"{PRODUCT}/edit", "product.edit", "Edit product", "Save", PRODUCT, shows="product.show",
        said="The product is changed.",
        text="Prices and contents hold from the next period on, the rest at once.",
    ),
    Form(
        "/subscriptions/new", "subscription.start", "Give an account a product", "Subscribe", "/subscriptions",
        said="The subscription runs.", text="Set-up and first period are paid before it begins.",
        made=lambda _, row: f"/subscriptions/{row.id}",  # type: ignore[attr-defined]
    ),
    Form(
        f"{SUBSCRIPTION}/cancellation", "subscription.cancel", "Cancel this subscription?", "Cancel subscription",
        SUBSCRIPTION, shows="subscription.show", said="The subscription is cancelled.", is_danger=True,
    ),
    Form(
        f"{SUBSCRIPTION}/resumption", "subscription.resume", "Resume this subscription?", "Resume", SUBSCRIPTION,
        shows="subscription.show", said="The subscription goes on.",
    ),
    Form(
        "/packages/{package_id}/correction", "package.correct", "Correct this package", "Correct", "/packages",
        said="The package is corrected.",
    ),
)  # fmt: skip
SCREENS = (
    *screens(PRODUCTS),
    *screens(SUBSCRIPTIONS),
    *screens(PACKAGES),
    *screens(FEES),
    *(form_screen(form) for form in _FORMS),
    Screen(PRODUCT, "product.show", show_product),
    Screen(SUBSCRIPTION, "subscription.show", show_subscription),
)
