"""The IPv6 torture messages of RFC 5118 (sections 4.1 to 4.10), as calls from the trunk."""

from __future__ import annotations

from tests.sip.attacks.cases import HERE, NUMBER, ONCE, Case, request

GOES_ON = frozenset({486})
OURS = f"SIP/2.0/UDP 127.0.0.2:{HERE};branch=z9hG4bK{ONCE}"
V6 = f"<sip:caller@[2001:db8::9:1]:{HERE}>"


def _invite(uri: str = f"sip:{NUMBER}@[2001:db8::10]", **headers: str | None) -> bytes:
    """Of a caller who says of himself that he is at an IPv6 address."""
    return request(uri=uri, **({"Contact": V6} | headers))


V6_SDP = (
    "v=0\r\no=a 1 1 IN IP6 2001:db8::20\r\ns=-\r\nc=IN IP6 2001:db8::20\r\nt=0 0\r\nm=audio 42000 RTP/AVP 0\r\n"
    "c=IN IP4 192.0.2.1\r\nm=video 6002 RTP/AVP 31\r\n"
)

MESSAGES = [
    Case("4.1 reference", _invite(), GOES_ON, passes=True),
    Case("4.2 no brackets", _invite("sip:2001:db8::10"), frozenset({0, 400})),
    Case("4.3 port in brackets", _invite(f"sip:{NUMBER}@[2001:db8::10:5070]"), GOES_ON, passes=True),
    Case("4.4 port behind", _invite(f"sip:{NUMBER}@[2001:db8::10]:5070"), GOES_ON, passes=True),
    Case("4.5 received, bare",
         _invite(Via=f"{OURS}, SIP/2.0/UDP [2001:db8::9:1];received=2001:db8::9:255;branch=z9hG4bKas3"),
         frozenset({0, 400, 486}), passes=True),
    Case("4.5 received, in brackets",
         _invite(Via=f"{OURS}, SIP/2.0/UDP [2001:db8::9:1];received=[2001:db8::9:255];branch=z9hG4bKas3"),
         GOES_ON, passes=True),
    Case("4.6 addresses in SDP", request(body=V6_SDP, Contact=V6), GOES_ON, passes=True),
    Case("4.7 several addresses", _invite(Via=f"{OURS}, SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKdf"), GOES_ON, passes=True),
    Case("4.8 both families in SDP", request(body=V6_SDP.replace("IP6", "IP4", 1), Contact=V6), GOES_ON, passes=True),
    Case("4.9 mapped IPv4", _invite(Contact=f"<sip:caller@[::ffff:192.0.2.10]:{HERE}>"), GOES_ON, passes=True),
    Case("4.9 mapped IPv4 in SDP", request(body=V6_SDP.replace("2001:db8::20", "::ffff:192.0.2.2"), Contact=V6),
         GOES_ON, passes=True),
    Case("4.10 three colons", _invite("sip:" + NUMBER + "@[2001:db8:::192.0.2.1]"), GOES_ON, passes=True),
]  # fmt: skip
