"""A trial in sentences, in the order in which the call path decides. Pure: says what the view shows, and no more."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ratebook.money import format_micros
from service.calls.simulation_views import LevelView, PlaceView, SimulationView, WeighedView

WHY = {
    "gone": "the plan names it, and there is no such gateway",
    "inactive": "it is not active",
    "out": "it is out after failures",
    "provider": "its provider is not active",
    "rate": "its provider's tariff has no rate for this number",
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
Names = Mapping[int, str]


def steps_of(view: SimulationView, accounts: Names, trunks: Names, gateways: Names) -> list[str]:
    """One after the other."""
    return [
        *_arrives(view, accounts, trunks),
        *([] if view.outcome == "elsewhere" else _decided(view, accounts, gateways)),
    ]


def _arrives(view: SimulationView, accounts: Names, trunks: Names) -> Iterator[str]:
    owner = _named(accounts, view.account_id)
    if view.device_id is not None:
        yield f"device #{view.device_id} of {owner} signs in by digest, wherever it is"
    elif view.outcome != "elsewhere":
        trunk = _named(trunks, view.trunk_id)
        yield f"an INVITE for {view.called.sent} from {view.source} leads to trunk {trunk} of {owner}"
    elif view.found_trunk_id is not None:
        other = _named(trunks, view.found_trunk_id)
        yield f"an INVITE for {view.called.sent} from {view.source} leads to trunk {other} instead: {_ORDER}"
    else:
        yield (
            f"an INVITE for {view.called.sent} from {view.source} leads to no trunk of yours: does the tech prefix "
            f"stand before the number? {_ORDER}"
        )


_ORDER = "the longest network counts, then its port, its transport, the longest tech prefix"


def _decided(view: SimulationView, accounts: Names, gateways: Names) -> Iterator[str]:
    yield _called(view)
    if view.moved_to:
        yield f"it has moved to another network: rated and routed as {view.moved_to}"
    yield f"the caller is {view.caller}" if view.caller else "nobody knows who calls"
    if view.special:
        who_pays = "nobody pays" if view.special == "emergency" else "only the provider is paid"
        yield f"it is a number of the {view.special} kind: {who_pays}, and nothing cuts it"
    yield from (_place(one, accounts) for one in view.path)
    yield from (_level(one, view.expected_s, accounts) for one in view.levels)
    if view.on_net:
        yield "it is for somebody of this installation"
    elif view.plan_id is not None:
        yield f"it goes out by routing plan #{view.plan_id}, for an expected call of {view.expected_s} s"
    yield from (_gateway(one, gateways) for one in view.gateways)
    yield from (_attempt(view, index, gateways) for index in range(len(view.attempts)))
    yield _answer(view, accounts)


def _called(view: SimulationView) -> str:
    called = view.called
    said = [f"called as {called.sent}"]
    if called.plain != called.sent:
        said.append(f"{called.plain} without the tech prefix")
    if called.rule_id is not None:
        said.append(f"translation rule #{called.rule_id} makes it {called.written}")
    said.append(f"as E.164 {called.number}" if called.number else "which is no telephone number")
    return ", ".join(said)


def _place(place: PlaceView, accounts: Names) -> str:
    said = [f"{_named(accounts, place.account_id)} is {place.state}"]
    if place.channels_max:
        said.append(f"{place.channels} of {place.channels_max} channels in use")
    if place.cps_max:
        said.append(f"at most {place.cps_max} calls a second")
    if place.available is not None:
        said.append(f"{format_micros(place.available)} {place.currency} to spend")
    if place.lasts_s is not None:
        said.append(f"which lasts for {place.lasts_s} s of this call")
    return ", ".join(said)


def _level(level: LevelView, expected_s: int, accounts: Names) -> str:
    rate = f"prefix {level.prefix or '(every number)'} {level.destination}".rstrip()
    held = f"{format_micros(level.held)} {level.currency} are held before the answer"
    said = [f"{_named(accounts, level.account_id)} pays by {rate} of tariff version {level.tariff}: {held}"]
    if level.expected is not None:
        tax = f", {format_micros(level.tax)} of it tax" if level.tax else ""
        said.append(f"{expected_s} s cost {format_micros(level.expected)} {level.currency}{tax}")
    if level.margin is not None and level.seller_id is not None:
        keeps = format_micros(level.margin)
        said.append(f"of which {_named(accounts, level.seller_id)} keeps {keeps}")
    return ", ".join(said)


def _gateway(one: WeighedView, gateways: Names) -> str:
    said = [f"gateway {_named(gateways, one.gateway_id)}"]
    if one.cost is not None:
        said.append(f"costs {format_micros(one.cost)} for the expected call")
    if one.margin is not None:
        said.append(f"{format_micros(one.margin)} are left of it")
    said.append(f"left out: {WHY.get(one.why, one.why)}" if one.why else f"is number {one.place}")
    return ", ".join(said)


def _attempt(view: SimulationView, index: int, gateways: Names) -> str:
    one = view.attempts[index]
    goes = one.uri or f"{one.number} at {one.host}:{one.port} by {one.transport}"
    via = "" if one.gateway_id is None else f" over gateway {_named(gateways, one.gateway_id)}"
    return f"{'first' if index == 0 else 'if that fails'}: the INVITE goes to {goes}{via}, from {one.caller}"


def _answer(view: SimulationView, accounts: Names) -> str:
    if view.outcome == "admitted":
        most = "" if view.longest_s is None else f": it may last {view.longest_s} s, by what the accounts have now"
        return f"the call is taken{most}"
    why = f" ({view.rule})" if view.rule else ""
    who = "" if view.refused_by is None else f", by {_named(accounts, view.refused_by)}"
    return f"the call is refused: {view.sip_code} {view.sip_reason}{why}{who}"


def _named(names: Names, number: int | None) -> str:
    return names.get(number or 0) or f"#{number}"
