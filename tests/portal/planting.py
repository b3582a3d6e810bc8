"""Text that is meant to do harm, in every field of the API that takes text: the fields come from its schemas."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from itertools import product
from typing import Any, NamedTuple

from service.api.endpoint import Endpoint
from service.urls import ENDPOINTS
from tests.service.matrix.asking import parameters
from tests.service.matrix.statement import IMPORTS, ROUTES, Case, expected, held
from tests.service.matrix.world import World
from tests.service.office import BY_NAME

Path = tuple[str, ...]
"""To a text of a body; `[]`: a line of a list, `*`: a value under any name."""
MARKUP, FORMULA, TEMPLATE, TURN = "<img src=x onerror=alert(7)>", "=1+1", "{{7*7}}", "\u202egnp\u202c"
SEED = f"{FORMULA}{MARKUP}{TEMPLATE}${{7*7}}'\"{TURN}"
"""Markup, a formula, a template and a turn to the left, in one: what stays in the ledger, and is shown."""
DEED, RAN = "{%if 1%}ran{%endif%}", "javascript:alert(8)//ran"
"""A template's statement; and what would stand there if it had been carried out."""
ADDRESS, MARKS = "javascript:alert(8)//", "\u200f\u2067\u061c\u2069"
SECOND = f"{ADDRESS}{DEED}{MARKS}"
"""What has to stand first: an address that does something. Behind it a statement, and marks that nobody sees."""
PARTS = (MARKUP, FORMULA, TEMPLATE, TURN)
"""What is tried where all in one is refused."""
HEADER, LONG, NUL = "Bcc\r\nX-Planted: yes", "W" * 10_000, "nothing\0more"
TABBED, RETURNED, OPEN = "\t=1+1", "\r=1+1", "fdp.\u2067\u202e"
"""What is tried once: a new line where a mail would begin another header, more than anybody reads, a zero, what hides
a formula from who looks at a cell's first letter, and what turns all that stands behind it.
"""


class Text(NamedTuple):
    """A text that a body takes."""

    endpoint: str
    path: Path
    form: str
    """What the schema says that it must be; empty: any text."""
    length_max: int | None

    def __str__(self) -> str:
        return f"{self.endpoint} {'.'.join(self.path)}"

    def longest(self, payload: str) -> int | None:
        """How much of a payload is sent: of the long one all."""
        return None if payload == LONG else self.length_max


def _form(schema: Mapping[str, Any]) -> str:
    if "enum" in schema or "const" in schema:
        return "one of a few words"
    return str(schema.get("format") or schema.get("contentEncoding") or schema.get("pattern") or "")


def texts_of(endpoint: Endpoint) -> Iterator[Text]:
    """All of an endpoint's body."""
    if endpoint.body is None:
        return
    whole = endpoint.body.model_json_schema()
    for path, schema in _strings(whole, whole.get("$defs", {}), ()):
        yield Text(endpoint.name, path, _form(schema), schema.get("maxLength"))


def _strings(schema: Mapping[str, Any], known: Mapping[str, Any], path: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    if "$ref" in schema:
        schema = known[schema["$ref"].rpartition("/")[2]]
    for one in (*schema.get("anyOf", ()), *schema.get("oneOf", ()), *schema.get("allOf", ())):
        yield from _strings(one, known, path)
    if schema.get("type") == "string":
        yield path, dict(schema)
    for name, one in schema.get("properties", {}).items():
        yield from _strings(one, known, (*path, name))
    if isinstance(schema.get("items"), dict):
        yield from _strings(schema["items"], known, (*path, "[]"))
    if isinstance(schema.get("additionalProperties"), dict):
        yield from _strings(schema["additionalProperties"], known, (*path, "*"))


def put(body: dict[str, Any], path: Path, text: str) -> None:
    """Sets a text, and makes what it stands in."""
    inner: Any = text
    for step in reversed(path[1:]):
        inner = [inner] if step == "[]" else {"planted" if step == "*" else step: inner}
    at = body.get(path[0])
    body[path[0]] = {**at, **inner} if isinstance(at, dict) and isinstance(inner, dict) else inner


TEXTS = tuple(text for endpoint in ENDPOINTS if endpoint.writes for text in texts_of(endpoint))
FREE = tuple(text for text in TEXTS if not text.form)
"""Those that the schema gives no form."""


class Planter:
    """Asks for everything that can be asked for with a text in it, as the Super Admin, in the world of the matrix."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.who = world.people["super_admin@root"]
        self.may = held(world, self.who)
        self.taken: dict[Text, set[str]] = {}
        """What each text was taken with."""
        self.refused: dict[Text, str] = {}
        """What the last refusal said."""
        self.faults: list[str] = []
        """Answers that no request should get."""
        self.count = 0

    async def plant(self) -> None:
        """The seed for everybody, the rest once; what isn't taken, part by part."""
        for name in dict.fromkeys(text.endpoint for text in FREE if text.endpoint not in IMPORTS):
            texts = [text for text in FREE if text.endpoint == name]
            cases = list(self._cases(name))
            for payload in (LONG, NUL, HEADER, TABBED, RETURNED, OPEN):
                for case in cases[:1]:
                    await self._fill(case, texts, payload)
            is_new = BY_NAME[name].method == "POST"
            for case, payload in product(cases, (SEED, SECOND) if is_new else (SECOND, SEED)):
                await self._fill(case, texts, payload)
            for case in cases:
                for text in texts:
                    for part in PARTS if text not in self.taken or SEED not in self.taken[text] else ():
                        await self._ask(case, [text], part)

    def _cases(self, name: str) -> Iterator[Case]:
        """Where the plain body is taken."""
        for place in map(self.world.places.__getitem__, ("customer", "lower", "carrier", "root")):
            case = Case(self.world, self.who, place, self.may)
            if 200 <= expected(case, ROUTES[name]) < 300:
                yield case

    async def _fill(self, case: Case, texts: list[Text], payload: str) -> None:
        """All texts of a body at once, without those that are refused; then each of these by itself."""
        left = texts
        while left and (pointers := await self._ask(case, left, payload)) is not None:
            before, left = left, [text for text in left if text.path[0] not in pointers]
            if left == before:
                break
        for text in texts:
            if payload not in self.taken.get(text, ()):
                await self._ask(case, [text], payload)

    async def _ask(self, case: Case, texts: list[Text], payload: str) -> set[str] | None:
        """None: it was taken; else the fields that are refused."""
        self.count += 1
        name = texts[0].endpoint
        body = ROUTES[name].body
        assert body is not None
        asked = copy.deepcopy(body(case)) | BESIDE.get(name, lambda _: {})(self.count)
        for text in texts:
            put(asked, text.path, f"{payload}{self.count}"[: text.longest(payload)])
        key = f"planted {self.count}"
        got = await self.who.person.ask(name, **parameters(name, case), key=key, body=asked)
        if got.status < 300:
            for text in texts:
                self.taken.setdefault(text, set()).add(payload)
            return None
        if got.status not in {409, 422}:
            self.faults.append(f"{name} {payload[:9]!r}: {got}")
        for text in texts:
            self.refused[text] = str(got)
        return {one["pointer"].split("/")[1] for one in got.body.get("errors", ()) if one["pointer"]}


BESIDE: dict[str, Callable[[int], dict[str, Any]]] = {
    "user.invite": lambda count: {"email": f"planted{count}@x.example"},
    "special.make": lambda count: {"number": str(100_000 + count)},
    "ban.make": lambda count: {"network": f"198.51.100.{count % 256}"},
    "filter.make": lambda count: {"digits": str(770_000 + count)},
    "device.make": lambda count: {"username": f"planted{count}"},
    "number.make": lambda count: {"number": str(442079470000 + count)},
    "range.make": lambda count: {"prefixes": [f"876{count}"]},
    "range.edit": lambda count: {"prefixes": [f"876{count}"]},
    "tariff.make": lambda count: {"name": f"planted{count}"},
    "tax.make": lambda count: {"category": "E", "percent": "0", "exemption_reason": "x"},
    "terms.edit": lambda count: {"tax_status": "exempt", "exemption_reason": "x"},
    "product.make": lambda count: {"name": f"planted{count}", "kind": "package", "seconds": 60},
}
"""What else must be said so that a text can be, and what nobody else may have."""
