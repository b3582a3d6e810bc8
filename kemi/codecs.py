"""Codecs of an offer (SDP, RFC 8866): whether a gateway takes one of them, and the offer with those alone. Pure.

Kamailio's sdpops can take codecs out, but not put them into another order. Media other than audio stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

STATIC = {
    "0": "PCMU", "3": "GSM", "4": "G723", "5": "DVI4", "6": "DVI4", "7": "LPC", "8": "PCMA", "9": "G722",
    "10": "L16", "11": "L16", "12": "QCELP", "13": "CN", "14": "MPA", "15": "G728", "16": "DVI4", "17": "DVI4",
    "18": "G729",
}  # fmt: skip
"""RFC 3551, table 4: what a number means that no rtpmap names."""
ALWAYS = "TELEPHONE-EVENT"
"""RFC 4733: keys that are pressed, whatever speech is coded in."""

_AUDIO = re.compile(r"m=audio ([0-9]+)((?:/[0-9]+)? \S*RTP/\S+) ([0-9 ]+)", re.ASCII)
_RTPMAP = re.compile(r"a=rtpmap:([0-9]+) +([^/\s]+)", re.ASCII)
_ABOUT = re.compile(r"a=(?:rtpmap|fmtp|rtcp-fb):([0-9]+)[ \t]", re.ASCII)


class _Audio(NamedTuple):
    """One audio stream."""

    port: str
    profile: str
    """What stands between port and payloads."""
    payloads: list[str]
    names: dict[str, str]
    """Of the codecs, in capitals, by payload."""
    lines: list[str]
    """After the first one."""


def fits(wanted: Sequence[str], sdp: str) -> bool:
    """Whether an offer has one of the codecs in some stream; also one that offers no audio, or nothing yet.

    `wanted`: names in capitals.
    """
    streams = [audio for part in _parts(sdp) if (audio := _audio(part)) is not None and audio.port != "0"]
    return not streams or any(name in wanted for audio in streams for name in audio.names.values())


def limited(wanted: Sequence[str], sdp: str) -> str:
    """The offer with these codecs, in this order, and telephone-event. A stream that has none of them is switched off
    (port 0, RFC 3264 8.2).
    """
    end = "\r\n" if "\r\n" in sdp else "\n"
    found = []
    for part in _parts(sdp):
        audio = _audio(part)
        found += part if audio is None else _limited(wanted, audio)
    return end.join([*found, ""])


def _parts(sdp: str) -> list[list[str]]:
    """The lines of the session, then of each stream."""
    parts: list[list[str]] = [[]]
    for line in sdp.splitlines():
        if line.startswith("m="):
            parts.append([])
        parts[-1].append(line)
    return parts


def _audio(part: list[str]) -> _Audio | None:
    """None: it is the session, or no audio by RTP."""
    match = _AUDIO.fullmatch(part[0].rstrip()) if part else None
    if match is None:
        return None
    port, profile, payloads = match.groups()
    named = {found[1]: found[2] for line in part if (found := _RTPMAP.match(line)) is not None}
    listed = payloads.split()
    names = {one: (named.get(one) or STATIC.get(one, "")).upper() for one in listed}
    return _Audio(port, profile, listed, names, part[1:])


def _limited(wanted: Sequence[str], audio: _Audio) -> list[str]:
    rank = {name: at for at, name in enumerate(wanted)} | {ALWAYS: len(wanted)}
    kept = sorted([one for one in audio.payloads if audio.names[one] in rank], key=lambda one: rank[audio.names[one]])
    if all(audio.names[one] == ALWAYS for one in kept):
        return [f"m=audio 0{audio.profile} {' '.join(audio.payloads)}", *audio.lines]
    about = [(line, _ABOUT.match(line)) for line in audio.lines]
    lines = [line for line, match in about if match is None or match[1] in kept]
    return [f"m=audio {audio.port}{audio.profile} {' '.join(kept)}", *lines]
