"""How people and programs show who they are, beside a password: second factors, recovery codes, tokens that end."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pyotp
import pytest

from service.access.factors import RECOVERY_CODES, STEP_S
from service.access.sessions import IDLE_MS, SESSION_MS
from tests.service.office import PASSWORD, Got, Office, Person

EMAIL = "boss@op.example"


async def factor(office: Office) -> tuple[pyotp.TOTP, list[str]]:
    """The Super Admin's authenticator from here on, and recovery codes."""
    totp = pyotp.TOTP((await office.boss.do("me.totp-begin"))["secret"])
    made = await office.boss.do("me.totp-confirm", code=totp.at(office.now_ms // 1000))
    return totp, made["codes"]


async def enter(office: Office, code: str) -> Got:
    """With the right password."""
    return await office.nobody.ask("session.open", email=EMAIL, password=PASSWORD, code=code)


async def test_a_code_opens_once(office: Office) -> None:
    """The one that confirmed it is used; one of a step before or behind opens, older ones and repeated ones don't."""
    totp, _ = await factor(office)
    assert (await enter(office, totp.at(office.now_ms // 1000))).status == 401
    office.now_ms += 10 * STEP_S * 1000
    now_s = office.now_ms // 1000
    told = []
    for at_s in (now_s - 2 * STEP_S, now_s - STEP_S, now_s - STEP_S, now_s, now_s + STEP_S, now_s, now_s + 2 * STEP_S):
        told.append((await enter(office, totp.at(at_s))).status)
        office.now_ms += 1
    assert told == [401, 201, 401, 201, 201, 401, 401]


async def test_a_recovery_code_opens_once(office: Office) -> None:
    """However it is typed; each of them, and no other."""
    _, codes = await factor(office)
    assert len(set(codes)) == RECOVERY_CODES
    first, second, *_ = codes
    assert (await enter(office, first.upper().replace("-", " - "))).status == 201
    assert (await enter(office, first)).status == 401
    assert (await enter(office, second)).status == 201


@pytest.mark.parametrize("code", ["é", "１２３４５６", "\N{GRINNING FACE}", "x" * 20])  # noqa: RUF001 -- wide digits
async def test_what_is_no_code_is_a_wrong_one(office: Office, code: str) -> None:
    """Whatever letters it has: at the door, and where the factor is confirmed."""
    begun = await office.boss.do("me.totp-begin")
    assert (await office.boss.ask("me.totp-confirm", code=code)).status == 422
    await office.boss.do("me.totp-confirm", code=pyotp.TOTP(begun["secret"]).at(office.now_ms // 1000))
    assert (await enter(office, code)).status == 401


async def test_a_factor_is_taken_away_by_the_password(office: Office) -> None:
    """By nothing else; then the password alone opens again."""
    await factor(office)
    assert (await enter(office, "")).status == 401
    assert (await office.boss.ask("me.totp-remove", password="wrong")).status == 403
    await office.boss.do("me.totp-remove", password=PASSWORD)
    assert (await enter(office, "")).status == 201


def time_of(wall_ms: int) -> str:
    """As the API is told it."""
    return datetime.fromtimestamp(wall_ms // 1000, UTC).isoformat()


async def token(office: Office, **more: Any) -> tuple[Person, int]:
    """Of the Super Admin, and its number."""
    made = await office.boss.do("token.make", user_id=office.boss.user["id"], name="program", **more)
    return Person(office, made["token"], office.boss.user), made["about"]["id"]


async def test_a_token_ends_at_its_time(office: Office) -> None:
    """To the millisecond; it can't begin with its end."""
    until_ms = office.now_ms // 1000 * 1000 + 60_000
    program, _ = await token(office, expires_at=time_of(until_ms))
    past = {"user_id": office.boss.user["id"], "name": "x", "expires_at": time_of(office.now_ms - 1_000)}
    assert (await office.boss.ask("token.make", **past)).status == 422
    office.now_ms = until_ms - 1
    assert (await program.ask("me.show")).status == 200
    office.now_ms = until_ms
    assert (await program.ask("me.show")).status == 401


async def test_a_token_may_what_its_role_says(office: Office) -> None:
    """And no more, whatever its user may; revoked, it opens nothing."""
    program, number = await token(office, role_id=office.roles["read_only"])
    assert (await program.ask("account.list")).status == 200
    account = {"parent_id": 1, "name": "New", "kind": "customer"}
    assert (await program.ask("account.make", **account)).status == 403
    whole, _ = await token(office)
    assert (await whole.ask("account.make", **account)).status == 201
    await office.boss.do("token.revoke", token_id=number)
    assert (await program.ask("account.list")).status == 401


async def test_a_token_of_few_rights_is_no_way_to_the_others(office: Office) -> None:
    """Not by another token of its own user, nor by an address to which a forgotten password would go."""
    body = {"account_id": 1, "name": "People", "permissions": ["users.read", "users.change"]}
    role = await office.boss.do("role.define", **body)
    few, _ = await token(office, role_id=role["id"])
    own, others = office.boss.user["id"], await office.hire(office.boss, 1, "few@op.example", [role["id"]])
    for endpoint, more in (
        ("token.make", {"user_id": own, "name": "wide"}),
        ("user.edit", {"user_id": own, "body": {"email": "elsewhere@op.example"}}),
        ("user.roles", {"user_id": own, "body": {"role_ids": [role["id"]]}}),
        ("user.remove", {"user_id": own}),
    ):
        assert (await few.ask(endpoint, **more)).status == 403, endpoint
    assert (await few.ask("token.make", user_id=others.user["id"], name="as wide")).status == 201
    whole, _ = await token(office)
    assert (await whole.ask("token.make", user_id=own, name="as wide")).status == 201


async def test_ones_own_second_factor_goes_by_the_password_alone(office: Office) -> None:
    """Whoever has stolen a session, or a token, doesn't know it."""
    program, _ = await token(office)
    for person in (office.boss, program):
        assert (await person.ask("user.drop-second-factor", user_id=office.boss.user["id"])).status == 403
    other = await office.hire(office.boss, 1, "other@op.example", [office.roles["admin"]])
    assert (await office.boss.ask("user.drop-second-factor", user_id=other.user["id"])).status == 200


async def test_nobody_s_session_lasts_for_ever(office: Office) -> None:
    """A week, however much it is used, and eight hours if nobody uses it."""
    used, idle = [await office.sign_in(EMAIL) for _ in range(2)]
    began_ms = office.now_ms
    while office.now_ms + IDLE_MS - 1 < began_ms + SESSION_MS:
        office.now_ms += IDLE_MS - 1
        assert (await used.ask("me.show")).status == 200
        await office.api.sessions.note_seen(office.engine)
    assert (await idle.ask("me.show")).status == 401
    office.now_ms = began_ms + SESSION_MS - 1
    assert (await used.ask("me.show")).status == 200
    office.now_ms += 1
    assert (await used.ask("me.show")).status == 401
