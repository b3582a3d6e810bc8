"""Passwords: what one must be, its hash, and whether one fits. Hashing takes 30 ms and goes to a thread."""

from __future__ import annotations

import asyncio
import functools

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

CHARACTERS_MIN = 10
CHARACTERS_MAX = 200
HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
"""OWASP's profile for argon2id: 19 MiB, two passes."""
_COMMON = frozenset(
    """password passw0rd password1 password12 password123 password1234 1234567890 12345678901 123456789012 qwertyuiop
    qwerty1234 qwerty12345 iloveyou12 administrator letmein123 welcome123 changeme123 kamailio123 kambill123
    0123456789 0987654321 1q2w3e4r5t 1qaz2wsx3edc abcdefghij abcdefghijkl abcd123456""".split()  # noqa: SIM905
)


def password_problem(password: str, email: str) -> str | None:
    """What is wrong with a new password; None: nothing."""
    if not CHARACTERS_MIN <= len(password) <= CHARACTERS_MAX:
        return f"a password has {CHARACTERS_MIN} to {CHARACTERS_MAX} characters"
    lowered = password.lower()
    local = email.partition("@")[0].lower()
    if lowered in _COMMON or len(set(lowered)) < 4 or (len(local) > 3 and local in lowered):
        return "this password is easily guessed: take another one, best a sentence"
    return None


async def hash_password(password: str) -> str:
    """argon2id."""
    return await asyncio.to_thread(HASHER.hash, password)


async def fits(password: str, kept: str | None) -> bool:
    """Whether a password is the one that was hashed. None: nobody's, which takes as long as a wrong one."""
    return await asyncio.to_thread(_verify, password[: CHARACTERS_MAX + 1], kept or _nobodys())


def _verify(password: str, kept: str) -> bool:
    try:
        return HASHER.verify(kept, password)
    except (VerifyMismatchError, InvalidHashError):
        return False


@functools.cache
def _nobodys() -> str:
    return HASHER.hash("nobody has this password, since it is longer than" + CHARACTERS_MAX * "!")
