r"""Number translation: the first rule that fits is applied, and no other, so that no rules can loop. Pure.

Of called and calling numbers, of what an account sends (over one trunk, or over all) and of what a gateway gets. A
call and `translation.try` ask the same functions.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, NamedTuple

from kemi.store.patterns import NUMBER_MAX, Pattern, compiled, parse_pattern

CALLED, CALLER = "called", "caller"
"""Which number a rule is about."""
_REFERENCE = re.compile(r"\\([1-9])|([0-9*#+])", re.ASCII)
_NUMBER = re.compile(r"\+?[0-9*#]{1,32}", re.ASCII)


def is_number(text: str) -> bool:
    """Digits, `*` and `#`, 32 at most, one `+` before them: what may be a number at all."""
    return _NUMBER.fullmatch(text) is not None


class Rule(NamedTuple):
    """What becomes of numbers that begin in a certain way, or of those that a pattern fits."""

    id: int
    """The ledger's; 0: it is not there yet."""
    position: int
    prefix: str
    length_min: int
    length_max: int
    strip: int
    prepend: str
    pattern: str
    """A regular expression (kemi.store.patterns) of the whole number; empty: none, strip and prepend count."""
    replacement: str
    r"""What a number becomes that the pattern fits: symbols, and \1 to \9 for its groups."""

    def applied(self, number: str) -> str | None:
        """The number as it goes on; None: the rule is not for it."""
        if not number.startswith(self.prefix) or not self.length_min <= len(number) <= self.length_max:
            return None
        if not self.pattern:
            return self.prepend + number[self.strip :]
        found = compiled(self.pattern).fullmatch(number) if len(number) <= NUMBER_MAX else None
        return None if found is None else _filled(self.replacement, found)


def _filled(replacement: str, found: re.Match[str]) -> str:
    return "".join(
        symbol or found[int(group)] or ""
        for group, symbol in (part.groups() for part in _REFERENCE.finditer(replacement))
    )


def translate(rules: Iterable[Rule], number: str) -> tuple[str, Rule | None]:
    """The number as it goes on, and the rule that made it so; None: no rule fits, and it stays.

    `rules` in the order in which they are looked at.
    """
    for rule in rules:
        translated = rule.applied(number)
        if translated is not None:
            return translated, rule
    return number, None


# --- what is wrong with a rule, where it is entered


class Fault(NamedTuple):
    """Why a rule can't be used."""

    field: str
    text: str


def faults_of(rule: Rule) -> list[Fault]:
    """What is wrong with a rule by itself."""
    found = []
    if rule.length_min > rule.length_max:
        found.append(Fault("length_max", "it is below length_min: no number has such a length"))
    if len(rule.prefix) > rule.length_max:
        found.append(Fault("prefix", "it is longer than length_max: no number begins so"))
    if "+" in rule.prefix[1:]:
        found.append(Fault("prefix", "a + stands before a number only: no number begins so"))
    return found + (_faults_of_pattern(rule) if rule.pattern or rule.replacement else _faults_of_outcome(rule))


def _faults_of_outcome(rule: Rule) -> list[Fault]:
    if "+" in rule.prepend[1:] or (rule.prepend and rule.prefix.startswith("+") and not rule.strip):
        return [Fault("prepend", "a + stands before a number only: what comes out would be none")]
    if rule.strip >= rule.length_max and not rule.prepend:
        return [Fault("strip", "nothing would be left of the number")]
    return []


def _faults_of_pattern(rule: Rule) -> list[Fault]:
    if rule.strip or rule.prepend:
        return [Fault("pattern", "a rule has either a pattern with its replacement, or strip and prepend")]
    if not rule.pattern or not rule.replacement:
        return [Fault("replacement", "a pattern and a replacement go together")]
    try:
        pattern = parse_pattern(rule.pattern)
    except ValueError as wrong:
        return [Fault("pattern", str(wrong))]
    fault = _never_fits(rule, pattern) or _bad_replacement(rule.replacement, pattern)
    return [] if fault is None else [fault]


def _never_fits(rule: Rule, pattern: Pattern) -> Fault | None:
    if pattern.length_min > rule.length_max or pattern.length_max < rule.length_min:
        lengths = f"{pattern.length_min} to {pattern.length_max}"
        return Fault(
            "pattern", f"it never applies: it fits numbers of {lengths} symbols, beyond length_min or length_max"
        )
    return None


def _bad_replacement(replacement: str, pattern: Pattern) -> Fault | None:
    parts = [part.groups() for part in _REFERENCE.finditer(replacement)]
    if "".join(symbol or f"\\{group}" for group, symbol in parts) != replacement:
        return Fault("replacement", "symbols of a number and \\1 to \\9 can stand in it")
    beyond = next((group for group, _ in parts if group and int(group) > pattern.groups), None)
    if beyond is not None:
        return Fault("replacement", f"\\{beyond}: the pattern has {pattern.groups} groups")
    return None


def covers(earlier: Rule, later: Rule) -> bool:
    """Whether a rule that is looked at first takes every number that the other one could: that one never applies."""
    return (
        not earlier.pattern
        and later.prefix.startswith(earlier.prefix)
        and earlier.length_min <= max(later.length_min, len(later.prefix))
        and later.length_max <= earlier.length_max
    )


# --- the rules of an account


class Bound(NamedTuple):
    """A rule and what it is for."""

    subject: str
    """`called` or `caller`."""
    trunk: int
    """0: all that the account sends."""
    gateway: int
    """0: none, it is for what comes in."""
    rule: Rule


class Translations:
    """All rules of an account, decoded: those of its trunks, and of its gateways if it provides."""

    def __init__(self, rules: Iterable[Bound] = ()) -> None:
        self._rules = sorted(rules, key=lambda one: (one.rule.position, not one.trunk, one.rule.id))
        self._found: dict[tuple[int, int, str], tuple[Rule, ...]] = {}

    def of_trunk(self, trunk: int, subject: str) -> tuple[Rule, ...]:
        """Those for what comes by a trunk, with the account's own; 0: what comes otherwise."""
        return self._of(trunk, 0, subject) if self._rules else ()

    def of_gateway(self, gateway: int, subject: str) -> tuple[Rule, ...]:
        """Those for what a gateway gets."""
        return self._of(0, gateway, subject) if self._rules else ()

    def _of(self, trunk: int, gateway: int, subject: str) -> tuple[Rule, ...]:
        key = (trunk, gateway, subject)
        if key not in self._found:
            self._found[key] = tuple(
                one.rule
                for one in self._rules
                if one.subject == subject and one.gateway == gateway and one.trunk in {0, trunk}
            )
        return self._found[key]


NONE = Translations()
"""Of an account without rules."""


def bound_of(body: dict[str, Any]) -> Bound:
    """The rule that a command describes. Raises KeyError, ValueError."""
    rule = Rule(*(body[name] for name in Rule._fields))
    if rule.pattern:
        parse_pattern(rule.pattern)
    return Bound(body["subject"], body["trunk"], body["gateway"], rule)
