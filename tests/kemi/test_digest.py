"""The digest: RFC 7616's own example, headers as people write them, nonces that nobody else can use."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kemi.clock import Now
from kemi.digest import NONCE_S, Credentials, challenge, is_right, new_nonce, own_nonce, parse, response

SECRET, NOW = b"s" * 32, Now(5_000_000, 1_700_000_000_000)
MUFASA = (
    'Digest username="Mufasa", realm="http-auth@example.org", uri="/dir/index.html", algorithm={algorithm}, '
    'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", nc=00000001, '
    'cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", qop=auth, response="{response}", '
    'opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
)
RESPONSES = {
    "MD5": "8ca523f5e9506fed4657c9700eebdbec",
    "SHA-256": "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
}


def ha1(algorithm: str, password: str = "Circle of Life") -> str:
    """Of the RFC's user."""
    name = {"MD5": "md5", "SHA-256": "sha256"}[algorithm]
    return hashlib.new(name, f"Mufasa:http-auth@example.org:{password}".encode()).hexdigest()


@pytest.mark.parametrize("algorithm", RESPONSES)
def test_the_example_of_rfc_7616(algorithm: str) -> None:
    """Section 3.9.1, with both algorithms."""
    credentials = parse(MUFASA.format(algorithm=algorithm, response=RESPONSES[algorithm]))
    assert credentials is not None
    assert response(algorithm, ha1(algorithm), "GET", credentials) == RESPONSES[algorithm]
    assert is_right(algorithm, ha1(algorithm), "GET", credentials)


@pytest.mark.parametrize("algorithm", RESPONSES)
def test_another_password_method_or_response_is_wrong(algorithm: str) -> None:
    """Each alone."""
    credentials = parse(MUFASA.format(algorithm=algorithm, response=RESPONSES[algorithm]))
    assert credentials is not None
    assert not is_right(algorithm, ha1(algorithm, "circle of life"), "GET", credentials)
    assert not is_right(algorithm, ha1(algorithm), "POST", credentials)
    assert not is_right(algorithm, ha1(algorithm), "GET", credentials._replace(response="\u00e4"))


PLAIN = 'username="a", realm="r", nonce="n", uri="u", response="x", cnonce="c", qop=auth, nc=1'


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Basic YTpi",
        "Digest",
        f"Digest {PLAIN}, realm=again",
        f"Digest {PLAIN.replace('nc=1', '')}",
        f'Digest {PLAIN}, opaque="open',
        f"Digest {PLAIN}, =x",
        f"Digest {PLAIN} junk",
        "Digest " + PLAIN.replace('"a"', '"a\x00"'),
        "Digest " + PLAIN.replace('"a"', '""'),
        "Digest " + PLAIN.replace('"a"', f'"{"a" * 3000}"'),
    ],
)
def test_what_is_no_digest(text: str) -> None:
    """Other schemes, parameters twice, missing, unended, empty or not printable, and too much of it."""
    assert parse(text) is None


def test_parameters_in_any_order_quoted_or_not() -> None:
    """Names in any case; a quoted pair is its character; no algorithm is MD5."""
    assert parse(
        'digest NC=1 ,qop="auth",cnonce=c, response=x, uri="sip:a,b", nonce=n,realm="r" , username="a\\"b"'
    ) == (Credentials('a"b', "r", "n", "sip:a,b", "x", "c", "auth", "1", "MD5"))


@given(st.text(max_size=200))
def test_no_text_breaks_the_parser(text: str) -> None:
    """It says what it is, or None."""
    for one in (text, f"Digest {text}", f"Digest {PLAIN}, {text}"):
        found = parse(one)
        assert found is None or found.username


def test_a_challenge_says_what_is_asked() -> None:
    """RFC 7616 3.3."""
    assert challenge("r", "n", "SHA-256", stale=False) == 'Digest realm="r", nonce="n", qop="auth", algorithm=SHA-256'
    assert challenge("r", "n", "MD5", stale=True).endswith(", algorithm=MD5, stale=true")


def test_a_nonce_is_known_by_its_address_and_age() -> None:
    """It holds its own time; another address, secret or letter makes it none of ours."""
    text = new_nonce(SECRET, "192.0.2.7", b"12345678", NOW)
    found = own_nonce(SECRET, "192.0.2.7", text)
    assert found is not None
    assert found.until_ms == NOW.boot_ms + NONCE_S * 1000
    assert own_nonce(SECRET, "192.0.2.8", text) is None
    assert own_nonce(b"t" * 32, "192.0.2.7", text) is None
    assert new_nonce(SECRET, "192.0.2.7", b"12345679", NOW) != text


@given(st.text(max_size=80) | st.text(alphabet="0123456789abcdefA ", min_size=64, max_size=64))
def test_no_text_is_a_nonce_of_ours(text: str) -> None:
    """Whoever has no secret makes none."""
    assert own_nonce(SECRET, "192.0.2.7", text) is None
