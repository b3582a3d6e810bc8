"""Answers to challenges, beside the norms' own examples."""

from __future__ import annotations

from hashlib import md5, sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kemi.proofs import Asking, Credentials, parse, respond

MUFASA = Credentials(
    "Mufasa",
    "http-auth@example.org",
    md5(b"Mufasa:http-auth@example.org:Circle of Life").hexdigest(),
    sha256(b"Mufasa:http-auth@example.org:Circle of Life").hexdigest(),
)
GET = Asking("GET", "/dir/index.html", "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ")
NONCE = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"
OPAQUE = "FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"
COMMON = f'realm="http-auth@example.org", qop="auth, auth-int", nonce="{NONCE}", opaque="{OPAQUE}"'


@pytest.mark.parametrize(
    ("algorithm", "response"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_the_example_of_rfc_7616(algorithm: str, response: str) -> None:
    """Section 3.9.1, both algorithms; what the server sent comes back."""
    answer = respond([f"Digest {COMMON}, algorithm={algorithm}"], MUFASA, GET)
    assert answer is not None
    found = parse(answer)
    assert found is not None
    assert found["response"] == response
    assert (found["algorithm"], found["qop"], found["nc"]) == (algorithm, "auth", "00000001")
    assert (found["nonce"], found["opaque"][:4], found["uri"]) == (NONCE, "FQhe", "/dir/index.html")


def test_without_a_quality_of_protection() -> None:
    """As RFC 2069 has it: neither cnonce nor count."""
    answer = respond(['Digest realm="http-auth@example.org",nonce=abc'], MUFASA, GET)
    assert answer is not None
    ha2 = md5(b"GET:/dir/index.html").hexdigest()
    assert f'response="{md5(f"{MUFASA.ha1_md5}:abc:{ha2}".encode()).hexdigest()}"' in answer
    assert "cnonce" not in answer


def test_the_first_that_can_be_answered() -> None:
    """An unknown algorithm is passed over, and one for which nothing is stored."""
    challenges = [f"Digest {COMMON}, algorithm={one}" for one in ("SHA-512-256", "SHA-256", "MD5")]
    answer = respond(challenges, MUFASA._replace(ha1_sha256=""), GET)
    assert answer is not None
    assert "algorithm=MD5" in answer


@pytest.mark.parametrize(
    "challenge",
    [
        "",
        "Basic realm=x",
        'Digest realm="other", nonce="a"',
        'Digest realm="http-auth@example.org"',
        'Digest realm="http-auth@example.org", nonce="a", qop="auth-int"',
        'Digest realm="http-auth@example.org", nonce="a", nonce="b"',
        'Digest realm="http-auth@example.org", nonce="a\\"b"',
        'Digest realm="http-auth@example.org", nonce="a\r\nX: y"',
        'Digest realm="http-auth@example.org", nonce="a" garbage',
        'Digest realm="http-auth@example.org", nonce="' + "a" * 3_000 + '"',
    ],
)
def test_what_can_not_be_answered(challenge: str) -> None:
    """No digest, another realm, what would break out of its header."""
    assert respond([challenge], MUFASA, GET) is None


@given(st.text(max_size=300))
def test_no_challenge_breaks_a_header(text: str) -> None:
    """Whatever a carrier sends, the answer is one line."""
    for challenge in (text, f"Digest {text}", f'Digest realm="http-auth@example.org", nonce="{text}"'):
        answer = respond([challenge], MUFASA, GET)
        assert answer is None or (answer.isprintable() and "\r" not in answer)
