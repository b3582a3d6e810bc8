"""The media of the call at hand, through rtpengine, which Kamailio has if `WITH_RTPENGINE` is set."""

from __future__ import annotations

import KSR

from kemi.sip.message import body_text, offer, set_sdp


def has_media() -> bool:
    """Whether media goes through rtpengine, which may take 400 ms to be silent."""
    return hasattr(KSR, "rtpengine")


WAYS = "replace-origin replace-session-connection"
"""What rtpengine is to do with an SDP."""


def relay_media(*, offers: bool = False) -> str:
    """Puts rtpengine's address into the SDP of the message at hand, where there is one. What the SDP is then; empty:
    it stays. So it does if rtpengine doesn't answer within its 200 ms: the ends then talk to each other.

    `offers`: it is of a reply whose INVITE had none (RFC 3264). Where its transaction is at hand Kamailio knows that.
    """
    sdp = _media_sdp(offers=offers) if has_media() else ""
    if sdp:
        set_sdp(sdp)
    return sdp


def keep_media() -> bool:
    """The same of an INVITE that may go to several gateways: `kept_offer` has the SDP, in each of its branches. True:
    it has none, so that its answer makes the offer.
    """
    if not has_media():
        return False
    KSR.pv.sets("$avp(offer)", _media_sdp())
    return not offer()


def kept_offer() -> str:
    """What `keep_media` came to; empty: the SDP stays as it is."""
    return body_text("avp(offer)") if has_media() else ""


def _media_sdp(*, offers: bool = False) -> str:
    """What rtpengine makes of the SDP; empty: nothing."""
    KSR.pv.sets("$var(sdp)", "")  # a process keeps it from message to message
    if offers:
        KSR.rtpengine.rtpengine_offer(WAYS)
    else:
        KSR.rtpengine.rtpengine_manage(WAYS)
    return body_text("var(sdp)")


def end_media() -> None:
    """The call of the message at hand needs rtpengine no longer."""
    if has_media():
        KSR.rtpengine.rtpengine_delete0()
