"""Who earns how much on a sale. Pure.

A percentage is in millionths of a per cent; what is earned in micro-units and hundred-millionths of one, exactly.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

WHOLE = 100_000_000
"""100 per cent; and the hundred-millionths of a micro-unit."""
CHARGE, ABOVE = "charge", "above"
EARNING = ("calls", "messages", "subscription", "package", "rental", "setup")
"""Services that a rule without one speaks of: fees for paying late and corrections by hand earn nobody anything."""


class Rule(NamedTuple):
    """What a reseller earns."""

    id: int
    account_id: int
    service: str
    """Empty: all that earn."""
    tariff_id: int
    """0: any."""
    destination_group: str
    """Empty: any."""
    percent_millionths: int
    share_of: str
    """`charge`, or `above`: of what the commission reseller above it earns, who has the less."""
    valid_from_ms: int = 0
    valid_until_ms: int | None = None
    """Exclusive."""


class Sale(NamedTuple):
    """What may earn somebody something."""

    service: str
    at_ms: int
    tariff_ids: frozenset[int] = frozenset()
    """Of the charge; empty: of none, it is no call."""
    destination_group: str = ""


class Earned(NamedTuple):
    """A part of a charge."""

    account_id: int
    rule_id: int
    percent_millionths: int


def rule_of(rules: Iterable[Rule], sale: Sale) -> Rule | None:
    """The rule that says most: of a tariff, then of a destination group, then of a service; the older of two alike."""
    fitting = [rule for rule in rules if _fits(rule, sale)]
    return min(fitting, key=_order, default=None)


def _order(rule: Rule) -> tuple[bool, bool, bool, int]:
    return not rule.tariff_id, not rule.destination_group, not rule.service, rule.id


def _fits(rule: Rule, sale: Sale) -> bool:
    return (
        (sale.service in EARNING if not rule.service else rule.service == sale.service)
        and (not rule.tariff_id or rule.tariff_id in sale.tariff_ids)
        and (not rule.destination_group or rule.destination_group == sale.destination_group)
        and rule.valid_from_ms <= sale.at_ms
        and (rule.valid_until_ms is None or sale.at_ms < rule.valid_until_ms)
    )


def split(earners: Sequence[int], rules: Mapping[int, Sequence[Rule]], sale: Sale) -> list[Earned]:
    """Who earns what part of a charge. `earners`: the commission resellers between customer and seller, the nearest to
    the customer first.

    From the seller downwards: whose rule is of the charge has that; whose rule is of the one above has that part of
    what that one has, who keeps the rest. Together never more than the charge: who is further down finds less.
    """
    found: list[Earned] = []
    left = WHOLE
    for account_id in reversed(earners):
        rule = rule_of(rules.get(account_id, ()), sale)
        if rule is None:
            continue
        if rule.share_of == ABOVE:
            found += _part_of_above(found, rule)
            continue
        part = min(rule.percent_millionths, left)
        left -= part
        found.append(Earned(account_id, rule.id, part))
    return [one for one in found if one.percent_millionths]


def _part_of_above(found: list[Earned], rule: Rule) -> list[Earned]:
    """Takes it from the last one of `found`; nobody above earns anything: nothing."""
    if not found:
        return []
    above = found.pop()
    part = above.percent_millionths * rule.percent_millionths // WHOLE
    rest = above._replace(percent_millionths=above.percent_millionths - part)
    return [rest, Earned(rule.account_id, rule.id, part)]


def earned(base_micros: int, percent_millionths: int) -> tuple[int, int]:
    """Micro-units, rounded down, and the hundred-millionths that are left; of a refund the first is below zero."""
    return divmod(base_micros * percent_millionths, WHOLE)
