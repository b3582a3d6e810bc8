"""What fields and their values are called by people. What isn't named here is called by its name."""

from __future__ import annotations

import re
from collections.abc import Callable

LABELS: dict[str, str] = {
    "added_to_prepaid": "Added to prepaid prices",
    "begin": "From",
    "booked": "Booked on",
    "booked_on": "Booked on",
    "decimal_mark": "Sign before decimals",
    "exempt": "Spared",
    "offer_id": "Offer",
    "private": "Caller asked not to be shown",
    "redirects": "Redirections",
    "redirect_hosts": "Redirected to",
    "gateway_id": "Gateway",
    "message_id": "Message-ID",
    "done_at": "Done",
    "ok": "Everything in order",
    "start_at": "Begins",
    "actor": "By",
    "created_at": "Made",
    "expires_at": "Can be used until (exclusive)",
    "format": "Kind of file",
    "fault": "The mail server says",
    "handed_out": "How it is handed out",
    "share_of": "Share of",
    "words": "What the other server said",
    "permanent": "For good",
    "per_minute": "Mails a minute",
    "next_at": "Next",
    "whole": "As a whole",
    "calls_min": "Calls, at least",
    "by": "Summed up by",
    "by_group": "By destination group",
    "past": "A date that is over",
    "twice": "A code that stands twice",
    "notice_days": "Days of notice",
    "draft": "By the draft",
    "answered_at": "Answered at (empty: now)",
    "accent_colour": "Second colour",
    "account_id": "Account",
    "acd_s": "Average call",
    "api_key": "API key",
    "gets": "The account is told",
    "gets_format": "Kind of file that it gets",
    "sends": "Customers are told",
    "url": "URL",
    "wait_minutes": "Minutes to look at it",
    "acting_as_id": "Acting as",
    "address_lines": "Address",
    "annex": "Each call as CSV",
    "asr_percent": "ASR",
    "at": "When",
    "balance_above": "Balance above",
    "balance_below": "Balance below",
    "bank_holder": "Account holder",
    "below_id": "Account and all below",
    "bic": "BIC",
    "billed_s": "Billed seconds",
    "billing": "Billing",
    "call_id": "Call-ID",
    "call_max_s": "Longest call (seconds)",
    "caller_numbers": "Allowed caller numbers",
    "caller_rule": "Caller ID rule",
    "channels": "Calls at once",
    "commission": "Commission-based reseller",
    "committed_minutes": "Committed minutes",
    "company": "Company name",
    "contacts_max": "Registrations at once",
    "covers_fees": "Covers fees of calls",
    "cps": "New calls a second",
    "credit_limit": "Credit limit",
    "csv": "CSV",
    "cut_on_suspend": "A suspension ends running calls",
    "cycle_day": "Day of the cycle",
    "date_order": "Order of dates",
    "default_role": "What accounts of this kind may",
    "due_days": "Days until it is due",
    "duration_s": "Lengths: the same within (seconds)",
    "duration_unit": "Unit of lengths",
    "email": "E-mail address",
    "every_calls": "Calls of a file",
    "everybody": "Everybody pays it",
    "exposure_limit": "Exposure limit",
    "failure_codes": "SIP codes to fail over on",
    "failures_max": "Failures until it is out",
    "forced": "Owed without money too",
    "from_account_id": "From account",
    "groups": "Destination groups",
    "host": "Host name",
    "host_key": "Server's key",
    "iban": "IBAN",
    "inclusive": "Prices have it in them",
    "lasts_s": "It lasts (seconds)",
    "limit": "Rows of a page",
    "gateways": "Of payments that a gateway tells of",
    "mailed": "Mailed",
    "month_max": "At most in a calendar month",
    "look_for": "Number, prefix or destination",
    "min": "Minutes",
    "ms": "Milliseconds",
    "name": "Name",
    "new": "New password",
    "number_id": "Number",
    "old": "Present password",
    "out_s": "Seconds out",
    "paid_from": "Paid from",
    "parent_id": "Below the account",
    "pdd_ms": "Post-dial delay",
    "period_since": "Period from",
    "period_until": "Period until",
    "permissions": "Rights",
    "plan_id": "Routing plan",
    "prepaid_invoices": "Invoices while it is prepaid",
    "primary_colour": "Main colour",
    "probe_s": "OPTIONS every (seconds)",
    "product_id": "Product",
    "provides": "Provider too",
    "reconciliation_id": "Comparison",
    "register_s": "Register every (seconds)",
    "registration": "Registered as",
    "renews": "Renews by itself",
    "restarts_yearly": "Begins anew each year",
    "retry_days": "Days that it is asked for",
    "reviewed": "Somebody issues them",
    "ring_s": "Rings for (seconds)",
    "role_ids": "Roles",
    "s": "Seconds",
    "sip_code": "SIP code",
    "split": "Split by",
    "setup": "Set-up",
    "since": "From",
    "starts_at": "First period begins",
    "tariff_id": "Tariff",
    "tariff_ids": "Tariffs",
    "tax_ids": "Taxes",
    "tech_prefix": "Tech prefix",
    "time_s": "Moments: the same within (seconds)",
    "timezone": "Time zone",
    "to_account_id": "To account",
    "until": "Until (exclusive)",
    "window": "Minutes back",
    "username": "User name",
    "valid_from": "Valid from",
    "valid_until": "Valid until (exclusive)",
    "waits": "Waits for an answer",
    "without_funds": "Without money",
    "zero_invoices": "Empty invoices too",
    "zone": "Time zone",
}

VALUES: dict[str, str] = {
    "": "any",
    ".": "point",
    ",": "comma",
    "in": "in: its traffic to us",
    "out": "out: ours to it",
    "camt": "CAMT.053",
    "csv": "CSV",
    "dmy": "day, month, year",
    "mdy": "month, day, year",
    "root": "Operator",
    "sftp": "SFTP",
    "tcp": "TCP",
    "tls": "TLS",
    "udp": "UDP",
    "xlsx": "XLSX",
    "ymd": "year, month, day",
}
"""Of fields with choices, where the value itself says too little."""


def value_of(value: str, say: Callable[[str], str]) -> str:
    """What a choice is called, by the word that stands for it elsewhere too."""
    if "." in value and value not in VALUES:
        return value  # a name of ours, such as an event's
    words = say(VALUES.get(value) or value.replace("_", " "))
    return words if value in VALUES else words[:1].upper() + words[1:]


def label_of(name: str) -> str:
    """English; to be translated by whoever prints it."""
    name = name.rpartition(".")[2]
    if name in LABELS:
        return LABELS[name]
    return _plain(name.removesuffix("_id").removesuffix("_at"))


def _plain(name: str) -> str:
    words = name.replace("_", " ")
    return words[:1].upper() + words[1:]


_QUOTED = re.compile(r"`([^`]+)`")
_JOINED = re.compile(r"\b[a-z]+(?:_[a-z]+)+\b")


def worded(text: str) -> str:
    """A sentence of the API with fields and values as forms call them. What is about kambill.yaml stays as it is."""
    if ".yaml" in text:
        return text
    quoted = _QUOTED.sub(lambda found: f"“{_called(found[1])}”", text)
    return _JOINED.sub(lambda found: _called(found[0]), quoted)


def _called(name: str) -> str:
    return LABELS.get(name) or name.removesuffix("_id").replace("_", " ")
