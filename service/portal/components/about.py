"""What a form says of the thing that it is about, where that thing has no name of its own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from service.access.endpoints.me import MySessions
from service.calls.running import RunningCalls
from service.portal.components.columns import agent
from service.portal.visit import Visit


async def _alarm(visit: Visit) -> str:
    row = await visit.find("alarm", "alarm_id")
    await visit.learn("account", [row.account_id])
    return f"{visit.name('account', row.account_id)}, {row.rule}: {row.seen}"


async def _alert(visit: Visit) -> str:
    row = await visit.find("balance-alert", "balance_alert_id")
    await visit.learn("account", [row.account_id])
    money = visit.formats.money(row.threshold_micros, row.currency)
    return f"{visit.name('account', row.account_id)}, {money}, {row.email}"


async def _bank_layout(visit: Visit) -> str:
    row = await visit.find("bank-layout", "bank_layout_id")
    await visit.learn("account", [row.account_id])
    return f"{visit.name('account', row.account_id)}, {row.bank or visit.say('the only one')}"


async def _bank_line(visit: Visit) -> str:
    row = await visit.find("bank-line", "bank_line_id")
    told = (
        visit.formats.written_day(row.booked_on),
        visit.formats.money(row.amount_micros, row.currency),
        row.payer,
        row.remittance,
    )
    return ", ".join(one for one in told if one)


async def _call(visit: Visit) -> str:
    """Of one that has ended meanwhile nothing: whoever cuts it is told."""
    running = await visit.ask("call.list", RunningCalls)
    found = (one for one in running.items if one.call == visit.parameter("call"))
    return next((f"{one.caller} → {one.called}" for one in found), "")


async def _commission_rule(visit: Visit) -> str:
    row = await visit.find("commission-rule", "commission_rule_id")
    await visit.learn("account", [row.account_id])
    return f"{visit.name('account', row.account_id)}, {visit.formats.amount(row.percent_millionths, 0)} %"


async def _invoice(visit: Visit) -> str:
    """A draft has no number yet."""
    row = await visit.find("invoice", "invoice_id")
    await visit.learn("account", [row.account_id])
    name = row.number or visit.say("Draft")
    return f"{name}, {visit.name('account', row.account_id)}, {visit.formats.money(row.total_micros, row.currency)}"


async def _mail(visit: Visit) -> str:
    row = await visit.find("mail", "mail_id")
    return f"{row.recipient}, {visit.say(row.template.replace('_', ' '))}, {visit.formats.moment(row.created_ms)}"


async def _operation(visit: Visit) -> str:
    row = await visit.find("operation", "operation_id")
    await visit.learn("account", [row.account_id])
    return f"{visit.name('account', row.account_id)}, {visit.formats.money(row.amount_micros, row.currency)}"


async def _own_session(visit: Visit) -> str:
    found = await visit.ask("me.sessions", MySessions)
    mine = (one for one in found.items if str(one.id) == visit.parameter("number"))
    return next((f"{agent(one.agent)}, {one.address}" for one in mine), "")


async def _package(visit: Visit) -> str:
    row = await visit.find("package", "package_id")
    await visit.learn("account", [row.account_id])
    await visit.learn("product", [row.product_id])
    return f"{visit.name('product', row.product_id)}, {visit.name('account', row.account_id)}"


async def _publication(visit: Visit) -> str:
    row = await visit.find("publication", "publication_id")
    await visit.learn("account", [row.owner_id])
    return f"{visit.name('account', row.owner_id)}, {visit.formats.moment(row.due_ms)}"


async def _rate_notice(visit: Visit) -> str:
    row = await visit.find("rate-notice", "rate_notice_id")
    await visit.learn("tariff", [row.tariff_id])
    return f"{visit.name('tariff', row.tariff_id)}, {visit.formats.moment(row.effective_ms)}"


async def _session(visit: Visit) -> str:
    row = await visit.find("session", "session_id")
    await visit.learn("user", [row.user_id])
    return f"{visit.name('user', row.user_id)}, {row.address}"


async def _special(visit: Visit) -> str:
    row = await visit.find("special", "special_id")
    await visit.learn("account", [row.account_id])
    return f"{row.number}, {visit.name('account', row.account_id)}"


async def _subscription(visit: Visit) -> str:
    """By what is subscribed to: customers don't see the product itself."""
    row: Any = (await visit.look_at("subscription.show", visit.path_of("subscription.show"))).body
    await visit.learn("account", [row.account_id])
    return f"{row.product}, {visit.name('account', row.account_id)}"


async def _translation(visit: Visit) -> str:
    row = await visit.find("translation", "translation_id")
    await visit.learn("account", [row.account_id])
    return f"{visit.name('account', row.account_id)}, {visit.say(row.subject)}, {visit.formats.number(row.position)}"


async def _voucher(visit: Visit) -> str:
    row = await visit.find("voucher-batch", "voucher_batch_id")
    return f"{row.name}, {visit.formats.money(row.amount_micros, row.currency)}"


async def _webhook(visit: Visit) -> str:
    return str((await visit.find("webhook", "webhook_id")).url)


ABOUT: Mapping[str, Callable[[Visit], Awaitable[str]]] = {
    "alarm_id": _alarm,
    "balance_alert_id": _alert,
    "bank_layout_id": _bank_layout,
    "bank_line_id": _bank_line,
    "call": _call,
    "commission_rule_id": _commission_rule,
    "invoice_id": _invoice,
    "mail_id": _mail,
    "number": _own_session,
    "operation_id": _operation,
    "package_id": _package,
    "publication_id": _publication,
    "rate_notice_id": _rate_notice,
    "session_id": _session,
    "special_id": _special,
    "subscription_id": _subscription,
    "translation_id": _translation,
    "voucher_batch_id": _voucher,
    "webhook_id": _webhook,
}
"""By the last name of the endpoint's path. Each raises Problem for a thing that the visitor doesn't see."""
