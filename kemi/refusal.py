"""Why a call is refused, and what its caller is told. Pure.

A caller learns of its own account only: whatever refuses above it is "Temporarily unavailable".
"""

from __future__ import annotations

from typing import NamedTuple

UNAVAILABLE = (503, "Temporarily unavailable")
REPEATING_MS = 32_000
"""How long a refusal is sent again until its ACK comes (RFC 3261 17.2.1, timer H). tm takes the time that a gateway
had for its first answer, which may be half a second."""

ANSWERS = {
    "funds": (402, "Insufficient funds"),
    "suspended": (403, "Account suspended"),
    "blocked": (403, "Destination blocked"),
    "trunk": (403, "Trunk inactive"),
    "device": (403, "Device inactive"),
    "rate": (404, "No rate for this number"),
    "payer": (403, "No account to charge"),
    "message": (405, "Method Not Allowed"),
    "number": (400, "Not a telephone number"),
    "exchange": (503, "No rate of exchange"),
    "nobody": (404, "Not Found"),
    "away": (480, "Temporarily Unavailable"),
    "takeover": (403, "Forbidden"),
    "redirected": (403, "Forbidden"),
    "limit": (403, "Limit reached"),
    "high_risk": (403, "Destination closed"),
    "called_list": (403, "Number blocked"),
    "caller_list": (403, "Caller blocked"),
    "identity_missing": (428, "Use Identity Header"),
    "identity_certificate": (437, "Unsupported Credential"),
    "identity_invalid": (438, "Invalid Identity Header"),
    "identity_stale": (403, "Stale Date"),
}
"""What the account itself is told, by rule. Every other rule is `UNAVAILABLE` to everybody."""


HOLES = {
    "path": "account {account} isn't in the store, or the accounts above it don't reach the root",
    "rates": "there are no rates at all: publish the ratebook",
    "tariff": "the rates of tariff {detail} for account {account} aren't there: give it one, or publish it",
    "plan": "routing plan {detail} isn't there: name another one, or publish it",
    "gateway": "gateway {detail}, which the routing plan names, isn't there",
    "empty": "routing plan {detail} has no gateway at all: give it one, and publish it",
    "closed": "provider {detail} is closed, and the routing plan still names it: take it out, and publish it",
    "places": "number {detail} leads to nobody: what its places name is gone or closed",
    "provider": "provider {detail}, of a gateway that the routing plan names, isn't in the store",
    "groups": "the destination groups that hold aren't in the rates: publish the ratebook",
}
"""What is missing in the configuration, by rule, for the log; `kambill doctor` compares store and ledger."""


class Refused(NamedTuple):
    """The answer to an INVITE that isn't taken."""

    code: int
    reason: str
    rule: str
    """The rule's short name: funds, suspended, blocked, rate, route, channels, cps, store, …; of `exchange` with the
    pair that is missing: `exchange USD/EUR`; of `limit` and `high_risk` with the limit's or range's number; of HOLES
    with what is missing: `tariff 7`."""
    account: int
    """Who refuses; 0: nobody's account."""


class Refusal(Exception):
    """Leaves a decision early, with the answer."""

    asks = ""
    """The number that is to be asked about, whether it is ported; empty: none."""

    def __init__(self, rule: str, account: int, caller: int, detail: str = "", limit: int = 0) -> None:
        """`limit`: the number of the limit that refuses; its alarm is given when the refusal is written down."""
        code, reason = ANSWERS.get(rule, UNAVAILABLE) if account == caller else UNAVAILABLE
        said = f"{rule} {detail}" if detail else rule
        self.limit = limit
        self.refused = Refused(code, reason, said, account)
        super().__init__(said)


def hole_of(refused: Refused) -> str:
    """What is missing in the configuration, in a sentence; empty: nothing is."""
    rule, _, detail = refused.rule.partition(" ")
    return HOLES[rule].format(account=refused.account, detail=detail) if rule in HOLES else ""
