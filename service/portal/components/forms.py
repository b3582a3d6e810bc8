"""Forms: one for each endpoint that changes something, made from what it takes. Faults land beside their fields."""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple
from urllib.parse import urlencode

from aiohttp import web
from pydantic import BaseModel

from service.api.endpoint import Answer, Key
from service.api.problems import Problem
from service.api.values import number_in
from service.portal.components.about import ABOUT
from service.portal.components.choosing import can_choose, choices_of
from service.portal.components.fields import Choice, Field, Kind, errors_by_field, field, is_moment, kinds, read, shown
from service.portal.components.labels import label_of
from service.portal.components.lists import makes
from service.portal.components.offered import DECIDES
from service.portal.components.rows import row_field, typed_rows
from service.portal.screen import Crumb, Gone, Screen, Shown, filled
from service.portal.visit import BY_NAME, Visit

KEY, VERSION = "_key", "_version"
"""Hidden fields: an idempotency key, and the version of what was shown."""
CHOSEN = "_chosen"
"""In the address of a form that is sent: nothing is to be done yet; something was chosen, and what the other fields
offer is asked anew. Sent, since a password may stand in it.
"""
SOLE = frozenset({"plan_id"})
"""Where something new will want the one thing that there is, though it may have none."""
UNSAID = "0"
"""The version of what nobody has said yet."""
KEPT_BACK = frozenset({"password", "file"})
"""Shapes that are not sent back with a form's faults."""

NONE_YET = {
    "gateway.make": "There is no provider yet: make an account of that kind first, or let one provide too.",
    "commission.make-rule": "There is no commission-based reseller yet: make one first.",
    "account": "There is no account yet that this could be of: make one first.",
    "payment-gateway": "There is none yet: the seller sets up a payment gateway first.",
    "product": "There is nothing yet that the account's seller offers in its currency: make a product first.",
    "tariff": "There is none yet: write a tariff first, and publish it.",
}
NOTHING_YET = "There is none yet that could be named here."
"""Beneath a field that has to name something, where there is nothing; by endpoint, else by noun."""


class Form(NamedTuple):
    """A page with a form for one endpoint."""

    path: str
    """With the endpoint's own names in it: /accounts/{account_id}/edit."""
    endpoint: str
    title: str
    submit: str
    back: str
    """Where one came from, and goes on to."""
    fields: tuple[str, ...] = ()
    """Of the body, in this order; empty: all that a form can take."""
    shows: str = ""
    """The endpoint that tells what stands now; empty: something new. Only what was changed is sent."""
    follows: str = ""
    """The endpoint that tells which version something new is said of, where nothing of that stands in the form."""
    part: str = ""
    """The field of its answer that holds it; empty: all of the answer."""
    said: str = ""
    """What the next page says."""
    text: str = ""
    """What stands above the fields."""
    links: tuple[tuple[str, str, str], ...] = ()
    """What helps to fill it in: text, path, and the endpoint that it needs."""
    tells_of: Callable[[Visit, Mapping[str, Any]], str] = lambda _visit, _stands: ""
    """A line about what stands, by its values in JSON."""
    meanings: Mapping[str, Callable[[Visit, Mapping[str, Any]], Sequence[Choice]]] = MappingProxyType({})
    """Of a field that takes names of ours: each name with what it means, by what stands."""
    leaves_out: Callable[[Mapping[str, Any]], Collection[str]] = lambda _: ()
    """Fields that mean nothing for the thing that stands, by its values in JSON; of something new by the address."""
    begins: Callable[[Visit], Mapping[str, str]] = lambda _: {}
    """What stands in fields of something new before anybody has typed: what most will want."""
    sends: Mapping[str, Any] = MappingProxyType({})
    """What is sent when one agrees, of the endpoint's body; none: what the form's fields say."""
    is_danger: bool = False
    made: Callable[[Visit, BaseModel], str] | None = None
    """Where to go from what was made; None: back."""
    tells: Callable[[Visit, BaseModel], Awaitable[Shown | Gone]] | None = None
    """Shows an answer that is told once; None: there is nothing to keep."""

    @property
    def body(self) -> type[BaseModel] | None:
        """What the endpoint takes."""
        return BY_NAME[self.endpoint].body


def screen(form: Form) -> Screen:
    """The page of a form."""

    async def show(visit: Visit) -> Shown:
        await visit.check_above(form.endpoint)
        stands = await _stands(visit, form)
        return await _shown(visit, form, stands, _first(visit, form, stands))

    async def act(visit: Visit) -> Shown | Gone:
        return await (_offered_anew(visit, form) if CHOSEN in visit.request.query else _sent(visit, form))

    return Screen(form.path, form.endpoint, show, act)


class _Stands(NamedTuple):
    """What is there now."""

    values: Mapping[str, Any]
    """As the API tells them in JSON; none: something new."""
    version: str = ""
    currency: str = ""
    """Of amounts; empty: each names its own, or it hangs on what is chosen."""


class _Filled(NamedTuple):
    """What stands in the form, by field, and what is wrong with it."""

    values: Mapping[str, tuple[str, ...]]
    problem: Problem | None = None
    version: str = ""


def _sends_changes(form: Form) -> bool:
    """Whether only what was changed is sent; else all that stands in the form."""
    return bool(form.shows) and BY_NAME[form.endpoint].method == "PATCH"


def _kinds(visit: Visit, form: Form, stands: _Stands) -> dict[str, Kind]:
    """Fields of the form, without those that mean nothing here, or name what is not for the visitor's eyes."""
    if form.body is None or form.sends:
        return {}
    known, out = kinds(form.body), form.leaves_out(stands.values if form.shows else visit.request.query)
    is_whole = bool(form.shows) and not _sends_changes(form)  # what isn't sent then would be forgotten
    wanted = {name: known[name] for name in form.fields or known if name not in out}
    return {name: kind for name, kind in wanted.items() if is_whole or kind.is_required or can_choose(visit, kind)}


async def _stands(visit: Visit, form: Form) -> _Stands:
    found = await _as_it_stands(visit, form)
    return found._replace(currency=await _currency(visit, form, found.values))


async def _currency(visit: Visit, form: Form, values: Mapping[str, Any]) -> str:
    """That of the thing, else of whose it is; of something new of whom the address names. Empty: the form asks."""
    body = kinds(form.body) if form.body is not None else {}
    if "currency" in values:
        return str(values["currency"] or "")
    if not any(kind.shape == "amount" for kind in body.values()) or "currency" in body:
        return ""
    await visit.learn_currency()
    asked = next(filter(None, (str(visit.form.get(one) or visit.request.query.get(one, "")) for one in _PAYERS)), "")
    account_id = number_in(asked) if asked or visit.sells else visit.account_id
    return visit.currency or await visit.currency_of(account_id)


_PAYERS = ("account_id", "from_account_id")


async def _as_it_stands(visit: Visit, form: Form) -> _Stands:
    if form.follows:
        followed = await visit.look_at(form.follows, visit.path_of(form.follows))
        return _Stands({}, str(followed.version))
    if not form.shows:
        return _Stands({})
    try:
        answer = await visit.look_at(form.shows, visit.path_of(form.shows))
    except Problem as problem:
        if problem.kind != "not-found" or BY_NAME[form.endpoint].method != "PUT":
            raise
        return _Stands({}, UNSAID)  # whether there is anything to say it of, the endpoint tells
    assert answer.body is not None
    version = answer.version if answer.version is not None else getattr(answer.body, "version", "")
    if getattr(answer.body, "inherited", False):
        return _Stands({}, str(version))  # what somebody above has said isn't theirs to say again
    values = answer.body.model_dump(mode="json")
    return _Stands(_flat(values[form.part] if form.part else values), str(version))


def _flat(values: Mapping[str, Any]) -> dict[str, Any]:
    """With what stands within other things, by both names."""
    found = dict(values)
    for name, value in values.items():
        if isinstance(value, dict):
            found |= {f"{name}.{inner}": one for inner, one in value.items()}
    return found


def _first(visit: Visit, form: Form, stands: _Stands) -> _Filled:
    """As the form is seen first: what stands, else what the address says, else what holds when nothing is said."""
    found = {}
    begins = {} if form.shows else form.begins(visit)
    for name, kind in _kinds(visit, form, stands).items():
        asked = visit.request.query.getall(name, []) or ([begins[name]] if name in begins else [])
        value = stands.values.get(name, kind.default)
        is_asked = bool(asked) and not form.shows and kind.shape not in {"map", "rows"}
        found[name] = tuple(asked) if is_asked else shown(kind, value, visit.formats, stands.currency)
    return _Filled(found, None, stands.version)


async def _shown(visit: Visit, form: Form, stands: _Stands, filled_in: _Filled) -> Shown:
    found = _kinds(visit, form, stands)
    problem = filled_in.problem
    beside, above = errors_by_field(problem.errors if problem is not None else [], list(found))
    fields = [await _field(visit, form, kind, filled_in, beside.get(name, [])) for name, kind in found.items()]
    fields = [_with_meanings(visit, form, _with_unit(one, stands), stands) for one in fields]
    fields = [_with_places(form, one, fields) for one in fields]
    if problem is not None and problem.kind == "changed" and form.shows:
        fields = [_beside_now(visit, one, stands) for one in fields]
    title = visit.say(form.title)
    values = {
        "fields": fields,
        "form": form,
        "problem": problem,
        "above": above,
        "back": _filled(visit, form.back),
        "key": visit.form.get(KEY) or visit.new_key() if BY_NAME[form.endpoint].key is not Key.NONE else "",
        "version": filled_in.version,
        "action": _address(visit),
        "chosen": _address(visit, (CHOSEN, "yes")),
        "text": visit.say(form.text) if form.text else "",
        "line": form.tells_of(visit, stands.values),
        "submit": visit.say(form.submit),
        "links": makes(visit, form.links),
        "about": stands.values.get("name") or await _about(visit, form),
    }
    trail = (Crumb(visit.say("Back"), _filled(visit, form.back)),)
    return Shown("form.html", title, values, 200 if problem is None else problem.status, trail)


def _address(visit: Visit, *more: tuple[str, str]) -> str:
    """Of this form, when it is done with."""
    asked = urlencode([*((name, value) for name, value in visit.request.query.items() if name != CHOSEN), *more])
    return f"{visit.request.path}?{asked}" if asked else visit.request.path


async def _about(visit: Visit, form: Form) -> str:
    """The name of the thing that the page is about; empty: it has none. Raises Problem for one that can't be seen."""
    names = BY_NAME[form.endpoint].parameters
    if names and names[-1] in ABOUT:
        return await ABOUT[names[-1]](visit)
    if not names or not names[-1].endswith("_id"):
        return ""
    noun, number = names[-1].removesuffix("_id").replace("_", "-"), visit.parameter(names[-1])
    if f"{noun}.show" not in BY_NAME or not visit.can(f"{noun}.show") or not number.isdecimal():
        return ""
    await visit.learn(noun, [int(number)])
    if not visit.knows(noun, int(number)):
        raise Problem("not-found", f"there is no {noun} {number}")
    return visit.name(noun, int(number))


async def _field(visit: Visit, form: Form, kind: Kind, filled_in: _Filled, errors: list[str]) -> Field:
    values = filled_in.values.get(kind.name, ())
    if kind.shape == "rows":
        return await row_field(visit, kind, values, errors)
    listed = await choices_of(visit, kind, form.endpoint) if kind.shape in {"choice", "choices", "map"} else []
    if listed is None:
        shape = "number" if kind.shape == "choice" else "lines"
        return field(kind._replace(shape=shape), visit.say(label_of(kind.name)), ("\n".join(values),), errors)
    kind = _as_offered(form, kind, listed)
    is_fresh = kind.name in SOLE and not form.shows and visit.request.method == "GET"
    if (kind.is_required or is_fresh) and kind.noun and len(listed) == 1 and not any(values):
        values = (listed[0].value,)  # who has one account isn't asked which
    label = visit.say(label_of(kind.name))
    made = field(kind, label, values, errors, [*listed, *await _beside(visit, kind, values, listed)])
    return made._replace(is_fixed=_is_fixed(visit, made, values))


def _as_offered(form: Form, kind: Kind, listed: Sequence[Choice]) -> Kind:
    """Nobody is given the first of many; where there is nothing to choose, a hint tells what to make first."""
    if kind.shape == "choice" and not form.shows and not kind.is_required and kind.default is None:
        kind = kind._replace(can_be_null=True)
    if kind.is_required and kind.noun and not listed:
        kind = kind._replace(hint=NONE_YET.get(form.endpoint) or NONE_YET.get(kind.noun, NOTHING_YET))
    return kind


def _is_fixed(visit: Visit, made: Field, values: tuple[str, ...]) -> bool:
    """Whether the page's address says what the field holds, and that can be chosen."""
    asked = tuple(visit.request.query.getall(made.kind.name, []))
    is_offered = any(one.value == made.value for one in made.choices)
    return bool(asked) and asked == values and is_offered and bool(made.kind.noun or made.kind.is_required)


def _with_unit(one: Field, stands: _Stands) -> Field:
    """An amount of the thing itself says in what it is; one within something else is of several accounts."""
    is_own = one.kind.shape == "amount" and "." not in one.kind.name
    return one._replace(unit=stands.currency) if is_own else one


def _with_places(form: Form, one: Field, fields: Sequence[Field]) -> Field:
    """Where what is chosen here decides what others offer: those that name things. What is typed elsewhere stays."""
    if form.shows or DECIDES.get(form.endpoint) != one.kind.name or len(one.choices) < 2:
        return one
    named = [other.kind.name for other in fields if other.kind.noun and other is not one and not other.is_fixed]
    return one._replace(reloads=tuple(f"#{name.replace('.', '-')}-field" for name in named))


def _with_meanings(visit: Visit, form: Form, one: Field, stands: _Stands) -> Field:
    """With the names that can be written into it."""
    told = form.meanings.get(one.kind.name)
    return one if told is None else one._replace(meanings=tuple(told(visit, stands.values)))


async def _beside(visit: Visit, kind: Kind, values: tuple[str, ...], listed: Sequence[Choice]) -> list[Choice]:
    """What stands there by name though it is not offered: roles that somebody else has given."""
    offered = {one.value for one in listed}
    numbers = {number_in(one) for one in values if kind.noun and one not in offered} - {0}
    await visit.learn(kind.noun, numbers)
    return [Choice(str(one), visit.name(kind.noun, one)) for one in sorted(numbers) if visit.knows(kind.noun, one)]


def _beside_now(visit: Visit, one: Field, stands: _Stands) -> Field:
    """Says what somebody else made of it meanwhile, where that differs from what stands in the form."""
    now = shown(one.kind, stands.values.get(one.kind.name), visit.formats, stands.currency)
    if now == one.values:
        return one
    texts = {choice.value: choice.text for choice in one.choices}
    return one._replace(now=", ".join(texts.get(value, value) for value in now) or visit.say("nothing"))


def _filled(visit: Visit, path: str) -> str:
    """Names of the path from this page's own, or from the form, or from the address."""
    known = {**visit.request.query, **{name: str(value) for name, value in visit.form.items()}}
    return filled(path, {**known, **visit.request.match_info})


async def _sent(visit: Visit, form: Form) -> Shown | Gone:
    """Load, ask the endpoint, go on; or the same page with its faults."""
    async with visit.looking():
        stands = await _stands(visit, form)
    typed = {name: _typed(visit, kind) for name, kind in _kinds(visit, form, stands).items()}
    body = dict(form.sends) or _body(visit, form, typed, stands)
    if _sends_changes(form) and not body:
        return Gone(_filled(visit, form.back), visit.say("Nothing was changed."))
    try:
        answer = await visit.do(
            form.endpoint,
            body if form.body is not None else None,
            version=str(visit.form.get(VERSION, "")),
            key=str(visit.form.get(KEY, "")),
            **visit.path_of(form.endpoint),
        )
    except Problem as problem:
        return await _again(visit, form, typed, problem)
    return await _done(visit, form, answer)


async def _offered_anew(visit: Visit, form: Form) -> Shown:
    """The form as it was sent, with what can be chosen beside what is chosen in it."""
    async with visit.looking():
        stands = await _stands(visit, form)
        known = _kinds(visit, form, stands)
        typed = {name: _typed(visit, kind) for name, kind in known.items() if kind.shape not in KEPT_BACK}
        return await _shown(visit, form, stands, _Filled(typed, None, stands.version))


def looked_at(visit: Visit, stands: object, problem: Problem | None) -> str:
    """The version that a form's next sending is of: what stands, unless it was refused for something else than that."""
    if problem is None or problem.kind == "changed":
        return str(stands)
    return str(visit.form.get(VERSION, ""))


def _typed(visit: Visit, kind: Kind) -> tuple[str, ...]:
    """What was sent of a field."""
    if kind.shape == "map":
        return tuple(str(visit.form.get(f"{kind.name}.{name}", "")) for name in kind.choices)
    if kind.shape == "rows":
        return typed_rows(visit, kind)
    sent: list[Any] = visit.form.getall(kind.name, [])
    if kind.shape == "file":
        return tuple(base64.b64encode(one.file.read()).decode() for one in sent if isinstance(one, web.FileField))
    return tuple(map(str, sent))


async def _again(visit: Visit, form: Form, typed: dict[str, tuple[str, ...]], problem: Problem) -> Shown:
    if problem.kind == "signed-out":
        raise problem
    async with visit.looking():
        stands = await _stands(visit, form)
        version = looked_at(visit, stands.version, problem)
        known = _kinds(visit, form, stands)
        kept = {name: values for name, values in typed.items() if name in known and known[name].shape not in KEPT_BACK}
        return await _shown(visit, form, stands, _Filled(kept, problem, version))


async def _done(visit: Visit, form: Form, answer: Answer) -> Shown | Gone:
    if form.tells is not None and answer.body is not None:
        async with visit.looking():
            return await form.tells(visit, answer.body)
    to = form.made(visit, answer.body) if form.made is not None and answer.body is not None else ""
    return Gone(to or _filled(visit, form.back), visit.say(form.said or "Done."))


def _body(visit: Visit, form: Form, typed: Mapping[str, tuple[str, ...]], stands: _Stands) -> dict[str, Any]:
    """What to send: of something new all that was typed, else only what differs from what stands."""
    found: dict[str, Any] = {}
    known = _kinds(visit, form, stands)
    for name, kind in known.items():
        value = read(kind, _parts(kind, typed[name]), visit.formats)
        if not _sends_changes(form):
            if value is not None and not (_can_be_left(form, kind) and not value):
                found[name] = value
        elif not _is_same(kind, value, stands.values.get(name), visit):
            found[name] = "" if value is None and not _takes_null(kind) else value
    return _nested(visit, known, typed, found)


def _can_be_left(form: Form, kind: Kind) -> bool:
    """Of something new: lines that may not be none, where the endpoint knows what holds when nothing is said."""
    return kind.is_never_empty and kind.can_be_null and not form.shows


def _nested(
    visit: Visit, known: Mapping[str, Kind], typed: Mapping[str, tuple[str, ...]], found: dict[str, Any]
) -> dict[str, Any]:
    """What stands within another thing in it: such a thing is sent as a whole, or not at all."""
    within = {name.partition(".")[0] for name in found if "." in name}
    plain = {name: value for name, value in found.items() if "." not in name}
    for whole in within:
        parts = {name: kind for name, kind in known.items() if name.startswith(f"{whole}.")}
        read_all = {name.partition(".")[2]: read(kind, typed[name], visit.formats) for name, kind in parts.items()}
        plain[whole] = {name: value for name, value in read_all.items() if value is not None}
    return plain


def _parts(kind: Kind, typed: tuple[str, ...]) -> tuple[str, ...]:
    """Numbers that had to be typed, since there were too many things to choose from."""
    if kind.shape == "choices" and len(typed) == 1 and "\n" in typed[0]:
        return tuple(typed[0].split())
    return typed


def _takes_null(kind: Kind) -> bool:
    return kind.can_be_null and kind.shape not in {"text", "area"}


def _is_same(kind: Kind, value: Any, stands: Any, visit: Visit) -> bool:
    """Whether what was typed is what stands: compared as it would stand in the form."""
    if kind.shape == "choices":
        return sorted(map(str, value)) == sorted(map(str, stands or []))
    if value is None:
        return stands in {None, ""} if not isinstance(stands, list) else not stands
    if kind.shape == "moment" and not is_moment(value):
        return False
    return value == stands or shown(kind, value, visit.formats) == shown(kind, stands, visit.formats)
