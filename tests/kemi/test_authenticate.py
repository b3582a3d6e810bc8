"""Who a device is: nonces good for once, failures that lock one place, and nothing that tells who exists."""

from __future__ import annotations

import hashlib

import pytest

from kemi import authenticate
from kemi.authenticate import FAILURES_MAX, LOCK_MS, Busy, Challenge, Locked, Presented, look, prove
from kemi.digest import NONCE_S, new_nonce, parse, response
from kemi.meter import tick
from kemi.store.devices import Device
from tests.kemi.world import CUSTOMER, FakeDialogs, World

IP = "192.0.2.7"


@pytest.fixture
def home(world: World) -> World:
    """With a device d7 of the customer's."""
    world.device(7, CUSTOMER)
    return world


def nonce(world: World, ip: str = IP, salt: bytes = b"salt") -> str:
    """A challenge's."""
    with world.rooms.store.read() as txn:
        return new_nonce(world.rooms.store.configuration(txn).secret(txn), ip, salt, world.now)


def header(of: str, user: str = "d7", password: str = "secret", **other: str) -> str:
    """Credentials for a REGISTER, right unless something else is said."""
    values = {"username": user, "realm": "kambill", "nonce": of, "uri": "sip:kambill", "cnonce": "c", "qop": "auth"}
    values |= {"nc": "00000001", "algorithm": "MD5"} | other
    text = "Digest " + ", ".join(f'{name}="{value}"' for name, value in values.items())
    credentials = parse(f"{text}, response=x")
    assert credentials is not None
    return f"{text}, response={response('MD5', ha1(user, password), 'REGISTER', credentials)}"


def ha1(user: str, password: str) -> str:
    """By MD5."""
    return hashlib.md5(f"{user}:kambill:{password}".encode(), usedforsecurity=False).hexdigest()


def try_it(world: World, text: str, ip: str = IP) -> Device | Challenge | Locked | Busy:
    """Both steps."""
    found = look(world.rooms, [text], ip, world.now)
    return prove(world.rooms, found, "REGISTER", world.now) if isinstance(found, Presented) else found


def test_the_password_proves_the_device(home: World) -> None:
    """And only with its own name."""
    found = try_it(home, header(nonce(home)))
    assert isinstance(found, Device)
    assert (found.id, found.account) == (7, CUSTOMER)


def test_a_nonce_is_used_once(home: World) -> None:
    """The same header again is stale; a new nonce is good."""
    text = header(nonce(home))
    assert isinstance(try_it(home, text), Device)
    assert try_it(home, text) == Challenge(stale=True)
    assert isinstance(try_it(home, header(nonce(home, salt=b"other"))), Device)


def test_two_at_once_with_one_nonce(home: World) -> None:
    """Both have looked before either proves: one gets in."""
    text = header(nonce(home))
    both = [look(home.rooms, [text], IP, home.now) for _ in range(2)]
    proved = [prove(home.rooms, one, "REGISTER", home.now) for one in both if isinstance(one, Presented)]
    assert [type(one) for one in proved] == [Device, Challenge]


def test_an_old_nonce_is_stale_only_to_who_knows_the_password(home: World) -> None:
    """Sixty seconds; a wrong password with it is a failure like any other."""
    old = nonce(home)
    home.wait(NONCE_S - 0.001)
    assert isinstance(try_it(home, header(old)), Device)
    home.wait(0.001)
    assert try_it(home, header(old)) == Challenge(stale=True)
    for _ in range(FAILURES_MAX):
        assert try_it(home, header(old, password="guess")) == Challenge(stale=False)
    assert try_it(home, header(old)) == Locked()


@pytest.mark.parametrize(
    "other", [{"realm": "x"}, {"algorithm": "SHA-256"}, {"algorithm": "MD5-sess"}, {"qop": "auth-int"}, {"nonce": "n"}]
)
def test_what_is_not_ours_is_a_challenge_and_no_failure(home: World, other: dict[str, str]) -> None:
    """Nobody is locked out by what somebody else could send."""
    for _ in range(FAILURES_MAX + 1):
        assert try_it(home, header(nonce(home), **other)) == Challenge()
    assert isinstance(try_it(home, header(nonce(home))), Device)


def test_a_nonce_count_beyond_one_is_stale(home: World) -> None:
    """Each is good for one request."""
    assert try_it(home, header(nonce(home), nc="00000002")) == Challenge(stale=True)


@pytest.mark.parametrize("user", ["d7", "nobody"])
def test_failures_lock_whether_or_not_the_name_exists(home: World, user: str) -> None:
    """The same answers in the same order; five minutes later it is open again."""
    guesses = [try_it(home, header(nonce(home), user, "guess")) for _ in range(FAILURES_MAX + 1)]
    assert guesses == [Challenge()] * FAILURES_MAX + [Locked()]
    assert isinstance(try_it(home, header(nonce(home, "192.0.2.8")), "192.0.2.8"), Device)
    home.wait(LOCK_MS / 1000)
    assert not isinstance(try_it(home, header(nonce(home), user)), Locked)


def test_an_ipv6_site_guesses_as_one_address(home: World) -> None:
    """Whoever has a /64 has an address for each guess; the next /64 is somebody else's."""
    ips = [f"2001:db8:0:0:0:0:0:{number:x}" for number in range(1, FAILURES_MAX + 2)]
    guesses = [try_it(home, header(nonce(home, ip), password="guess"), ip) for ip in ips]
    assert guesses == [Challenge()] * FAILURES_MAX + [Locked()]
    other = "2001:db8:0:1:0:0:0:1"
    assert isinstance(try_it(home, header(nonce(home, other)), other), Device)


def test_a_password_that_a_device_has_not_proves_nothing(home: World) -> None:
    """An empty hash is one that everybody knows."""
    home.device(7, CUSTOMER, ha1_md5="")
    text = header(nonce(home))
    credentials = parse(text)
    assert credentials is not None
    forged = text.replace(credentials.response, response("MD5", "", "REGISTER", credentials))
    assert try_it(home, forged) == Challenge()


def test_success_forgets_failures(home: World) -> None:
    """Of the one name from the one address."""
    for _ in range(3):
        for _ in range(FAILURES_MAX - 1):
            try_it(home, header(nonce(home), password="guess"))
        assert isinstance(try_it(home, header(nonce(home, salt=b"%d" % home.now.boot_ms))), Device)
        home.wait(1)


def test_an_address_that_tries_many_names_is_locked(home: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """For all of them."""
    monkeypatch.setattr(authenticate, "ADDRESS_FAILURES_MAX", 10)
    for number in range(10):
        assert try_it(home, header(nonce(home), f"u{number}", "guess")) == Challenge()
    assert try_it(home, header(nonce(home))) == Locked()


def test_what_is_kept_is_bounded_and_goes(home: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """No more nonces than there is room for; no failures of further addresses; the meter forgets both."""
    monkeypatch.setattr(authenticate, "NONCES_MAX", 1)
    monkeypatch.setattr(authenticate, "FAILURES_KEPT_MAX", 2)
    assert isinstance(try_it(home, header(nonce(home))), Device)
    assert try_it(home, header(nonce(home, salt=b"next"))) == Busy()
    for last in range(5):
        ip = f"192.0.2.{100 + last}"
        try_it(home, header(nonce(home, ip), password="guess"), ip)
    store = home.rooms.store
    with store.read() as txn:
        assert (txn.stat(store.nonce)["entries"], txn.stat(store.failure)["entries"]) == (1, 2)
    home.wait(LOCK_MS / 1000 + 1)
    tick(home.rooms, FakeDialogs().seen(), home.now)
    with store.read() as txn:
        assert (txn.stat(store.nonce)["entries"], txn.stat(store.failure)["entries"]) == (0, 0)


def test_a_removed_device_is_unknown(home: World) -> None:
    """As if it had never been."""
    home.do("device_gone", id=7)
    assert try_it(home, header(nonce(home))) == Challenge()
    assert not authenticate.has_devices(home.rooms)
