"""How often one may ask: tokens that are nobody's count against their address, and somebody's own is never held up."""

from __future__ import annotations

import asyncio
from pathlib import Path

import aiohttp
import pytest

from scripts.benchmarks.ports import free_port
from service.access.permissions import Permission
from service.api.call import Asking
from service.api.endpoint import Endpoint, Key, Open
from service.api.http import SEEN_MAX, Rates
from service.api.problems import Problem
from service.app import running
from service.config import ApiRates, Config, Listen

MOST = 5


async def _nothing(_: object) -> None:
    """Does it."""


def endpoint(permission: Permission | Open) -> Endpoint:
    """One that needs it."""
    return Endpoint("x.show", "GET", "/x", permission, _nothing, "X", key=Key.NONE)  # type: ignore[arg-type]


CLOSED, PUBLIC = endpoint(Permission.CDRS_READ), endpoint(Open.PUBLIC)


class Door:
    """With tokens that are somebody's."""

    def __init__(self, *known: str, known_per_minute: int = 1_000) -> None:
        self.known = set(known)
        self.rates = Rates(known_per_minute, MOST)
        self.looked = 0

    async def ask(self, token: str, address: str = "192.0.2.1", of: Endpoint = CLOSED) -> str:
        """What came of it."""
        try:
            async with self.rates.counted(of, Asking({}, credential=token, address=address)):
                self.looked += 1
                await asyncio.sleep(0)
                self._check(token, of)
        except Problem as problem:
            return problem.kind
        return "ok"

    def _check(self, token: str, of: Endpoint) -> None:
        if token not in self.known and of is CLOSED:
            raise Problem("signed-out")

    async def guess(self, count: int) -> list[str]:
        """Another token each time."""
        return [await self.ask(f"guess {self.looked} {number}") for number in range(count)]


async def test_another_token_at_each_request() -> None:
    """So many a minute are looked at, from one address; the answer says when to come again."""
    door = Door()
    assert await door.guess(MOST + 3) == ["signed-out"] * MOST + ["too-many"] * 3
    assert door.looked == MOST
    with pytest.raises(Problem) as told:
        await door.rates.check(CLOSED, Asking({}, credential="another", address="192.0.2.1"))
    assert 1 <= int(told.value.headers["Retry-After"]) <= 61
    assert await door.ask("one", "192.0.2.2") == "signed-out"


async def test_many_at_once_are_no_more() -> None:
    """All of them come before any is found out."""
    door = Door()
    said = await asyncio.gather(*(door.ask(f"guess {number}") for number in range(50)))
    assert sorted(said) == ["signed-out"] * MOST + ["too-many"] * 45
    assert door.looked == MOST


async def test_somebodys_token_is_asked_as_often_as_it_may() -> None:
    """Also from an address from which guesses come, if it was there before; and its own limit holds."""
    door = Door("mine", known_per_minute=20)
    assert [await door.ask("mine") for _ in range(8)] == ["ok"] * 8
    await door.guess(MOST + 1)
    said = [await door.ask("mine") for _ in range(13)]
    assert said == ["ok"] * 12 + ["too-many"]


async def test_many_tokens_of_one_address_that_are_somebodys() -> None:
    """They cost it nothing: a whole company is behind one."""
    tokens = [f"person {number}" for number in range(MOST * 4)]
    door = Door(*tokens)
    assert [await door.ask(token) for token in tokens] == ["ok"] * len(tokens)
    assert await door.guess(MOST + 1) == ["signed-out"] * MOST + ["too-many"]


async def test_who_asks_without_one_is_counted_apart() -> None:
    """Guesses of tokens don't keep others of the address from signing in, nor the other way round."""
    door = Door()
    await door.guess(MOST + 1)
    assert [await door.ask("", of=PUBLIC) for _ in range(MOST + 1)] == ["ok"] * MOST + ["too-many"]
    other = Door()
    for _ in range(MOST + 1):
        await other.ask("", of=PUBLIC)
    assert await other.guess(1) == ["signed-out"]


async def test_a_session_that_has_ended_counts() -> None:
    """As anything that is nobody's."""
    door = Door("mine")
    assert await door.ask("mine") == "ok"
    door.known.clear()
    assert [await door.ask("mine") for _ in range(MOST + 2)] == ["signed-out"] * MOST + ["too-many"] * 2


async def test_what_is_remembered_has_an_end() -> None:
    """Forgotten, a token is found out anew."""
    door = Door("mine")
    for number in range(SEEN_MAX):
        await door.rates.note(Asking({}, credential=f"{number}"), is_known=True)
    assert await door.ask("mine") == "ok"
    assert len(door.rates._seen) == 1


async def test_over_http(tmp_path: Path, database: str) -> None:
    """A token of chance at each request, and one from another address beside."""
    port = free_port()
    folder = tmp_path / "ratebook"
    folder.mkdir()
    config = Config(
        run_dir=tmp_path / "run", data_dir=tmp_path, ratebook=folder, database=database,
        listen=Listen(port=port), api=ApiRates(unknown_per_minute=MOST),
    )  # fmt: skip
    async with running(config), aiohttp.ClientSession() as session:

        async def ask(number: int) -> int:
            headers = {"Authorization": f"Bearer kbt_{number}"}
            async with session.get(f"http://127.0.0.1:{port}/api/v1/accounts", headers=headers) as answer:
                return answer.status

        assert [await ask(number) for number in range(MOST + 2)] == [401] * MOST + [429] * 2
        async with session.post(f"http://127.0.0.1:{port}/api/v1/sessions", json={}) as answer:
            assert answer.status == 422
