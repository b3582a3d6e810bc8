"""Everything that the API can do, on one screen."""

from __future__ import annotations

from service.access.endpoints import filters, me, roles, sign_in, tokens, trail, users
from service.accounts import api as accounts
from service.api.bulk import endpoint_of
from service.api.endpoint import Endpoint
from service.billing import invoices_api, paper_api, receipts_api, taxes_api, terms_api
from service.billing.dunning import api as dunning
from service.calls import history, running, simulation, traffic_api
from service.commission import api as commission
from service.delivery import api as delivery
from service.delivery import sftp_api
from service.doctor import api as doctor
from service.edge import api as edge
from service.edge import portings_api
from service.fraud import alarms_api, filters_api, limits_api, patterns_api, ranges_api
from service.interconnect import position
from service.interconnect.commitments import api as commitments
from service.interconnect.disputes import api as disputes
from service.interconnect.disputes import partner_api as partner_disputes
from service.interconnect.reconcile import api as reconciliations
from service.interconnect.statements import api as statements
from service.ledger import api as ledger
from service.ledger import operations_api as operations
from service.messages import broadcasts_api, mails_api, senders_api, suppressions_api, trials_api
from service.notices import api as notices_api
from service.notices import terms_api as notice_terms_api
from service.payments import alerts_api, bank_api, layouts_api, recharges_api, vouchers_api
from service.payments import gateways_api as payment_gateways
from service.peers import (
    devices_api,
    figures_api,
    gateways_api,
    numbers_api,
    plans_api,
    registrations_api,
    specials_api,
    translations_api,
    trunks_api,
)
from service.products import offers_api, products_api, subscriptions_api
from service.reports import summary_api
from service.reports.scheduled import api as report_schedules
from service.rerating import api as rerating
from service.sellers import brand, mail, numbering
from service.tariffs import api as tariffs
from service.tariffs import browsing_api, exchange_api, groups_api, pending_api, rates_api, sheets_api
from service.webhooks import api as webhooks

_SINGLE: tuple[Endpoint, ...] = (
    *sign_in.ENDPOINTS,
    *me.ENDPOINTS,
    *filters.ENDPOINTS,
    *users.ENDPOINTS,
    *roles.ENDPOINTS,
    *tokens.ENDPOINTS,
    *accounts.ENDPOINTS,
    *trunks_api.ENDPOINTS,
    *devices_api.ENDPOINTS,
    *registrations_api.ENDPOINTS,
    *numbers_api.ENDPOINTS,
    *translations_api.ENDPOINTS,
    *specials_api.ENDPOINTS,
    *gateways_api.ENDPOINTS,
    *figures_api.ENDPOINTS,
    *plans_api.ENDPOINTS,
    *ledger.ENDPOINTS,
    *operations.ENDPOINTS,
    *running.ENDPOINTS,
    *simulation.ENDPOINTS,
    *history.ENDPOINTS,
    *traffic_api.ENDPOINTS,
    *summary_api.ENDPOINTS,
    *report_schedules.ENDPOINTS,
    *delivery.ENDPOINTS,
    *sftp_api.ENDPOINTS,
    *brand.ENDPOINTS,
    *numbering.ENDPOINTS,
    *mail.ENDPOINTS,
    *mails_api.ENDPOINTS,
    *trials_api.ENDPOINTS,
    *senders_api.ENDPOINTS,
    *suppressions_api.ENDPOINTS,
    *broadcasts_api.ENDPOINTS,
    *terms_api.ENDPOINTS,
    *taxes_api.ENDPOINTS,
    *invoices_api.ENDPOINTS,
    *paper_api.ENDPOINTS,
    *receipts_api.ENDPOINTS,
    *dunning.ENDPOINTS,
    *tariffs.ENDPOINTS,
    *products_api.ENDPOINTS,
    *subscriptions_api.ENDPOINTS,
    *offers_api.ENDPOINTS,
    *rerating.ENDPOINTS,
    *exchange_api.ENDPOINTS,
    *pending_api.ENDPOINTS,
    *notices_api.ENDPOINTS,
    *notice_terms_api.ENDPOINTS,
    *rates_api.ENDPOINTS,
    *groups_api.ENDPOINTS,
    *browsing_api.ENDPOINTS,
    *sheets_api.ENDPOINTS,
    *alerts_api.ENDPOINTS,
    *bank_api.ENDPOINTS,
    *layouts_api.ENDPOINTS,
    *vouchers_api.ENDPOINTS,
    *payment_gateways.ENDPOINTS,
    *recharges_api.ENDPOINTS,
    *commission.ENDPOINTS,
    *webhooks.ENDPOINTS,
    *edge.ENDPOINTS,
    *limits_api.ENDPOINTS,
    *filters_api.ENDPOINTS,
    *ranges_api.ENDPOINTS,
    *patterns_api.ENDPOINTS,
    *alarms_api.ENDPOINTS,
    *reconciliations.ENDPOINTS,
    *statements.ENDPOINTS,
    *disputes.ENDPOINTS,
    *partner_disputes.ENDPOINTS,
    *commitments.ENDPOINTS,
    *position.ENDPOINTS,
    *portings_api.ENDPOINTS,
    *doctor.ENDPOINTS,
    *trail.ENDPOINTS,
)

_BY_NAME = {endpoint.name: endpoint for endpoint in _SINGLE}
ENDPOINTS: tuple[Endpoint, ...] = (
    *_SINGLE,
    endpoint_of(_BY_NAME["account.make"], _BY_NAME["account.edit"]),
    endpoint_of(_BY_NAME["user.invite"], _BY_NAME["user.edit"]),
    endpoint_of(_BY_NAME["trunk.make"], _BY_NAME["trunk.edit"]),
    endpoint_of(_BY_NAME["device.make"], _BY_NAME["device.edit"]),
    endpoint_of(_BY_NAME["number.make"], _BY_NAME["number.edit"]),
)
