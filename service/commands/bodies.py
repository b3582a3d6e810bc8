"""From the ledger's rows to commands: one function a kind. Whoever changes a row and whoever fills a new store use the
same ones. `docs/architecture.md` lists the fields.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Row

from ratebook.compiled.groups import compile_groups
from ratebook.exchange import Exchange
from ratebook.groups import Group
from ratebook.tax import Taxes
from service.config import Config

Body = dict[str, Any]


def account_body(row: Row[Any]) -> Body:
    """Of a row of `accounts`."""
    return {
        "do": "account",
        "id": row.id,
        "parent": row.parent_id or 0,
        "kind": row.kind,
        "charged": row.kind in {"reseller", "customer"} and not row.commission,
        "state": row.state,
        "cut": row.cut_on_suspend,
        "prepaid": row.billing == "prepaid",
        "currency": row.currency,
        "tariff": row.tariff_id or 0,
        "credit_limit": row.credit_limit_micros,
        "exposure_limit": row.exposure_limit_micros,
        "channels": row.channels or 0,
        "cps": row.cps or 0,
        "name": row.name,
    }


def credit_body(account_id: int, micros: int) -> Body:
    """A change of an account's balance; negative: a debit."""
    return {"do": "credit", "account": account_id, "micros": micros}


def set_aside_body(operation: int, account_id: int, micros: int, *, credit: bool = False) -> Body:
    """Asks the store to hold an amount for an operation, of the account's credit too or not; the journal answers."""
    return {"do": "set_aside", "operation": operation, "account": account_id, "micros": micros, "credit": credit}


def take_body(operation: int) -> Body:
    """What an operation has set aside leaves the account."""
    return {"do": "take", "operation": operation}


def let_go_body(operation: int) -> Body:
    """What an operation has set aside is the account's again."""
    return {"do": "let_go", "operation": operation}


def trunk_body(row: Row[Any], networks: Iterable[str]) -> Body:
    """Of a row of `trunks` and the networks of its rows of `trunk_networks`."""
    return {
        "do": "trunk",
        "id": row.id,
        "account": row.account_id,
        "networks": sorted(networks),
        "transport": row.transport,
        "port": row.port,
        "tech_prefix": row.tech_prefix,
        "state": row.state,
        "channels": row.channels or 0,
        "cps": row.cps or 0,
        "plan": row.plan_id or 0,
        "tariff": row.tariff_id or 0,
        "name": row.name,
        "international_prefix": row.international_prefix,
        "national_prefix": row.national_prefix,
        "country": row.country,
        "caller_rule": row.caller_rule,
        "caller_numbers": row.caller_numbers,
        "trusted": row.trusted,
        "certificate": row.certificate,
        "identity": row.identity,
        "attestation": row.attestation,
        "transfers": row.transfers,
        "forwards": row.forwards,
    }


def trunk_gone_body(trunk_id: int) -> Body:
    """The store forgets a trunk."""
    return {"do": "trunk_gone", "id": trunk_id}


def translation_body(row: Row[Any]) -> Body:
    """Of a row of `translations`."""
    return {
        "do": "translation",
        "id": row.id,
        "account": row.account_id,
        "trunk": row.trunk_id or 0,
        "gateway": row.gateway_id or 0,
        "subject": row.subject,
        "position": row.position,
        "prefix": row.prefix,
        "length_min": row.length_min,
        "length_max": row.length_max,
        "strip": row.strip,
        "prepend": row.prepend,
        "pattern": row.pattern,
        "replacement": row.replacement,
    }


def translation_gone_body(account_id: int, rule_id: int) -> Body:
    """The store forgets a rule of an account."""
    return {"do": "translation_gone", "account": account_id, "id": rule_id}


def special_body(row: Row[Any]) -> Body:
    """Of a row of `specials`."""
    return {
        "do": "special",
        "id": row.id,
        "account": row.account_id,
        "trunk": row.trunk_id or 0,
        "number": row.number,
        "prefix": row.prefix,
        "kind": row.kind,
        "plan": row.plan_id,
    }


def special_gone_body(special_id: int) -> Body:
    """The store forgets an emergency or free number."""
    return {"do": "special_gone", "id": special_id}


def device_body(row: Row[Any]) -> Body:
    """Of a row of `devices`."""
    return {
        "do": "device",
        "id": row.id,
        "account": row.account_id,
        "username": row.username,
        "ha1_md5": row.ha1_md5,
        "ha1_sha256": row.ha1_sha256,
        "state": row.state,
        "plan": row.plan_id or 0,
        "tariff": row.tariff_id or 0,
        "channels": row.channels or 0,
        "cps": row.cps or 0,
        "international_prefix": row.international_prefix,
        "national_prefix": row.national_prefix,
        "country": row.country,
        "call_max_s": row.call_max_s or 0,
        "contacts_max": row.contacts_max,
        "caller_number": row.caller_number,
        "caller_numbers": row.caller_numbers,
        "transfers": row.transfers,
        "forwards": row.forwards,
    }


def device_gone_body(device_id: int) -> Body:
    """Nobody signs in by a device any more."""
    return {"do": "device_gone", "id": device_id}


def number_body(row: Row[Any]) -> Body:
    """Of a row of `numbers`: its device or trunk first, then its list."""
    first = [{"kind": kind, "id": one} for kind, one in (("device", row.device_id), ("trunk", row.trunk_id)) if one]
    return {
        "do": "number",
        "id": row.id,
        "number": row.number,
        "account": row.account_id,
        "state": row.state,
        "tariff": row.tariff_id or 0,
        "channels": row.channels or 0,
        "cps": row.cps or 0,
        "ring_s": row.ring_s,
        "without_funds": row.without_funds,
        "places": [*first, *row.places],
    }


def number_gone_body(number_id: int) -> Body:
    """Nobody has a number any more."""
    return {"do": "number_gone", "id": number_id}


def gateway_body(row: Row[Any]) -> Body:
    """Of a row of `gateways`."""
    return {
        "do": "gateway",
        "id": row.id,
        "provider": row.account_id,
        "name": row.name,
        "host": row.host,
        "port": row.port,
        "transport": row.transport,
        "networks": row.networks,
        "prefix": row.prefix,
        "strip": row.strip,
        "channels": row.channels or 0,
        "cps": row.cps or 0,
        "state": row.state,
        "tariff": row.tariff_id or 0,
        "trusted": row.trusted,
        "number_format": row.number_format,
        "probe_s": row.probe_s,
        "failures_max": row.failures_max,
        "out_s": row.out_s,
        "failure_codes": row.failure_codes,
        "username": row.username,
        "realm": row.realm,
        "ha1_md5": row.ha1_md5,
        "ha1_sha256": row.ha1_sha256,
        "register_s": row.register_s,
        "contact": row.contact,
        "signs": row.signs,
        "identity": row.identity,
        "codecs": row.codecs,
        "redirects": row.redirects,
        "redirect_hosts": row.redirect_hosts,
    }


def gateway_gone_body(gateway_id: int) -> Body:
    """The store forgets a gateway."""
    return {"do": "gateway_gone", "id": gateway_id}


def plan_body(row: Row[Any]) -> Body:
    """Of a row of `plans`."""
    return {"do": "plan", "id": row.id, **row.record}


def tariff_body(row: Row[Any]) -> Body | None:
    """Of a row of `tariffs`; None: it was never published, and the store need not know it."""
    if row.version is None:
        return None
    return {"do": "tariff", "id": row.id, "version": row.version, "currency": row.currency, "name": row.name}


def groups_body(groups: Iterable[Group]) -> Body:
    """The pointer to the destination groups that hold; without any, to none."""
    listed = [*groups]
    return {"do": "groups", "version": compile_groups(listed).version.hex() if listed else ""}


def exchange_body(exchange: Exchange) -> Body:
    """What currencies are worth now and later."""
    return {"do": "exchange", **exchange.to_record()}


def taxes_body(account_id: int, own: bool, added: Taxes | None) -> Body:  # noqa: FBT001 -- a key of `call_taxes`
    """What is added to an account's own prices, or to those of whoever pays it; None: nothing any more."""
    return {"do": "taxes", "account": account_id, "own": own, "courses": None if added is None else added.to_record()}


def product_body(row: Row[Any]) -> Body:
    """Of a row of `products` that is a package."""
    return {"do": "product", "id": row.id, "groups": row.groups, "tariffs": row.tariff_ids}


def package_body(row: Row[Any], amount: int) -> Body:
    """Of a row of `package_grants`; `amount` is added to what is left of it."""
    return {
        "do": "package",
        "id": row.id,
        "account": row.account_id,
        "product": row.product_id,
        "money": row.money,
        "fees": row.covers_fees,
        "priority": row.priority,
        "from_s": row.from_ms // 1000,
        "until_s": row.until_ms // 1000,
        "amount": amount,
    }


def package_gone_body(grant_id: int, account_id: int) -> Body:
    """The store forgets a grant."""
    return {"do": "package_gone", "id": grant_id, "account": account_id}


def settings_body(config: Config) -> Body:
    """What holds for every call."""
    more = {"realm": config.sip_realm, "asks_ported": config.portability.source != "none"}
    return {"do": "settings", **config.calls.model_dump(), **more}


def portings_body(rows: Iterable[Row[Any]]) -> Body:
    """Of rows of `portings`: the lists that hold."""
    return {"do": "portings", "lists": [[row.prefix, row.version] for row in rows if row.version]}


def ported_body(number: str, routing: str, ttl_s: int) -> Body:
    """What somebody has answered about a number; `routing` empty: it has not moved."""
    return {"do": "ported", "number": number, "routing": routing, "ttl_s": ttl_s}


def cut_body(call: str, by: str) -> Body:
    """Ends a running call. `call`: its key in hex."""
    return {"do": "cut", "call": call, "by": by}


def ban_body(row: Row[Any]) -> Body:
    """Of a row of `bans`."""
    return {"do": "ban", "network": row.network, "why": row.why, "until_ms": row.until_ms}


def lift_body(network: str) -> Body:
    """A ban's end before its time."""
    return {"do": "lift", "network": network}


def ready_body() -> Body:
    """The store has everything: calls are taken."""
    return {"do": "ready"}
