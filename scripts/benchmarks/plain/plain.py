"""The least that relays calls from KEMI; run by Kamailio."""

# mypy: ignore-errors

import KSR

CHALLENGES = bool(int("@CHALLENGES@"))
"""Telephones are to say who they are; all have the same password."""


def mod_init():
    """Called once, before the fork."""
    return Plain()


class Plain:
    """What each process runs."""

    def child_init(self, _rank):
        """Called in each process after the fork."""
        return 0

    def ksr_request_route(self, _msg):
        """Any request."""
        method = KSR.pv.get("$rm")
        if KSR.siputils.has_totag() > 0:
            if KSR.rr.loose_route() < 0:
                KSR.sl.sl_send_reply(404, "Not here")
                return 1
            KSR.tm.t_relay()
            return 1
        if method == "CANCEL":
            if KSR.tm.t_check_trans() > 0:
                KSR.tm.t_relay()
            return 1
        if method == "INVITE":
            if CHALLENGES and KSR.auth.pv_auth_check("kambill", "secret", 0, 0) < 0:
                KSR.auth.auth_challenge("kambill", 1)
                return 1
            KSR.dialog.dlg_manage()
            KSR.rr.record_route()
            KSR.pv.sets("$du", "sip:127.0.0.1:@UAS_PORT@")
            KSR.tm.t_relay()
            return 1
        KSR.sl.sl_send_reply(200, "OK")
        return 1

    def ksr_reply_route(self, _msg):
        """Any reply."""
        return 1

    def ksr_onsend_route(self, _msg):
        """Before anything leaves."""
        return 1
