"""Users, roles and accounts through the API: what each may, at the next request."""

from __future__ import annotations

import asyncio

import pyotp
import pytest
import sqlalchemy as sa

from service.access import lockout
from service.access.endpoints import me, sign_in
from service.access.lockout import FREE_FAILURES
from service.access.tidy import forget
from service.database.access_tables import mails
from tests.conftest import PRODUCTS_HASHER
from tests.service.office import PASSWORD, Office, Person


def test_passwords_cost_what_they_should() -> None:
    """In the product: OWASP's profile. Tests take a cheaper one."""
    assert PRODUCTS_HASHER.hash(PASSWORD).startswith("$argon2id$v=19$m=19456,t=2,p=1$")


async def test_a_super_admin_signs_in_and_may_everything(office: Office) -> None:
    shown = await office.boss.do("me.show")
    assert shown["account_id"] == 1
    catalogue = await office.boss.do("permission.list")
    assert shown["permissions"] == sorted(one["name"] for one in catalogue["items"])


async def test_a_tree_is_made_and_each_sees_its_own_part(office: Office) -> None:
    upper = await office.account(office.boss, 1, "Upper", "reseller")
    other = await office.account(office.boss, 1, "Other", "reseller")
    ada = await office.hire(office.boss, upper, "ada@upper.example")
    lower = await office.account(ada, upper, "Lower", "reseller", billing="postpaid")
    customer = await office.account(ada, lower, "Customer", "customer")
    listed = await ada.do("account.list")
    assert [(one["id"], one["depth"], one["parent_id"]) for one in listed["items"]] == [
        (upper, 0, None), (lower, 1, upper), (customer, 2, lower),
    ]  # fmt: skip
    assert (await ada.ask("account.show", account_id=other)).status == 404
    assert (await ada.ask("account.show", account_id=1)).status == 404
    assert (await ada.ask("account.show", account_id=999)).body == (
        await ada.ask("account.show", account_id=other)
    ).body


async def test_a_changed_billing_model_changes_rights_at_the_next_request(office: Office) -> None:
    """The default role goes with it, at once; a role that was given to the account stays."""
    customer = await office.account(office.boss, 1, "Customer", "customer")
    eve = await office.hire(office.boss, customer, "eve@customer.example")
    before = set((await eve.do("me.show"))["permissions"])
    assert "payments.top_up" in before
    assert "statements.read" not in before
    await office.boss.do("account.edit", account_id=customer, billing="postpaid")
    after = set((await eve.do("me.show"))["permissions"])
    assert "payments.top_up" not in after
    assert "statements.read" in after
    given = await office.boss.do("role.define", account_id=1, name="Top-up", permissions=["payments.top_up"])
    await office.boss.do("account.set-ceiling", account_id=customer, role_ids=[given["id"]], default_role=True)
    both = set((await eve.do("me.show"))["permissions"])
    assert both == after | {"payments.top_up"}
    await office.boss.do("account.edit", account_id=customer, billing="prepaid")
    assert set((await eve.do("me.show"))["permissions"]) == before
    await office.boss.do("account.edit", account_id=customer, billing="postpaid")
    assert set((await eve.do("me.show"))["permissions"]) == both


async def test_who_pays_a_seller_is_told(office: Office) -> None:
    """The operator doesn't, and neither does who earns commission."""
    assert not (await office.boss.do("me.show"))["buys"]
    for commission in (False, True):
        account = await office.account(office.boss, 1, f"Seller {commission}", "reseller", commission=commission)
        owner = await office.hire(office.boss, account, f"owner{commission}@seller.example")
        assert (await owner.do("me.show"))["buys"] is not commission


async def test_a_revoked_right_is_gone_at_the_next_request_for_everybody_below(office: Office) -> None:
    upper = await office.account(office.boss, 1, "Upper", "reseller")
    ada = await office.hire(office.boss, upper, "ada@upper.example")
    lower = await office.account(ada, upper, "Lower", "reseller")
    bob = await office.hire(ada, lower, "bob@lower.example")
    assert (await bob.ask("role.list")).status == 200
    narrow = await office.boss.do("role.define", account_id=1, name="Narrow", permissions=["accounts.read"])
    got = await office.boss.ask("account.set-ceiling", account_id=upper, role_ids=[narrow["id"]], default_role=False)
    assert got.ok()["permissions"] == ["accounts.read"]
    for person in (ada, bob):
        assert (await person.ask("role.list")).status == 403
        assert (await person.do("me.show"))["permissions"] == ["accounts.read"]


async def test_nobody_defines_or_gives_more_than_they_hold(office: Office) -> None:
    upper = await office.account(office.boss, 1, "Upper", "reseller")
    ada = await office.hire(office.boss, upper, "ada@upper.example")
    got = await ada.ask("role.define", account_id=upper, name="Too much", permissions=["gateways.read"])
    assert got.status == 403
    assert "gateways.read" in got["detail"]
    little = await ada.do("role.define", account_id=upper, name="Little", permissions=["users.change", "users.read"])
    cyd = await office.hire(ada, upper, "cyd@upper.example", [little["id"]])
    got = await cyd.ask(
        "user.invite", account_id=upper, email="x@x.example", name="X", role_ids=[office.roles["owner"]]
    )
    assert got.status == 403
    assert (await cyd.ask("user.edit", user_id=ada.user["id"], email="cyd@evil.example")).status == 403


async def test_wrong_passwords_close_the_door_and_unknown_addresses_look_the_same(office: Office) -> None:
    for email in ("boss@op.example", "nobody@op.example"):
        answers = [
            await office.nobody.ask("session.open", email=email, password=f"wrong {index}") for index in range(6)
        ]
        assert [got.status for got in answers] == [401, 401, 401, 401, 429, 429]
    assert (await office.nobody.ask("session.open", email="boss@op.example", password=PASSWORD)).status == 429
    office.now_ms += 2_000
    assert (await office.nobody.ask("session.open", email="boss@op.example", password=PASSWORD)).status == 201


async def test_guesses_at_once_are_no_more_than_one_after_the_other(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 20 that come before any is found wrong, five are looked at; for the unknown address as many."""
    looked: list[str] = []
    fits = sign_in.fits

    async def slowly(password: str, kept: str | None) -> bool:
        looked.append(password)
        await asyncio.sleep(0.05)
        return await fits(password, kept)

    monkeypatch.setattr(sign_in, "fits", slowly)
    for email in ("boss@op.example", "nobody@op.example"):
        asked = (office.nobody.ask("session.open", email=email, password=f"wrong {one}") for one in range(20))
        got = [one.status for one in await asyncio.gather(*asked)]
        assert (sorted(got), len(looked)) == ([401] * FREE_FAILURES + [429] * 16, FREE_FAILURES + 1)
        looked.clear()
    office.now_ms += 2_000
    assert (await office.nobody.ask("session.open", email="boss@op.example", password=PASSWORD)).status == 201


async def test_guesses_at_once_by_a_stolen_session(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """As at the door."""
    looked: list[str] = []

    async def slowly(password: str, kept: str | None) -> bool:
        looked.append(password)
        await asyncio.sleep(0.05)
        return False

    monkeypatch.setattr(me, "fits", slowly)
    asked = (office.boss.ask("me.totp-remove", password=f"wrong {number}") for number in range(12))
    got = [one.status for one in await asyncio.gather(*asked)]
    assert (sorted(got), len(looked)) == ([403] * FREE_FAILURES + [429] * 8, FREE_FAILURES + 1)


async def test_a_right_password_is_no_failure(office: Office) -> None:
    """However often it is asked for, also where somebody failed before, and though the code is still to come."""
    new = "another horse, another battery"
    for _ in range(FREE_FAILURES):
        assert (await office.nobody.ask("session.open", email="boss@op.example", password="wrong")).status == 401
    for old, chosen in ((PASSWORD, new), (new, PASSWORD)) * 2:
        assert (await office.boss.ask("me.password", old=old, new=chosen)).status < 300
    begun = await office.boss.do("me.totp-begin")
    code = pyotp.TOTP(begun["secret"]).at(office.now_ms // 1000)
    await office.boss.do("me.totp-confirm", code=code)
    body = {"email": "boss@op.example", "password": PASSWORD}
    for _ in range(FREE_FAILURES + 2):
        got = await office.nobody.ask("session.open", **body)
        assert (got.status, "second-factor" in str(got.body)) == (401, True)
    assert (await office.nobody.ask("session.open", **body, code="000000")).status == 429
    assert (await office.nobody.ask("session.open", **body)).status == 429


async def test_what_is_taken_back_opens_no_door_that_others_have_closed(office: Office) -> None:
    """Whoever has the password and guesses codes, many at once, is not let go on by asking without a code."""
    now_ms = office.now_ms
    async with office.engine.begin() as conn:
        right = await lockout.knock(conn, "a@x.example", now_ms)
        wrong = [await lockout.knock(conn, "a@x.example", now_ms) for _ in range(FREE_FAILURES)]
        assert [one.waits_ms for one in wrong] == [0] * FREE_FAILURES
        assert wrong[-1].closed_ms == 1_000
        await lockout.take_back(conn, "a@x.example", right)
        assert (await lockout.knock(conn, "a@x.example", now_ms)).waits_ms == 1_000
        assert (await lockout.knock(conn, "a@x.example", now_ms + 1_000)).closed_ms == 1_000
        alone = await lockout.knock(conn, "b@x.example", now_ms)
        await lockout.take_back(conn, "b@x.example", alone)
        assert (await lockout.knock(conn, "b@x.example", now_ms)).after["failures"] == 1


async def test_a_stolen_session_does_not_find_out_its_password(office: Office) -> None:
    """By neither of the two that ask for it; the owner waits as at the door, and is asked again afterwards."""
    new = "another horse, another battery"
    got = [await office.boss.ask("me.password", old=f"wrong {at}", new=new) for at in range(3)]
    got += [await office.boss.ask("me.totp-remove", password=f"wrong {at}") for at in range(3)]
    assert [one.status for one in got] == [403, 403, 403, 403, 429, 429]
    assert (await office.boss.ask("me.password", old=PASSWORD, new=new)).status == 429
    assert (await office.nobody.ask("session.open", email="boss@op.example", password=PASSWORD)).status == 429
    office.now_ms += 2_000
    assert (await office.boss.ask("me.password", old=PASSWORD, new=new)).status < 300
    assert (await office.nobody.ask("session.open", email="boss@op.example", password=new)).status == 201


async def _namesake(office: Office, email: str, password: str) -> tuple[Person, Person]:
    """A reseller's owner, and a user of theirs who has somebody else's address."""
    upper = await office.account(office.boss, 1, "Upper", "reseller")
    ada = await office.hire(office.boss, upper, "ada@upper.example")
    invited = await ada.do("user.invite", account_id=upper, email=email, name="N", role_ids=[office.roles["read_only"]])
    await office.nobody.do("password.choose", link=invited["link"], password=password)
    return ada, Person(office, user=invited["user"])


async def test_a_user_with_somebody_elses_address_opens_no_door_of_theirs(office: Office) -> None:
    """Neither by coming in, nor by being let try again; and who comes in with it closes none."""
    email, own = "boss@op.example", "a namesake's battery"
    ada, namesake = await _namesake(office, email, own)
    upper = namesake.user["account_id"]

    async def knock(password: str, account_id: int | None = None) -> int:
        return (await office.nobody.ask("session.open", email=email, password=password, account_id=account_id)).status

    got = []
    for at in range(FREE_FAILURES + 2):
        got += [await knock(f"guess {at}", 1), await knock(own)]
    assert got == [401, 201] * (FREE_FAILURES - 1) + [429, 201] * 3  # the namesake's password was a guess too
    await ada.do("user.unlock", user_id=namesake.user["id"])
    assert await knock("guess", 1) == 429
    assert await knock(PASSWORD, 1) == 429
    office.now_ms += 2_000
    assert await knock(PASSWORD, 1) == 201
    assert [await knock(own, upper) for _ in range(9)] == [201] * 9
    assert await knock(PASSWORD) == 201


async def test_a_password_that_is_set_is_a_guess_at_who_has_the_same_address(office: Office) -> None:
    """Signing in with it would tell whether it is theirs."""
    email, own = "boss@op.example", "a namesake's battery 0"
    _, namesake = await _namesake(office, email, own)
    for at in range(FREE_FAILURES):
        more = {"account_id": namesake.user["account_id"]}
        signed = await office.sign_in(email, f"a namesake's battery {at}", **more)
        await signed.do("me.password", old=f"a namesake's battery {at}", new=f"a namesake's battery {at + 1}")
    assert (await office.nobody.ask("session.open", email=email, password=PASSWORD, account_id=1)).status == 429
    got = await office.nobody.ask("session.open", email=email, password=PASSWORD)
    assert (got.status, "account_id" in str(got.body)) == (401, False)


async def test_a_link_that_went_to_another_address_opens_nothing(office: Office) -> None:
    """Of an invitation to a mistyped address, and of a reset from before the password was changed."""
    upper = await office.account(office.boss, 1, "Upper", "reseller")
    invite = {"account_id": upper, "email": "adda@upper.example", "name": "Ada", "role_ids": [office.roles["owner"]]}
    invited = await office.boss.do("user.invite", **invite)
    user_id = invited["user"]["id"]
    await office.boss.do("user.edit", user_id=user_id, email="ada@upper.example")
    assert (await office.nobody.ask("password.choose", link=invited["link"], password=PASSWORD)).status == 422
    again = await office.boss.do("user.invite-again", user_id=user_id)
    await office.boss.do("user.edit", user_id=user_id, email="ada@upper.example", name="Ada L.")
    assert (await office.nobody.ask("password.choose", link=again["link"], password=PASSWORD)).status == 200
    ada = await office.sign_in("ada@upper.example")
    await office.nobody.do("password.forget", email="ada@upper.example")
    async with office.engine.begin() as conn:
        said = (await conn.execute(sa.select(mails.c.fields).where(mails.c.template == "reset"))).scalar_one()
    await ada.do("me.password", old=PASSWORD, new="another horse, another battery")
    assert (await office.nobody.ask("password.choose", link=said["link"], password=PASSWORD)).status == 422


async def test_a_password_that_is_chosen_by_a_link_opens_the_door(office: Office) -> None:
    """Whoever was kept out by wrong ones, their own or others', has the mailbox; and nobody else's door opens by it."""
    email, own = "boss@op.example", "a namesake's battery 0"
    _, namesake = await _namesake(office, email, own)
    for account_id in (1, namesake.user["account_id"]):
        for at in range(FREE_FAILURES + 2):
            await office.nobody.ask("session.open", email=email, password=f"guess {at}", account_id=account_id)
    await office.nobody.do("password.forget", email=email)
    async with office.engine.begin() as conn:
        of = sa.select(mails.c.fields).where(mails.c.template == "reset")
        link = next(said["link"] for said in (await conn.execute(of)).scalars() if said["user_id"] == 1)
    new = "another horse, another battery"
    await office.nobody.do("password.choose", link=link, password=new)
    assert (await office.nobody.ask("session.open", email=email, password=new, account_id=1)).status == 201
    theirs = {"password": own, "account_id": namesake.user["account_id"]}
    assert (await office.nobody.ask("session.open", email=email, **theirs)).status == 429


async def test_strangers_fill_no_mailbox_with_links(office: Office) -> None:
    """Who asks again is answered alike, and gets another link after five minutes; the one before opens until then."""
    await office.hire(office.boss, await office.account(office.boss, 1, "U", "reseller"), "ada@upper.example")

    async def ask(email: str) -> list[str]:
        assert (await office.nobody.ask("password.forget", email=email)).status == 202
        async with office.engine.begin() as conn:
            found = await conn.execute(
                sa.select(mails.c.fields).where(mails.c.template == "reset").order_by(mails.c.id)
            )
            return [said["link"] for said in found.scalars()]

    first = await ask("ada@upper.example")
    assert await ask("ada@upper.example") == first
    assert len(await ask("boss@op.example")) == 2
    office.now_ms += 5 * 60_000 - 1
    assert len(await ask("ada@upper.example")) == 2
    assert (
        await office.nobody.ask("password.choose", link=first[0], password="another horse, a battery")
    ).status == 200
    assert len(await ask("ada@upper.example")) == 3
    office.now_ms += 1
    assert len(await ask("boss@op.example")) == 4


async def test_who_acts_as_somebody_below_is_named_beside_them(office: Office) -> None:
    upper = await office.account(office.boss, 1, "Upper", "reseller")
    ada = await office.hire(office.boss, upper, "ada@upper.example")
    got = await office.boss.do("user.impersonate", user_id=ada.user["id"])
    acting = type(ada)(office, got["session"])
    assert (await acting.do("me.show"))["acting_as"] == "ada@upper.example"
    made = await office.account(acting, upper, "Made", "customer")
    lines = await office.boss.do("audit.list", query={"account_id": made})
    assert [(one["actor"], one["behalf_of"]) for one in lines["items"]] == [("boss@op.example", "ada@upper.example")]
    seen = await ada.do("audit.list", query={"account_id": made})
    assert [(one["actor"], one["behalf_of"]) for one in seen["items"]] == [("above", "ada@upper.example")]


async def test_who_may_act_as_nobody_any_more_is_themselves_at_the_next_request(office: Office) -> None:
    """The right is taken from the role or the user, or the account is moved to where they don't reach."""
    upper = await office.account(office.boss, 1, "Upper", "reseller")
    other = await office.account(office.boss, 1, "Other", "reseller")
    ada = await office.hire(office.boss, upper, "ada@upper.example")
    lower = await office.account(ada, upper, "Lower", "customer")
    bob = await office.hire(ada, lower, "bob@lower.example")
    both = ["users.read", "users.impersonate", "accounts.read"]
    role = await office.boss.do("role.define", account_id=1, name="Helps", permissions=both)
    cyd = await office.hire(office.boss, upper, "cyd@upper.example", [role["id"]])

    async def act() -> Person:
        got = await cyd.do("user.impersonate", user_id=bob.user["id"])
        return Person(office, got["session"])

    acting = await act()
    assert (await acting.do("me.show"))["acting_as"] == "bob@lower.example"
    await office.boss.do("role.edit", role_id=role["id"], permissions=["users.read", "accounts.read"])
    assert (await acting.ask("me.show")).status == 401
    assert (await cyd.ask("me.show")).status == 200
    await office.boss.do("role.edit", role_id=role["id"], permissions=both)
    acting = await act()
    await office.boss.do("account.move", account_id=lower, parent_id=other)
    assert (await acting.ask("me.show")).status == 401
    assert (await bob.ask("me.show")).status == 200


async def test_what_is_over_is_forgotten(office: Office) -> None:
    """Answers after a month, sessions and links after their end; what still holds stays."""
    reseller = await office.account(office.boss, 1, "r", "reseller")
    owner = [office.roles["owner"]]
    await office.boss.do("user.invite", account_id=reseller, email="a@b.example", name="A", role_ids=owner)
    await office.boss.do("payment.make", key="k", account_id=reseller, amount="1", reason="x")
    await office.nobody.ask("session.open", email="nobody@x.example", password="a wrong password")
    assert await forget(office.engine, "local", office.now_ms) == 0
    later = office.now_ms + 31 * 24 * 3_600_000
    assert await forget(office.engine, "local", later) == 4  # the answer, the session, the link, the failure
    assert (await office.boss.ask("me.show")).status == 401
    assert await forget(office.engine, "local", later) == 0
