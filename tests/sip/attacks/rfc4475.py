"""The 49 torture messages of RFC 4475, by its names, each with the peculiarity that it is about.

They are dialled so that a call would come of them: what refuses one is its peculiarity, not a number that is none.
`passes` is about calls: a valid message whose extensions we have no part in goes on; an invalid one never does.
"""

from __future__ import annotations

from tests.sip.attacks.cases import HERE, NUMBER, ONCE, SDP, SILENCE, Case, reply, request

GOES_ON = frozenset({486})
"""What the gateway of these tests says to every call."""
UNREADABLE = frozenset({SILENCE})
"""Kamailio can't read what an answer is made of, so that there is none."""
BAD = frozenset({400})
NOTHING = frozenset({SILENCE})
OK = frozenset({200})
NOT_ALLOWED = frozenset({405})
FORBIDDEN = frozenset({403})

WSINV = (
    f"INVITE sip:{NUMBER}@example.com;unknownparam SIP/2.0\r\n"
    f"TO :\r\n sip:{NUMBER}@example.com\r\n"
    'from   : "J Rosenberg \\\\\\"" <sip:jdrosen@example.com>\r\n  ;\r\n'
    f"  tag = f{ONCE}\r\n"
    f"MaX-fOrWaRdS: 0068\r\nCall-ID: {ONCE}@wsinv\r\nContent-Length   : {len(SDP)}\r\n"
    "cseq: 0009\r\n  INVITE\r\n"
    f"Via  : SIP  /   2.0\r\n /UDP\r\n    127.0.0.2:{HERE};branch=z9hG4bK{ONCE}\r\n"
    "s :\r\nNewFangledHeader:   newfangled value\r\n continued newfangled value\r\n"
    "UnknownHeaderWithUnusualValue: ;;,,;;,;\r\nContent-Type: application/sdp\r\n"
    "v:  SIP  / 2.0  / TCP     spindle.example.com   ;\r\n  branch  =   z9hG4bK9ikj8  ,\r\n"
    " SIP  /    2.0   / UDP  192.168.255.111   ; branch=\r\n z9hG4bK30239\r\n"
    'm:"Quoted string \\"\\"" <sip:jd@example.com> ; newparam =\r\n      newvalue ;\r\n  secondparam ; q = 0.33\r\n'
    f"\r\n{SDP}"
).encode()

INTMETH = request(
    "!interesting-Method0123456789_*+`.%indeed'~",
    "sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,weird!*pas$wo~d_too.(doesn't-it)@example.com",
    body="",
    To=r""""BEL:\\\\x07 NUL:\\\\x00 DEL:\\\\x7F" <sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*@example.com>""",
    From=f"token1~` token2'+_ token3*%!.- <sip:mundane@example.com>;fromParam''~+*_!.-%=\"работающий\";tag={ONCE}",
    extra="extensionHeader-!.%*+_`'~:\ufeff大停電\r\n",
)

LONG = "longvalue" * 20
LONGREQ = request(
    To=f'"I have a user name of extreme proportion{"x" * 200}" <sip:{NUMBER}@example.com:6000;'
    f"unknownparam1=very{LONG};longparam{'name' * 25}=shortvalue>",
    From=f"sip:caller@example.net;tag=12{'9' * 100}{ONCE};unknownheaderparam{'name' * 15}=unknowheaderparam{LONG};"
    f"unknownValuelessparam{LONG}",
    extra=f"Unknown-{'Long' * 40}-Name: unknown-{LONG}-value\r\n"
    + "".join(f"Via: SIP/2.0/UDP sip{at}.example.com\r\n" for at in range(33, 0, -1)),
    Contact=f"<sip:{'amazinglylongcallername' * 8}@127.0.0.2:{HERE}>",
)

MULTIPART = "--7a9cbec02ceef655\r\nContent-Type: text/plain\r\n\r\nHi\0\x80\r\n--7a9cbec02ceef655--\r\n"

VALID = [
    Case("wsinv", WSINV, UNREADABLE),  # a folded CSeq is beyond Kamailio 5.6
    Case("intmeth", INTMETH, UNREADABLE),
    Case("esc01", request(uri="sip:sips%3Auser%40example.com@example.net", To="<sip:%75se%72@example.com>"), BAD),
    Case(
        "escnull",
        request("REGISTER", "sip:example.com", body="", To="sip:null-%00-null@example.com",
                extra="Contact: <sip:%00@host5.example.com>\r\nContact: <sip:%00%00@host5.example.com>\r\n"),
        NOT_ALLOWED,
    ),
    Case("esc02", request("RE%47IST%45R", f"sip:{NUMBER}@example.com", body="", To='"%Z%45" <sip:r@example.com>'),
         NOT_ALLOWED),
    Case("lwsdisp", request("OPTIONS", body="", From=f"caller<sip:caller@example.com>;tag={ONCE}"), OK),
    Case("longreq", LONGREQ, GOES_ON, passes=True),
    Case("dblreq", request("REGISTER", "sip:example.com", body="INVITE sip:joe@example.com SIP/2.0\r\n\r\n",
                           Content_Length="0"), BAD),  # what follows is no part of it
    Case("semiuri", request("OPTIONS", "sip:user;par=u%40example.net@example.com", body=""), OK),
    Case(
        "transports",
        request("OPTIONS", body="", extra="".join(
            f"Via: SIP/2.0/{one} t{at}.example.com;branch=z9hG4bK{at}\r\n"
            for at, one in enumerate(("SCTP", "TLS", "UNKNOWN", "TCP")))),
        OK,
    ),
    Case("mpart01", request("MESSAGE", body=MULTIPART, Content_Type="multipart/mixed;boundary=7a9cbec02ceef655"),
         NOT_ALLOWED),
    Case("unreason", reply("SIP/2.0 200 = 2**3 * 5**2 но сто девяносто девять - простое"), NOTHING),
    Case("noreason", reply("SIP/2.0 100 "), NOTHING),
]  # fmt: skip

INVALID = [
    Case("badinv01", request(To='"Mr. J. User <sip:j.user@example.com>;;,;,;', Contact='"" <sip:a@127.0.0.2>;;,;;',
                             From=f"sip:caller@example.net;;,;;tag={ONCE}"), UNREADABLE),
    Case("clerr", request(Content_Length="9999")),
    Case("ncl", request(Content_Length="-999"), UNREADABLE),
    Case("scalar02", request("REGISTER", "sip:example.com", body="", CSeq="36893488147419103232 REGISTER",
                             Max_Forwards="300", Expires="10000000000000000000000000000000000000")),
    Case("scalarlg", reply("SIP/2.0 503 Service Unavailable", CSeq="9292394834772304023312 INVITE",
                           extra="Retry-After: 949302838503028349304023988\r\n"), NOTHING),
    Case("quotbal", request(To=f'"Mr. J. User <sip:{NUMBER}@example.com>'), UNREADABLE),
    Case("ltgtruri", request(uri=f"<sip:{NUMBER}@example.com>")),
    Case("lwsruri", request(uri=f"sip:{NUMBER}@example.com; lr"), UNREADABLE),
    Case("lwsstart", request(first=f"INVITE  sip:{NUMBER}@example.com  SIP/2.0"), UNREADABLE),
    Case("trws", request(first=f"INVITE sip:{NUMBER}@example.com SIP/2.0  ")),
    Case("escruri", request(uri=f"sip:{NUMBER}@example.com?Route=%3Csip:example.com%3E")),
    Case("baddate", request(Date="Fri, 01 Jan 2010 16:00:00 EST")),
    Case("regbadct", request("REGISTER", "sip:example.com", body="",
                             Contact="sip:user@example.com?Route=%3Csip:sip.example.com%3E"), NOT_ALLOWED),
    Case("badaspec", request("OPTIONS", "sip:user@example.org", body="", To='"Watson" < sip:t.watson@example.org >'),
         frozenset({200, 400})),
    Case("baddn", request("OPTIONS", body="", From=f"Bell, Alexander <sip:a.g.bell@example.com>;tag={ONCE}"), OK),
    Case("badvers", request("OPTIONS", first="OPTIONS sip:t.watson@example.org SIP/7.0", body=""),
         frozenset({505, SILENCE})),
    Case("mismatch01", request("OPTIONS", body="", CSeq="8 INVITE")),
    Case("mismatch02", request("NEWMETHOD", body="", CSeq="8 INVITE")),
    Case("bigcode", reply("SIP/2.0 4294967301 better not break the receiver"), NOTHING),
]  # fmt: skip

OTHERS = [
    Case("badbranch", request("OPTIONS", body="", Via=f"SIP/2.0/UDP 127.0.0.2:{HERE};branch=z9hG4bK"), OK),
    Case("insuf", request(Call_ID=None, From=None, To=None), UNREADABLE),
    Case("unkscm", request("OPTIONS", "nobodyKnowsThisScheme:totallyopaquecontent", body=""), frozenset({400, 416})),
    Case("novelsc", request("OPTIONS", "soap.beep://192.0.2.103:3002", body=""), frozenset({400, 416})),
    Case("unksm2", request("REGISTER", "sip:example.com", body="", To="isbn:2983792873",
                           From=f"<http://www.example.com>;tag={ONCE}", Contact="<name:John_Smith>"),
         frozenset({400, 405, 416})),
    Case("bext01", request("OPTIONS", body="", Require="nothingSupportsThis, nothingSupportsThisEither",
                           Proxy_Require="noProxiesSupportThis, norDoAnyProxiesSupportThis"), frozenset({420})),
    Case("invut", request(Content_Type="application/unknownformat", body="audio, video\r\n"), GOES_ON, passes=True),
    Case("regaut01", request("REGISTER", "sip:example.com", body="", Authorization="NoOneKnowsThisScheme opaque=here"),
         NOT_ALLOWED),
    Case("multi01", request(extra="CSeq: 8 INVITE\r\nCall-ID: second@multi01\r\nMax-Forwards: 5\r\n"
                                  "From: <sip:a@example.net>;tag=2\r\nTo: <sip:b@example.com>\r\n"), UNREADABLE),
    Case("mcl01", request("OPTIONS", body="", extra="Content-Length: 5\r\n"), UNREADABLE),
    Case("bcast", reply("SIP/2.0 200 OK", Via=f"SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bK{ONCE}, "
                        "SIP/2.0/UDP 255.255.255.255;branch=z9hG4bK1saber23"), NOTHING),
    Case("zeromf", request("OPTIONS", body="", Max_Forwards="0"), frozenset({483, 200})),
    Case("cparam01", request("REGISTER", "sip:example.com", body="", Contact="sip:+19725552222@g.example.com;unknown"),
         NOT_ALLOWED),
    Case("cparam02", request("REGISTER", "sip:example.com", body="",
                             Contact="<sip:+19725552222@g.example.com;unknown>"), NOT_ALLOWED),
    Case("regescrt", request("REGISTER", "sip:example.com", body="",
                             Contact="<sip:user@example.com?Route=%3Csip:sip.example.com%3E>"), NOT_ALLOWED),
    Case("sdp01", request(Accept="text/nobodyKnowsThis"), GOES_ON, passes=True),
    Case("inv2543", request(first=f"INVITE sip:{NUMBER}@example.com SIP/2.0", Via=f"SIP/2.0/UDP 127.0.0.2:{HERE}",
                            From="sip:caller@example.net", Max_Forwards=None)),
]  # fmt: skip

MESSAGES = [*VALID, *INVALID, *OTHERS]
