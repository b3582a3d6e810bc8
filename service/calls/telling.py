"""A trial in sentences, in the order in which the call path decides. Pure: says what the view shows, and no more."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from ratebook.money import format_micros
from service.calls.simulation_views import LevelView, PlaceView, SimulationView, WeighedView
from service.doctor.sentences import Sentence, joined, sentence

WHY = {
    "gone": "the plan names it, and there is no such gateway",
    "inactive": "it is not active",
    "out": "it is out after failures",
    "provider": "its provider is not active",
    "rate": "its provider has no tariff, or one without a rate for this number",
    "blocked": "its provider's tariff blocks this number",
    "number": "nothing is left of the number as it wants it",
    "loss": "it costs more than the call earns",
    "attempts": "it comes behind the last attempt of the plan",
    "channels": "its channels or calls a second are used up",
    "codecs": "it takes none of the codecs that are offered",
    "exposure": "its provider is owed as much as may be",
    "excluded": "a rule of the plan excludes it",
    "pinned": "a rule of the plan allows others only",
    "hours": "the plan has it at other hours",
    "longer": "the plan has routes of a longer prefix",
}
_STATES = {"active": "{0} is active", "suspended": "{0} is suspended", "closed": "{0} is closed"}
_LEADS = "an INVITE for {0} from {1} by {2} leads to trunk {3} of {4}"
_LEADS_ELSEWHERE = "an INVITE for {0} from {1} by {2} leads to trunk {3} instead: {4}"
_LEADS_NOWHERE = (
    "an INVITE for {0} from {1} by {2} leads to no trunk of yours: does the tech prefix stand before the number? {3}"
)
_ORDER = "the longest network counts, then its port, its transport, the longest tech prefix"
_GOES_OUT = "it goes out by routing plan {0}, for an expected call of {1} s"
_GOES_OUT_SOMEHOW = "it goes out by a routing plan of the operator's, for an expected call of {0} s"
_PAYS = "{0} pays by prefix {1} of tariff version {2}: {3} {4} are held before the answer"
_GOES = {
    (False, False): "{0}: the INVITE goes to {1} at {2}:{3} by {4}, from {5}",
    (False, True): "{0}: the INVITE goes to {1} at {2}:{3} by {4} over gateway {6}, from {5}",
    (True, False): "{0}: the INVITE goes to {7}, from {5}",
    (True, True): "{0}: the INVITE goes to {7} over gateway {6}, from {5}",
}
"""By whether it has a URI, and whether it has a gateway."""
Named = Callable[[int | None], str]
"""What a thing is called, for whoever reads it."""


class Names(NamedTuple):
    """By what it is that is called."""

    account: Named
    trunk: Named
    device: Named
    gateway: Named
    plan: Named
    """Empty: it isn't for the reader's eyes."""


def named(names: Mapping[int, str]) -> Named:
    """By what is seen; else by its number."""
    return lambda number: names.get(number or 0) or f"#{number}"


def steps_of(view: SimulationView, names: Names) -> list[Sentence]:
    """One after the other."""
    return [*_arrives(view, names), *([] if view.outcome == "elsewhere" else _decided(view, names))]


def _arrives(view: SimulationView, names: Names) -> Iterator[Sentence]:
    owner, (source, _, transport) = names.account(view.account_id), view.source.rpartition(" by ")
    arrives = view.called.sent, source, transport
    if view.device_id is not None:
        yield sentence("device {0} of {1} signs in by digest, wherever it is", names.device(view.device_id), owner)
    elif view.outcome != "elsewhere":
        yield sentence(_LEADS, *arrives, names.trunk(view.trunk_id), owner)
    elif view.found_trunk_id is not None:
        yield sentence(_LEADS_ELSEWHERE, *arrives, names.trunk(view.found_trunk_id), sentence(_ORDER))
    else:
        yield sentence(_LEADS_NOWHERE, *arrives, sentence(_ORDER))


def _decided(view: SimulationView, names: Names) -> Iterator[Sentence]:
    account, gateway = names.account, names.gateway
    yield _called(view)
    if view.moved_to:
        yield sentence("it has moved to another network: rated and routed as {0}", view.moved_to)
    yield sentence("the caller is {0}", view.caller) if view.caller else sentence("nobody knows who calls")
    if view.special:
        who_pays = sentence("nobody pays" if view.special == "emergency" else "only the provider is paid")
        yield sentence("it is a number of the {0} kind: {1}, and nothing cuts it", Sentence(view.special), who_pays)
    yield from (_place(one, account) for one in view.path)
    yield from (_level(one, view.expected_s, account) for one in view.levels)
    if view.on_net:
        yield sentence("it is for somebody of this installation")
    elif view.plan_id is not None:
        plan, expected_s = names.plan(view.plan_id), view.expected_s
        yield sentence(_GOES_OUT, plan, expected_s) if plan else sentence(_GOES_OUT_SOMEHOW, expected_s)
    yield from (_gateway(one, gateway) for one in view.gateways)
    yield from (_attempt(view, index, gateway) for index in range(len(view.attempts)))
    yield _answer(view, account)


def _called(view: SimulationView) -> Sentence:
    called = view.called
    said = [sentence("called as {0}", called.sent)]
    if called.plain != called.sent:
        said.append(sentence("{0} without the tech prefix", called.plain))
    if called.rule_id is not None:
        said.append(sentence("translation rule #{0} makes it {1}", called.rule_id, called.written))
    number = sentence("as E.164 {0}", called.number) if called.number else sentence("which is no telephone number")
    return joined([*said, number], ", ")


def _place(place: PlaceView, account: Named) -> Sentence:
    said = [sentence(_STATES[place.state], account(place.account_id))]
    if place.channels_max:
        said.append(sentence("{0} of {1} channels in use", place.channels, place.channels_max))
    if place.cps_max:
        said.append(sentence("at most {0} calls a second", place.cps_max))
    if place.available is not None:
        said.append(sentence("{0} {1} to spend", format_micros(place.available), place.currency))
    if place.lasts_s is not None:
        said.append(sentence("which lasts for {0} s of this call", place.lasts_s))
    return joined(said, ", ")


def _level(level: LevelView, expected_s: int, account: Named) -> Sentence:
    prefix = Sentence("{0}", (level.prefix,)) if level.prefix else sentence("(every number)")
    rate = joined([prefix, Sentence("{0}", (level.destination,))], " ") if level.destination else prefix
    held = format_micros(level.held)
    said = [sentence(_PAYS, account(level.account_id), rate, level.tariff, held, level.currency)]
    if level.expected is not None:
        said.append(sentence("{0} s cost {1} {2}", expected_s, format_micros(level.expected), level.currency))
        said += [sentence("{0} of it tax", format_micros(level.tax))] if level.tax else []
    if level.margin is not None and level.seller_id is not None:
        said.append(sentence("of which {0} keeps {1}", account(level.seller_id), format_micros(level.margin)))
    return joined(said, ", ")


def _gateway(one: WeighedView, gateway: Named) -> Sentence:
    said = [sentence("gateway {0}", gateway(one.gateway_id))]
    if one.cost is not None:
        said.append(sentence("costs {0} for the expected call", format_micros(one.cost)))
    if one.margin is not None:
        said.append(sentence("{0} are left of it", format_micros(one.margin)))
    said.append(sentence("left out: {0}", why(one.why)) if one.why else sentence("is number {0}", one.place))
    return joined(said, ", ")


def why(word: str) -> Sentence:
    """A gateway is left out."""
    return sentence(WHY[word]) if word in WHY else Sentence("{0}", (word,))


def _attempt(view: SimulationView, index: int, gateway: Named) -> Sentence:
    one = view.attempts[index]
    when = sentence("first" if index == 0 else "if that fails")
    over = "" if one.gateway_id is None else gateway(one.gateway_id)
    said = when, one.number, one.host, one.port, one.transport, one.caller, over, one.uri
    return sentence(_GOES[bool(one.uri), one.gateway_id is not None], *said)


def _answer(view: SimulationView, account: Named) -> Sentence:
    if view.outcome == "admitted":
        if view.longest_s is None:
            return sentence("the call is taken")
        return sentence("the call is taken: it may last {0} s, by what the accounts have now", view.longest_s)
    answer = f"{view.sip_code} {view.sip_reason}" + (f" ({view.rule})" if view.rule else "")
    if view.refused_by is None:
        return sentence("the call is refused: {0}", answer)
    return sentence("the call is refused: {0}, by {1}", answer, account(view.refused_by))
