"""The only room that knows KSR. Truth is bool, absence is None; Kamailio's 1, -1 and -255 end here.

Text that a peer controls is bytes to Kamailio and may not be UTF-8: `get` raises UnicodeDecodeError then, which
the entry points answer with 400.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from ipaddress import ip_address
from typing import NamedTuple

import KSR

from kemi.certificates import identities
from kemi.passport import Passport

DROP = -255
"""What a reply route returns, after `set_drop`, so that the reply goes nowhere."""

ANSWERED, CONFIRMED = 3, 4
"""States of a dialog: a 2xx has passed; its ACK has come."""

SANITY_CHECKS = 1 + 2 + 4 + 32 + 64 + 128 + 256 + 512 + 1024 + 4096 + 16384
"""Of the sanity module: version, scheme, required headers, CSeq, lengths, Expires, Proxy-Require, URIs, tags, Via."""
SANITY_URIS = 7
"""The URIs that it parses: request URI, From, To."""

SELDOM_S = 60.0
_said_s: dict[str, float] = {}

HEADERS_MAX = 65_536
"""More than a message has."""
_COMPACT = {
    "a": "accept-contact", "b": "referred-by", "c": "content-type", "d": "request-disposition", "e": "content-encoding",
    "f": "from", "i": "call-id", "j": "reject-contact", "k": "supported", "l": "content-length", "m": "contact",
    "n": "identity-info", "o": "event", "r": "refer-to", "s": "subject", "t": "to", "u": "allow-events", "v": "via",
    "x": "session-expires", "y": "identity",
}  # fmt: skip
"""RFC 3261 7.3.3, and those that came later."""
_USUAL = {
    name: name.lower()
    for name in (
        "Via", "From", "To", "Call-ID", "CSeq", "Contact", "Max-Forwards", "Content-Type", "Content-Length", "Route",
        "Record-Route", "Allow", "Supported", "User-Agent", "Server", "Accept", "P-Asserted-Identity", "Privacy",
    )
}  # fmt: skip
"""As nearly everybody writes them."""

_TRANSPORTS = {"UDP": "udp", "TCP": "tcp", "TLS": "tls"}
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\r(?!\n)")
_URI_IN_BRACKETS = re.compile(r"<([^>]*)>")


class Received(NamedTuple):
    """Where the message at hand came from, and by which of our sockets."""

    ip: str
    port: int
    transport: str
    socket: str


# --- reading the message


def get(name: str) -> str | None:
    """A pseudo-variable's text; None: it has none. Raises UnicodeDecodeError."""
    value: str | None = KSR.pv.get(name)
    return value


def text(name: str) -> str:
    """A pseudo-variable's text; empty: it has none."""
    value: str | None = KSR.pv.get(name)
    return value or ""


def loose_text(name: str) -> str:
    """The same of a name without its `$`, in which bytes that are no text are U+FFFD."""
    try:
        return text(f"${name}")
    except UnicodeDecodeError:
        return bytes.fromhex(text(f"$({name}{{s.encode.hexa}})")).decode(errors="replace")


def first_line() -> str:
    """The message's first line as it came, without its end."""
    return text("$(mb{line.at,0})").rstrip("\r\n")


def number(name: str) -> int:
    """A pseudo-variable's number; 0: it has none."""
    return int(KSR.pv.get(name) or 0)


def received() -> Received:
    """The source of the message."""
    read = KSR.pv.get
    transport = _TRANSPORTS.get((read("$proto") or "").upper(), "udp")
    ours = read("$Ri") or ""
    host = f"[{ours}]" if ":" in ours and not ours.startswith("[") else ours
    return Received(read("$si") or "", int(read("$sp") or 0), transport, f"{transport}:{host}:{read('$Rp') or 0}")


def proven() -> tuple[str, ...]:
    """Whom the verified certificate of the sender of the message at hand names (`kemi.certificates`); empty: it has
    shown none, or it came by another transport.
    """
    if text("$proto").upper() != "TLS" or text("$tls_peer_verified") != "1":
        return ()
    cn, dns_name, uri = "$tls_peer_subject_cn", "$tls_peer_san_hostname", "$tls_peer_san_uri"
    return identities(text("$tls_peer_raw_cert"), text(cn), text(dns_name), text(uri))


class Seen(NamedTuple):
    """Which headers the message at hand may have. Looked at once: nobody asks Kamailio for one that isn't there."""

    names: list[str]
    """Long and in lower case; as often as they may stand there."""
    is_clean: bool
    """Whether Kamailio can read them all, and none has a control character: what one reader takes as the end of a line,
    another one may not.
    """

    def bodies(self, name: str) -> list[str]:
        """As `headers`."""
        return headers(name, self.names.count(name.lower()))

    def text(self, name: str) -> str:
        """The first header of this name; empty: there is none."""
        return text(f"$hdr({name})") if name.lower() in self.names else ""


def seen() -> Seen:
    """The headers of the message at hand. Raises UnicodeDecodeError.

    A line that goes on another one counts as a header of its own, which is one too many at worst.
    """
    found = text("$msg(hdrs)")
    names = [line.partition(":")[0] for line in found.split("\n")]
    is_clean = found.replace("\r\n", "").isprintable() or _CONTROLS.search(found) is None
    return Seen([_USUAL.get(name) or _long(name) for name in names], is_clean and bool(found))


def _long(name: str) -> str:
    name = name.strip().lower()
    return _COMPACT.get(name, name)


def headers(name: str, most: int = HEADERS_MAX) -> list[str]:
    """The bodies of all headers of this name, top first, as they stand. `most`: there are no more."""
    found: list[str] = []
    while len(found) < most and (value := KSR.hdr.get_idx(name, len(found))) is not None:
        found.append(value)
    return found


def has_header(name: str) -> bool:
    """Whether there is such a header."""
    return bool(KSR.hdr.is_present(name) > 0)


def uris(bodies: list[str]) -> tuple[str, ...]:
    """The URIs of name-addr lists (Route, Record-Route, Contact) without brackets, in order."""
    found: list[str] = []
    for body in bodies:
        bracketed = _URI_IN_BRACKETS.findall(body)
        found += bracketed or [part.split(";")[0].strip() for part in body.split(",") if part.strip()]
    return tuple(found)


def asked(name: str) -> str:
    """In a reply: the first header of this name in the request that it answers, as it came; empty: unknown."""
    return text(f"$T_req($hdr({name}))")


def asked_to_tag() -> str:
    """In a reply: the To-tag of the request that it answers; empty: it had none."""
    return text("$T_req($tt)")


def add_header(name: str, body: str) -> None:
    """One more header in what is sent on."""
    KSR.hdr.append(f"{name}: {body}\r\n")


def remove_header(name: str) -> None:
    """Takes every header of this name out of what is sent on."""
    KSR.hdr.remove(name)


def replace_headers(bodies: Mapping[str, str]) -> None:
    """One header of each of these names in what is sent on, with this body."""
    for name in bodies:
        KSR.hdr.remove(name)
    KSR.hdr.append("".join([f"{name}: {body}\r\n" for name, body in bodies.items()]))


def replace_contact(uri: str) -> None:
    """Another Contact, for all that looks at the message from here on. Not inside its transaction."""
    replace_headers({"Contact": f"<{uri}>"})
    KSR.textopsx.msg_apply_changes()


SDP = "application/sdp"


def offer() -> str:
    """The SDP of the request at hand; empty: it has none. What is no text in it are names in older alphabets, and no
    reason to read no further.
    """
    return loose_text("rb") if text("$cT").lower().startswith(SDP) else ""


def set_sdp(sdp: str) -> None:
    """Another SDP in what is sent on."""
    KSR.textops.set_body(sdp, SDP)


def has_to_tag() -> bool:
    """Whether the request is in a dialog."""
    return bool(KSR.siputils.has_totag() > 0)


def is_defined(name: str) -> bool:
    """Whether kamailio.cfg or kamailio-local.cfg defines a name; before the fork too."""
    return KSR.pv.get(f"$def({name})") is not None


# --- checks of the message


def is_sane() -> bool:
    """Whether the request is well-formed; if not, it has been answered with 400."""
    return bool(KSR.sanity.sanity_check(SANITY_CHECKS, SANITY_URIS) > 0)


def has_hops_left() -> bool:
    """Whether Max-Forwards allows another hop; counts it down."""
    return bool(KSR.maxfwd.process_maxfwd(70) > 0)


# --- transactions


def new_transaction() -> bool:
    """Makes the transaction of a request; False: it is a retransmission, which has been dealt with."""
    return bool(KSR.tm.t_newtran() > 0)


def check_transaction() -> int:
    """Above 0: it belongs to a transaction (CANCEL, ACK, reply). 0: a retransmission, dealt with. Below: unknown."""
    return int(KSR.tm.t_check_trans())


def reply(code: int, reason: str) -> None:
    """Answers the request, by its transaction if it has one."""
    KSR.sl.send_reply(code, reason)


def add_to_reply(header: str) -> None:
    """One more header of the answer to the request at hand."""
    KSR.hdr.append_to_reply(header + "\r\n")


def transaction_reply(code: int, reason: str) -> None:
    """Answers the request of the transaction at hand: also in the reply route, and its branches end then."""
    KSR.tm.t_reply(code, reason)


def relay() -> bool:
    """Sends the request on. False: it could not be sent."""
    return bool(KSR.tm.t_relay() > 0)


def arm_failure_route(name: str) -> None:
    """Names the method that is called when every branch of the request has failed."""
    KSR.tm.t_on_failure(name)


def arm_reply_route(name: str) -> None:
    """Names the method that is called for each reply to the request, before it goes on."""
    KSR.tm.t_on_reply(name)


def keep_call(call: str) -> None:
    """Keeps a call key with the transaction at hand, which has no dialog."""
    KSR.pv.sets("$avp(call)", call)


def kept_call() -> str | None:
    """The call key of the transaction at hand; None: none was kept."""
    return get("$avp(call)")


def arm_branch_route(name: str) -> None:
    """Names the method that is called for each branch of the request, before it is sent. It may replace From and To:
    tm's CANCEL then has those of the branch.
    """
    KSR.tm.t_on_branch(name)
    KSR.tm.t_use_uac_headers()


def set_timers(ring_ms: int, silence_ms: int) -> None:
    """How long the branches may ring, and how long they may be silent before; also how long a final answer of ours is
    sent again. 0: as it is.
    """
    KSR.tm.t_set_fr(ring_ms, silence_ms)


def is_cancelled() -> bool:
    """In a failure route: whether the caller gave up."""
    return bool(KSR.tm.t_is_canceled() > 0)


def failure_code() -> int:
    """In a failure route: the code that won."""
    return number("$T_reply_code")


def failure_header(name: str) -> str:
    """In a failure route: a header of the reply that won; empty: it has none, or one that is no text."""
    return _text_of_reply(f"$T_rpl($hdr({name}))")


def failure_reason() -> str:
    """In a failure route: the reason of the code that won; empty: it has none, or one that is no text."""
    return _text_of_reply("$T_reply_reason")


def _text_of_reply(name: str) -> str:
    """The reply is another side's affair: what it says in no text must not stop what follows from its code."""
    try:
        return text(name)
    except UnicodeDecodeError:
        return ""


def append_header(name: str, body: str) -> None:
    """One more header of what is sent on."""
    KSR.hdr.append(f"{name}: {body}\r\n")


def reply_branch() -> int:
    """Which of the INVITE's branches the reply at hand answers, from 0: the end of our Via's branch."""
    _, _, index = text("$via0(branch)").rpartition(".")
    return int(index, 16) if index else 0


def drop_reply() -> int:
    """Stops the reply at hand; what the reply route has to return."""
    KSR.set_drop()
    return DROP


# --- routing


def send_to(user: str, host: str, port: int, transport: str) -> None:
    """Where the request goes, as request URI and next hop."""
    KSR.seturi(uri_of(user, host, port, transport))
    KSR.resetdsturi()


def uri_of(user: str, host: str, port: int, transport: str) -> str:
    """The URI of a place; `user` empty: of the place itself."""
    uri_host = f"[{host}]" if ":" in host else host
    suffix = "" if transport == "udp" else f";transport={transport}"
    return f"sip:{user}@{uri_host}:{port}{suffix}" if user else f"sip:{uri_host}:{port}{suffix}"


def set_uri(uri: str) -> None:
    """Another request URI."""
    KSR.seturi(uri)


def send_through(uri: str, host: str, port: int, transport: str, socket: str) -> None:
    """Where the request goes when its URI does not say it: behind a NAT. `socket`: ours; empty: any."""
    uri_host = f"[{host}]" if ":" in host else host
    suffix = "" if transport == "udp" else f";transport={transport}"
    KSR.seturi(uri)
    KSR.setdsturi(f"sip:{uri_host}:{port}{suffix}")
    if socket:
        KSR.corex.set_send_socket(socket)


def redirect(uri: str, headers: dict[str, str]) -> None:
    """Of a request of Kamailio's own: another request URI. Where it goes was settled before: unless Route headers say
    so, a copy of it (the same transaction, so that either answer ends it) goes to the address of the new one.
    `headers`: those that were replaced.
    """
    KSR.seturi(uri)
    if not has_header("Route"):
        first_line, *lines = text("$mb").split("\r\n")
        lines = [_replaced(line, headers) for line in lines]
        send(uri, "\r\n".join([f"{first_line.split(' ')[0]} {uri} SIP/2.0", *lines]))


def _replaced(line: str, headers: dict[str, str]) -> str:
    name = line.partition(":")[0]
    return f"{name}: {headers[name]}" if name in headers else line


def record_route() -> None:
    """Keeps us in the way of the dialog's requests."""
    KSR.rr.record_route()


def loose_route() -> bool:
    """Follows the Route headers of a request in a dialog; the dialog module takes note of it."""
    return bool(KSR.rr.loose_route() > 0)


def hops_left() -> int:
    """What Max-Forwards says; 0: nothing."""
    value = text("$hdr(Max-Forwards)").strip()
    return int(value) if value.isascii() and value.isdigit() else 0


def is_own_uri(uri: str) -> bool:
    """Whether a URI is one of our own sockets."""
    return bool(KSR.is_myself(uri))


# --- who calls, signed


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


# --- media


def has_media() -> bool:
    """Whether Kamailio has an rtpengine (`WITH_RTPENGINE`)."""
    return hasattr(KSR, "rtpengine")


def relay_media() -> str:
    """Puts rtpengine's address into the SDP of the message at hand, where there is one. What the SDP is then; empty:
    it stays. So it does if rtpengine doesn't answer within its 200 ms: the ends then talk to each other.
    """
    sdp = _media_sdp() if has_media() else ""
    if sdp:
        set_sdp(sdp)
    return sdp


def keep_media() -> None:
    """The same of an INVITE that may go to several gateways: `kept_offer` has the SDP, in each of its branches."""
    if has_media():
        KSR.pv.sets("$avp(offer)", _media_sdp())


def kept_offer() -> str:
    """What `keep_media` came to; empty: the SDP stays as it is."""
    return text("$avp(offer)")


def _media_sdp() -> str:
    """What rtpengine makes of the SDP; empty: nothing."""
    KSR.pv.sets("$var(sdp)", "")  # a process keeps it from message to message
    KSR.rtpengine.rtpengine_manage("replace-origin replace-session-connection")
    return text("$var(sdp)")


def end_media() -> None:
    """The call of the message at hand needs rtpengine no longer."""
    if hasattr(KSR, "rtpengine"):
        KSR.rtpengine.rtpengine_delete0()


# --- dialogs


def begin_dialog(call: str) -> bool:
    """Makes the dialog of an INVITE: at its timeout both sides get BYE, and nothing prolongs it. False: it failed."""
    KSR.pv.seti("$dlg_ctx(timeout_bye)", 1)
    if KSR.dialog.dlg_manage() <= 0:
        return False
    KSR.dialog.var_sets("call", call)  # not before: what is set without a dialog is lost
    return True


def take_dialog(from_tag: str, to_tag: str) -> bool:
    """Makes the dialog of the request at hand the one that `bye` works on. False: there is none.

    Only for what ends here: with a dialog taken, `loose_route` would not follow CSeqs, and Kamailio's own BYE would
    come with one that the other side has seen.
    """
    return bool(KSR.dialog.dlg_get(text("$ci"), from_tag, to_tag) > 0)


def has_ack(call_id: str, from_tag: str, to_tag: str) -> bool:
    """Whether the 200 of a dialog has been acknowledged; a dialog that isn't there waits for nothing."""
    return KSR.dialog.dlg_get(call_id, from_tag, to_tag) <= 0 or number("$dlg(state)") >= CONFIRMED


def is_dialog_answered() -> bool:
    """Whether a 2xx has been let through in the dialog at hand."""
    return number("$dlg(state)") >= ANSWERED


def follow_call(call: str) -> None:
    """The dialog at hand goes on as another call."""
    KSR.dialog.var_sets("call", call)


def dialog_call() -> str | None:
    """The call key of the dialog at hand; None: there is none."""
    return get("$dlg_var(call)")


def is_from_callee() -> bool:
    """Of a reply in the dialog at hand: whether the callee of the INVITE that began it has sent it."""
    return text("$ft") == text("$dlg(from_tag)")


def dialog_note(name: str) -> str:
    """What `set_dialog_note` left in the dialog at hand; empty: nothing."""
    return get(f"$dlg_var({name})") or ""


def set_dialog_note(name: str, value: str) -> None:
    """Leaves a text in the dialog at hand."""
    KSR.dialog.var_sets(name, value)


def dialog_ids() -> tuple[int, int]:
    """Kamailio's hash entry and id of the dialog at hand."""
    return number("$dlg(h_entry)"), number("$dlg(h_id)")


def set_dialog_timeout(seconds: int) -> bool:
    """Sets the lifetime of the dialog at hand, from its answer or from now."""
    return bool(KSR.dialog.dlg_set_timeout(seconds) > 0)


def set_timeout_of(seconds: int, h_entry: int, h_id: int) -> bool:
    """Sets the rest of the lifetime of any dialog; False: there is none of these ids."""
    return bool(KSR.dialog.dlg_set_timeout_id(seconds, h_entry, h_id) > 0)


def bye(side: str) -> bool:
    """Sends a BYE of our own to one side (`caller`, `callee`, `all`) of the dialog at hand."""
    return bool(KSR.dialog.dlg_bye(side) > 0)


# --- requests of our own


class Request(NamedTuple):
    """A request outside calls, that tm sends and repeats."""

    method: str
    uri: str
    from_uri: str
    to_uri: str
    headers: str
    """Whole lines."""
    mark: str
    """Comes back with the answer."""


def ask(request: Request) -> bool:
    """Sends it; the answer, or 408 for silence, comes to `ksr_uac_event`. False: it could not be sent.

    Not with uac's own digest: Kamailio 5.6 frees its memory twice then.
    """
    put = KSR.pv.sets
    put("$uac_req(all)", "")
    put("$uac_req(method)", request.method)
    put("$uac_req(ruri)", request.uri)
    put("$uac_req(furi)", request.from_uri)
    put("$uac_req(turi)", request.to_uri)
    put("$uac_req(hdrs)", request.headers)
    put("$uac_req(evparam)", request.mark)
    KSR.pv.seti("$uac_req(evroute)", 1)
    return bool(KSR.uac.uac_req_send() > 0)


def asked_answer() -> tuple[str, int]:
    """In `ksr_uac_event`: the mark of the request and the final code that it came to."""
    return text("$uac_req(evparam)"), number("$uac_req(evcode)")


def own_sockets() -> tuple[str, ...]:
    """Where Kamailio listens, `transport:address:port` each, IPv6 without brackets."""
    KSR.jsonrpcs.exec('{"jsonrpc": "2.0", "method": "core.sockets_list", "id": 1}')
    listed = [one["socket"] for one in json.loads(text("$jsonrpl(body)"))["result"]]
    return tuple([f"{one['proto']}:{ip_address(one['ipaddress'])}:{one['port']}" for one in listed])


def own_address() -> str:
    """`host:port` of the first socket, as `kamailio-local.cfg` names it."""
    return text("$def(KAMBILL_LISTEN)").partition(" ")[0].partition(":")[2]


# --- sending and saying


def send(destination: str, message: str) -> None:
    """Sends a message as it stands from our socket. `destination`: a SIP URI of an address."""
    KSR.corex.send_data(destination, message)


def send_by(socket: str, destination: str, message: str) -> None:
    """The same from one of our sockets, `udp:host:port`: a NAT lets nothing in from another one."""
    KSR.corex.sendx(destination, socket, message)


def hush() -> None:
    """From now on Kamailio itself says critical things only: its parser's errors quote whole messages, line breaks and
    all, so that whoever can send a datagram could fill the log or forge it. `kamcmd cfg.seti core debug 1` undoes it.
    """
    KSR.jsonrpcs.exec('{"jsonrpc": "2.0", "method": "cfg.set_now_int", "params": ["core", "debug", -2], "id": 1}')


def say(line: str) -> None:
    """One line in the log, at the level that `hush` leaves."""
    KSR.crit(line + "\n")


def say_seldom(line: str) -> None:
    """A line in the log that this process has not said for SELDOM_S."""
    moment_s = time.monotonic()
    if moment_s - _said_s.get(line, -SELDOM_S) >= SELDOM_S:
        _said_s[line] = moment_s
        say(line)


def count(name: str) -> None:
    """Adds one to a counter of Kamailio's (`kamailio.cfg` names them; RPC `stats.get_statistics` shows them)."""
    KSR.statistics.update_stat(f"kambill_{name}", 1)


def note(line: str) -> None:
    """One line in the log, as information: seen until `hush` only."""
    KSR.notice(line + "\n")
