"""The API of who accounts are on paper, and of when and how they are billed."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field
from sqlalchemy import Row

from service.access.permissions import Permission
from service.api.call import Call
from service.api.endpoint import Answer, Endpoint
from service.api.problems import FieldError, Problem, invalid, not_found
from service.api.values import Asked, Moment, Text, Told, When, Words, language_of, zone_of
from service.billing.call_taxes import refresh
from service.billing.cycles import Cycle, cycle_problem, last_border_ms, next_border_ms
from service.billing.identifiers import account_problem, bic_problem, vat_problem
from service.billing.parties import is_country
from service.database.billing_tables import billing_parties, billing_terms
from service.database.own import own_of, put_own


def _country(code: str) -> str:
    if not is_country(code):
        raise ValueError("a country's two letters were expected (ISO 3166), such as DE")
    return code


AddressLines = Annotated[
    list[Words], Field(default_factory=list, max_length=10, description="Without postcode, city and country")
]
Short = Annotated[Text, Field(max_length=200)]


class Party(Asked):
    """Who an account is on paper. Invoices that were issued keep what they say."""

    legal_name: Words
    country: Annotated[str, AfterValidator(_country), Field(examples=["DE"])]
    address_lines: AddressLines
    postcode: Short = ""
    city: Short = ""
    tax_number: Annotated[Short, Field(description="For VAT with its country's prefix")] = ""
    registration: Annotated[Short, Field(description="In the register of companies")] = ""
    buyer_reference: Annotated[Short, Field(description="What it wants to find on its invoices")] = ""
    electronic_address: Short = ""
    electronic_scheme: Annotated[Short, Field(description="Of the electronic address, of the list EAS")] = ""
    contact_name: Short = ""
    contact_phone: Short = ""
    contact_email: Short = ""
    iban: Annotated[Short, Field(description="The four: where it wants money that is owed to it")] = ""
    bic: Short = ""
    bank_holder: Short = ""
    bank_name: Short = ""


class PartyView(Party, Told):
    """Who an account is on paper."""

    model_config = Told.model_config

    version: int


class Terms(Asked):
    """When and how an account is billed."""

    cycle: Literal["daily", "weekly", "two_weekly", "half_monthly", "monthly"] = "monthly"
    cycle_day: Annotated[int, Field(ge=1, le=31, description="Of the month, or of the week (Monday is 1)")] = 1
    zone: Annotated[str, AfterValidator(zone_of), Field(max_length=100, examples=["Europe/Berlin"])] = "UTC"
    due_days: Annotated[int, Field(ge=0, le=365)] = 14
    language: Annotated[str, AfterValidator(language_of), Field(max_length=20)] = "en"
    annex: Annotated[bool, Field(description="Each call as CSV beside the invoice")] = False
    zero_invoices: Annotated[bool, Field(description="An invoice also where there is nothing to bill")] = False
    prepaid_invoices: Annotated[bool, Field(description="While it is prepaid: invoices that are paid already")] = False
    reviewed: Annotated[bool, Field(description="Invoices wait as drafts until somebody issues them")] = False
    lines: Annotated[
        Literal["destination", "destination_and_caller"],
        Field(description="What calls are added up by on an invoice, beside their price"),
    ] = "destination"
    tax_status: Literal["taxed", "exempt", "reverse_charge"] = "taxed"
    exemption_reason: Short = ""
    exemption_code: Annotated[Short, Field(description="Of the list VATEX", examples=["VATEX-EU-AE"])] = ""
    starts_at: Annotated[
        When | None, Field(description="The first period's beginning; null: that of the one that runs now, or as it is")
    ] = None


class TermsView(Told):
    """When and how an account is billed."""

    cycle: str
    cycle_day: int
    zone: str
    due_days: int
    language: str
    annex: bool
    zero_invoices: bool
    prepaid_invoices: bool
    reviewed: bool
    lines: str
    tax_status: str
    exemption_reason: str
    exemption_code: str
    period_since: Annotated[Moment, Field(validation_alias="closed_ms", description="Of the period that runs now")]
    period_until: Annotated[Moment, Field(validation_alias="due_ms", description="Exclusive")]
    version: int


async def show_party(call: Call) -> Answer:
    """Not found: nobody has said yet."""
    row = await own_of(call.conn, billing_parties, call.row.id)
    if row is None:
        raise not_found()
    return Answer(PartyView.model_validate(row), version=row.version)


async def edit_party(call: Call) -> Answer:
    """As a whole. It stands on what is issued from now on."""
    body: Party = call.body
    before = await own_of(call.conn, billing_parties, call.row.id)
    call.check_match(0 if before is None else before.version)
    _check_numbers(body)
    if bool(body.electronic_address) != bool(body.electronic_scheme):
        raise invalid("/electronic_scheme", "an electronic address and its scheme stand together or not at all")
    view = PartyView.model_validate(await put_own(call.conn, billing_parties, call.row.id, body.model_dump()))
    told = None if before is None else PartyView.model_validate(before)
    await call.audit("party.edit", "party", call.row.id, call.row.id, told, view)
    return Answer(view, version=view.version)


def _check_numbers(body: Party) -> None:
    """Raises Problem with all of them that are wrong."""
    problems = {
        "tax_number": vat_problem(body.country, body.tax_number), "iban": account_problem(body.iban),
        "bic": bic_problem(body.bic),
    }  # fmt: skip
    errors = [FieldError("body", f"/{name}", problem) for name, problem in problems.items() if problem]
    if errors:
        raise Problem("invalid", errors=errors)


async def show_terms(call: Call) -> Answer:
    """Not found: the account is not billed."""
    row = await own_of(call.conn, billing_terms, call.row.id)
    if row is None:
        raise not_found()
    return Answer(TermsView.model_validate(row), version=row.version)


async def edit_terms(call: Call) -> Answer:
    """As a whole. A new cycle begins where the period that runs now began; what was billed stays."""
    body: Terms = call.body
    if call.row.kind not in {"customer", "reseller"}:
        raise Problem("conflict", f"customers and resellers are billed, and this is a {call.row.kind}")
    before = await own_of(call.conn, billing_terms, call.row.id)
    call.check_match(0 if before is None else before.version)
    await _check(call, body)
    values = body.model_dump(exclude={"starts_at"}) | _times(call, body, before)
    view = TermsView.model_validate(await put_own(call.conn, billing_terms, call.row.id, values))
    if body.tax_status != ("taxed" if before is None else before.tax_status):
        await refresh(call.conn, call.node, call.now_ms)
    told = None if before is None else TermsView.model_validate(before)
    await call.audit("terms.edit", "terms", call.row.id, call.row.id, told, view)
    return Answer(view, version=view.version)


async def _check(call: Call, body: Terms) -> None:
    problem = cycle_problem(body.cycle, body.cycle_day)
    if problem is not None:
        raise invalid("/cycle_day", problem)
    if body.tax_status == "taxed" and (body.exemption_reason or body.exemption_code):
        raise invalid("/tax_status", "who is taxed has no reason for an exemption")
    party = await own_of(call.conn, billing_parties, call.row.id)
    if party is None:
        raise Problem("conflict", "say first who the account is on paper: `kambill party edit`")
    if body.tax_status == "reverse_charge" and not (party.tax_number or party.registration):
        raise Problem("conflict", "who owes the tax itself needs a tax number or a registration: `kambill party edit`")


def _times(call: Call, body: Terms, before: Row[Any] | None) -> dict[str, int]:
    """Periods neither overlap nor leave a gap: what was closed stays closed."""
    anchor_ms = body.starts_at
    if before is not None:
        if anchor_ms is not None and anchor_ms != before.anchor_ms:
            raise invalid("/starts_at", "its periods have begun already: leave this out, and change the cycle")
        anchor_ms = before.anchor_ms
    if anchor_ms is not None and anchor_ms > call.now_ms:
        raise invalid("/starts_at", "this lies in the future: set the terms then")
    cycle = Cycle(body.cycle, body.cycle_day, body.zone, call.now_ms if anchor_ms is None else anchor_ms)
    now_began_ms = last_border_ms(cycle, call.now_ms)
    begin_ms = now_began_ms if anchor_ms is None else anchor_ms
    closed_ms = begin_ms if before is None else before.closed_ms
    if before is not None and call.row.billing == "prepaid" and not before.prepaid_invoices:
        begin_ms = closed_ms = max(closed_ms, now_began_ms)  # it was not billed: nothing before this is, either
    return {"anchor_ms": begin_ms, "closed_ms": closed_ms, "due_ms": next_border_ms(cycle, closed_ms)}


_P = Permission
_PARTY = "/accounts/{account_id}/billing-party"
_TERMS = "/accounts/{account_id}/billing-terms"
ENDPOINTS = [
    Endpoint(
        "party.show", "GET", _PARTY, _P.INVOICES_READ, show_party, "Show who an account is on paper", answer=PartyView
    ),
    Endpoint(
        "party.edit", "PUT", _PARTY, _P.INVOICES_CHANGE, edit_party, "Say who an account is on paper", Party,
        answer=PartyView,
    ),
    Endpoint(
        "terms.show", "GET", _TERMS, _P.INVOICES_READ, show_terms, "Show how an account is billed", answer=TermsView
    ),
    Endpoint(
        "terms.edit", "PUT", _TERMS, _P.INVOICES_CHANGE, edit_terms, "Set how an account is billed", Terms,
        answer=TermsView, below=True, of_seller=True,
    ),
]  # fmt: skip
