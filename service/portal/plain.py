"""What pydantic says of a field, in words for people: no patterns, no "strings". Pure."""

from __future__ import annotations

import re

_NAME = "A letter or digit first, then letters without accents, digits, . _ and - only"
_CURRENCY = "A currency is three capital letters, such as EUR"
_PRINTED = "Letters without accents, digits and signs only, no blanks"
_MAIL = "This is no e-mail address"
OTHERWISE = "This is not written as it has to be"
FORMS = {
    r"^(#[0-9a-fA-F]{6})?$": "A colour is # and six of 0-9 and a-f, such as #0d6efd",
    r"^([0-9*#+]|\\[1-9]){0,64}$": r"Digits, *, #, + and \1 to \9 only, 64 at most",
    r"^([0-9A-Za-z.\[\]:-]{1,60}:[0-9]{1,5})?$": "An address with its port, such as 192.0.2.1:5060",
    r"^([1-9][0-9]{0,14})?$": "1 to 15 digits, the first no 0, and no + before them",
    r"^([A-Z]{2})?$": "A country is two capital letters, such as DE",
    r"^([A-Z]{3})?$": _CURRENCY,
    r"^([\x21-\x7e]{16,200})?$": "16 to 200 letters, digits and signs, no blanks",
    r"^([^@\s\x00-\x1f<>\",;]+@[^@\s\x00-\x1f<>\",;]+)?$": _MAIL,
    r"^([a-z]{2,3})?$": "A language is two or three small letters, such as de",
    r"^(device|trunk|sip):[!-~ ]{1,200}$": "device:, trunk: or sip: and a name, such as device:ann-desk",
    r"^[!-~]+$": _PRINTED,
    r"^[0-9*#+]{0,16}$": "Digits, *, # and + only, 16 at most",
    r"^[0-9*#+]{0,32}$": "Digits, *, # and + only, 32 at most",
    r"^[0-9*#+]{1,32}$": "1 to 32 of digits, *, # and +",
    r"^[0-9*#]{0,16}$": "Digits, * and # only, 16 at most",
    r"^[0-9*#]{2,32}$": "2 to 32 of digits, * and #",
    r"^[0-9+#*]{1,12}$": "1 to 12 of digits, +, # and *",
    r"^[0-9]{0,15}$": "Digits only, 15 at most",
    r"^[0-9]{0,32}$": "Digits only, 32 at most",
    r"^[0-9]{1,15}$": "1 to 15 digits",
    r"^[0-9]{3,15}$": "3 to 15 digits",
    r"^[0-9a-f]{16}$": "16 of 0-9 and a-f",
    r"^[1-9][0-9]{0,14}$": "1 to 15 digits, the first no 0, and no + before them",
    r"^[1-9][0-9]{4,14}$": "5 to 15 digits with the country's code, the first no 0, and no + before them",
    r"^[A-Z]{3}$": _CURRENCY,
    r"^[A-Za-z0-9][A-Za-z0-9.-]{0,31}$": "Letters without accents, digits, . and - only, 32 at most",
    r"^[A-Za-z0-9][A-Za-z0-9._-]*$": _NAME,
    r"^[A-Za-z0-9][A-Za-z0-9._-]{0,95}$": _NAME,
    r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$": _NAME,
    r"^[A-Za-z0-9][A-Za-z0-9._-]{2,63}$": "3 to 64 letters without accents, digits, . _ -, no sign first",
    r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,99}$": "A letter or digit first, then letters without accents, digits, . _ / -",
    r"^[\x21-\x7e]+$": _PRINTED,
    r"^[^@\s\x00-\x1f\x7f]+@[^@\s\x00-\x1f\x7f]+\.[^@\s\x00-\x1f\x7f]+$": _MAIL,
    r"^[^@\s\x00-\x1f]{1,64}@[^@\s\x00-\x1f]{1,190}$": _MAIL,
    r'^[^\x00-\x1f"\\]+$': r'No quotation marks ("), no \ and no control characters',
    r"^[^\x00-\x1f\x7f]*$": "One line without control characters",
    r'^[^\x00-\x20"\\<>;]+$': r'No blanks, no quotation marks ("), no \ < > or ;',
    r"^\+?[0-9]{1,32}$": "1 to 32 digits, perhaps with + before them",
    r"^\d{1,3}(\.\d{1,6})?$": "A number from 0 to 999 with 6 decimals at most, such as 19 or 7.5",
    r"^\d{1,7}(\.\d{1,3})?$": "Seconds with 3 decimals at most, such as 60 or 4.25",
    r"^\d{1,9}(\.\d{1,9})?$": "A rate without sign, with 9 decimals at most, such as 0.0125",
    r"^https://[^\s\x00-\x1f\x7f]{1,500}$": "An address that begins with https://",
}
"""What fits each pattern that a form's field has."""
PLAIN = (
    ("Field required", "This is needed"),
    ("Extra inputs are not permitted", "This can't be said here"),
    ("Input should be a valid integer", "A whole number is wanted"),
    ("Input should be a valid integer, unable to parse string as an integer", "A whole number is wanted"),
    ("Input should be a valid string", "Text is wanted"),
    ("Input should be a valid boolean", "Yes or no is wanted"),
    ("Input should be a valid list", "A list is wanted"),
    ("Input should be greater than or equal to {0}", "At least {0}"),
    ("Input should be less than or equal to {0}", "At most {0}"),
    ("Input should be greater than {0}", "More than {0}"),
    ("Input should be less than {0}", "Less than {0}"),
    ("String should have at least 1 character", "This is needed"),
    ("String should have at least {0} characters", "At least {0} characters"),
    ("String should have at most 1 character", "One character at most"),
    ("String should have at most {0} characters", "At most {0} characters"),
    ("List should have at least 1 item after validation, not 0", "At least one is needed"),
    ("List should have at least {0} items after validation, not {1}", "At least {0} are needed, these are {1}"),
    ("List should have at most 1 item after validation, not {0}", "One at most, these are {0}"),
    ("List should have at most {0} items after validation, not {1}", "At most {0}, these are {1}"),
    ("Input should be '{0}'", "One of these: '{0}'"),
)
"""What is said instead, the longest sentences first where one begins as another does."""
ON_PAGES = {
    "a look at `kambill tariff diff`": "a look at “What it changes”",
    "this needs the permission {0}": "this needs the right: {0}",
    "`kambill cdr add-up` makes them anew from the records; what calls were charged is not touched by it":
        "the command cdr add-up makes them anew from the records; what calls were charged is not touched by it",
    "`kambill terms edit` has it billed": "its page Billing has it billed",
    "start `kambill serve`": "start the service",
    "the ledger has not seen this store yet: start `kambill serve`, wait, repeat":
        "the ledger has not seen this store yet: start the service, wait, look again",
    "an account takes what its own seller offers it: `kambill offer list` shows that":
        "an account takes what its own seller offers it: that stands under Offers",
    "name the tariff whose calls these rates are for: tariff_id": "name the tariff whose calls these rates are for",
    "say first who the account is on paper: `kambill party edit`":
        "say first who the account is on paper: on its page Billing",
    "send `code` too": "send the code of your authenticator too",
    "the account has no terms of billing: `kambill terms edit` sets them":
        "the account has no terms of billing: its page Billing sets them",
    "the seller ({0}) is nobody on paper: `kambill party edit` says who it is":
        "the seller ({0}) is nobody on paper: the account's page Billing says who it is",
    "the buyer ({0}) is nobody on paper: `kambill party edit` says who it is":
        "the buyer ({0}) is nobody on paper: the account's page Billing says who it is",
    "this is for the own account: `kambill subscription cancel` ends another one's":
        "this is for the own account: another one's ends on the page of its subscription",
    "who owes the tax itself needs a tax number or a registration: `kambill party edit`":
        "who owes the tax itself needs a tax number or a registration: on its page Billing",
    "some dates have the day first, others the month: say date_order, dmy or mdy":
        "some dates have the day first, others the month: choose the order of dates",
    "{0} may be day or month first, and no row tells: say date_order, dmy or mdy":
        "{0} may be day or month first, and no row tells: choose the order of dates",
    "it is below zero by corrections of calls: make it void, and credit the invoices that those are on "
    "(`kambill invoice credit --corrections`)":
        "it is below zero by corrections of calls: make it void, and credit the invoices that those are on",
    "say first when and how much: `kambill recharge edit`": "say first when and how much",
    "this gateway has no key to ask for payments by: its seller sets `api_key`":
        "this gateway has no key to ask for payments by: its seller enters it",
}  # fmt: skip
"""Where the API names a command or a field of its own, what a page names instead."""
_PATTERN = re.compile(r"String should match pattern '(.*)'", re.DOTALL)
_FILLED = re.compile(r"{[0-9]}")
_KNOWN = [(re.compile("(.*?)".join(map(re.escape, _FILLED.split(text)))), said) for text, said in PLAIN]


def plain(text: str) -> str:
    """The same fault as one would say it; what pydantic hasn't said stays."""
    pattern = _PATTERN.fullmatch(text)
    if pattern is not None:
        return FORMS.get(pattern[1], OTHERWISE)
    text = text.replace("' or '", "', '") if text.startswith("Input should be '") else text
    for known, said in _KNOWN:
        match = known.fullmatch(text)
        if match is not None:
            return said.format(*match.groups())
    return text
