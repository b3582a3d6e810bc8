"""The second factor: codes of an authenticator (TOTP, RFC 6238), and recovery codes for when it is lost."""

from __future__ import annotations

import secrets

import pyotp

from service.access.keys import hash_of

STEP_S = 30
RECOVERY_CODES = 10
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"


def new_secret() -> str:
    """Base32, 160 bits."""
    return pyotp.random_base32()


def provisioning_uri(secret: str, email: str, issuer: str) -> str:
    """What an authenticator reads from a QR code."""
    return pyotp.TOTP(secret).provisioning_uri(name=email, issuer_name=issuer)


def matching_step(secret: str, code: str, now_ms: int, last_step: int) -> int | None:
    """The step whose code this is, one before and after allowed for; None: none, or one that was taken already."""
    now = now_ms // 1000 // STEP_S
    totp, said = pyotp.TOTP(secret), code.encode("utf-8", "replace")
    for step in (now, now - 1, now + 1):
        if step > last_step and secrets.compare_digest(totp.at(step * STEP_S).encode(), said):
            return step
    return None


def new_recovery_codes() -> list[str]:
    """Each opens once: xxxxx-xxxxx, 49 bits."""
    return [
        "-".join("".join(secrets.choice(_ALPHABET) for _ in range(5)) for _ in range(2)) for _ in range(RECOVERY_CODES)
    ]


def hash_of_code(code: str) -> str:
    """What is kept of a recovery code, however it is typed."""
    return hash_of(code.lower().replace(" ", "").strip())
