"""Why the call path refused a call, in words: by the short name that the record has, with what is missing behind it."""

from __future__ import annotations

import re

from service.portal.visit import Visit

RULES: dict[str, str] = {
    "away": "its device is not registered",
    "blocked": "the tariff blocks this destination",
    "busy": "too much changed in the same moment",
    "called_list": "the called number is on a list of numbers",
    "caller_list": "the caller is on a list of numbers",
    "channels": "it has as many calls as it may",
    "closed": "provider {0} is closed, and the routing plan names it",
    "cps": "it begins more calls a second than it may",
    "device": "the device is not active",
    "device_limit": "the device has as many calls as it may, or begins more a second",
    "empty": "routing plan {0} has no gateway",
    "exchange": "there is no rate of exchange {0}",
    "exposure": "its provider is owed as much as may be",
    "funds": "there is not enough money",
    "gateway": "the routing plan names gateway {0}, and it isn't there",
    "gone": "the call was over already",
    "groups": "the destination groups that hold aren't in the rates",
    "high_risk": "high-risk range {0} is closed",
    "identity_certificate": "the certificate of the caller's signature isn't accepted",
    "identity_invalid": "the caller's signature is wrong",
    "identity_missing": "the caller's signature is missing",
    "identity_stale": "the caller's signature is too old",
    "inbound_rate": "the tariff of the called number has no price for this caller",
    "limit": "limit {0} is reached",
    "loss": "every way costs more than the call earns",
    "message": "it takes no messages",
    "nobody": "nobody has this number",
    "number": "this is no telephone number",
    "number_limit": "the number has as many calls as it may, or begins more a second",
    "owner_funds": "whoever has the number has not enough money",
    "path": "an account above it is missing in the call path's store",
    "payer": "there is no account that pays",
    "places": "number {0} leads to nobody",
    "plan": "routing plan {0} isn't there",
    "porting": "whether the number has moved isn't known",
    "provider": "provider {0} is missing in the call path's store",
    "rate": "the tariff has no price for this number",
    "rates": "there are no rates",
    "ready": "the call path's store wasn't filled yet",
    "redirected": "it was redirected to a special number",
    "route": "no gateway is left for it",
    "store": "the call path's store had no room, or wasn't there",
    "suspended": "the account is not active",
    "takeover": "it may not be transferred or forwarded",
    "tariff": "tariff {0} has no rates that hold",
    "trunk": "the trunk is not active",
    "trunk_limit": "the trunk has as many calls as it may, or begins more a second",
}


_UNPRICED = "the account has no tariff"
_GATEWAY_UNPRICED = "neither gateway #{0} nor its provider has a tariff"


def refused(visit: Visit, rule: str) -> str:
    """In the visitor's language. A rule that isn't known is called by its name."""
    name, _, detail = rule.partition(" ")
    if name == "tariff" and detail.partition(" ")[0] == "0":
        gateway = re.search(r"of gateway (\d+)", detail)
        return visit.say(_GATEWAY_UNPRICED).format(gateway[1]) if gateway else visit.say(_UNPRICED)
    return visit.say(RULES[name]).format(detail or "\N{EN DASH}") if name in RULES else rule
