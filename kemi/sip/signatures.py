"""Who calls, signed (STIR/SHAKEN)."""

from __future__ import annotations

import KSR

from kemi.passport import Passport


def has_signer() -> bool:
    """Whether Kamailio can sign and check (`WITH_STIR_SHAKEN`)."""
    return hasattr(KSR, "secsipid")


def check_identity(identity: str, path: str) -> int:
    """Above 0: an Identity header is signed by the key of the certificate in a file, which counts. Else why not."""
    return int(KSR.secsipid.secsipid_check(identity, path))


def build_identity(passport: Passport, url: str, key_path: str) -> tuple[int, str]:
    """The Identity header of a PASSporT of this second; empty, with the reason before it: it can't be signed."""
    attestation, caller, called, origin_id = passport
    code = int(KSR.secsipid.secsipid_build_identity(caller, called, attestation, origin_id, url, key_path))
    return code, str(KSR.secsipid.secsipid_get_val() or "") if code > 0 else ""
