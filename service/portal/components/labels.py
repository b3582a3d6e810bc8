"""What fields are called by people. A field that isn't named here is called by its name."""

from __future__ import annotations

LABELS: dict[str, str] = {
    "account_id": "Account",
    "acd_s": "Average call",
    "acting_as_id": "Acting as",
    "asr_percent": "ASR",
    "below_id": "Account and all below",
    "billed_s": "Billed seconds",
    "billing": "Billing",
    "call_max_s": "Longest call (seconds)",
    "caller_numbers": "Allowed caller numbers",
    "caller_rule": "Caller ID rule",
    "channels": "Calls at once",
    "code": "Code of your authenticator",
    "commission": "Commission-based reseller",
    "company": "Company name",
    "contacts_max": "Registrations at once",
    "call_id": "Call-ID",
    "cps": "New calls a second",
    "credit_limit": "Credit limit",
    "csv": "CSV",
    "cut_on_suspend": "A suspension ends running calls",
    "default_role": "What accounts of this kind may",
    "email": "E-mail address",
    "exposure_limit": "Exposure limit",
    "failure_codes": "SIP codes to fail over on",
    "failures_max": "Failures until it is out",
    "from_account_id": "From account",
    "host": "Host name",
    "limit": "Rows of a page",
    "name": "Name",
    "new": "New password",
    "old": "Present password",
    "out_s": "Seconds out",
    "parent_id": "Below the account",
    "permissions": "Rights",
    "pdd_ms": "Post-dial delay",
    "plan_id": "Routing plan",
    "probe_s": "OPTIONS every (seconds)",
    "provides": "Provider too",
    "primary_colour": "Main colour",
    "accent_colour": "Second colour",
    "register_s": "Register every (seconds)",
    "ring_s": "Rings for (seconds)",
    "role_ids": "Roles",
    "since": "From",
    "tariff_id": "Tariff",
    "tech_prefix": "Tech prefix",
    "timezone": "Time zone",
    "to_account_id": "To account",
    "until": "Until (exclusive)",
    "username": "User name",
    "without_funds": "Without money",
}


def label_of(name: str) -> str:
    """English; to be translated by whoever prints it."""
    if name in LABELS:
        return LABELS[name]
    words = name.removesuffix("_id").removesuffix("_at").replace("_", " ")
    return words[:1].upper() + words[1:]
