"""Codes as carriers write them: lists, ranges, blanks, `+` and `00`, country and area beside each other."""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import StrEnum

DIGITS_MAX = 18
RANGE_MAX = 10_000
CODES_MAX = 100_000
"""Of one cell."""

COUNTRIES = frozenset(
    [
        "1",
        "7",
        "20",
        "27",
        "30",
        "31",
        "32",
        "33",
        "34",
        "36",
        "39",
        "40",
        "41",
        "43",
        "44",
        "45",
        "46",
        "47",
        "48",
        "49",
        "51",
        "52",
        "53",
        "54",
        "55",
        "56",
        "57",
        "58",
        "60",
        "61",
        "62",
        "63",
        "64",
        "65",
        "66",
        "81",
        "82",
        "84",
        "86",
        "90",
        "91",
        "92",
        "93",
        "94",
        "95",
        "98",
        "211",
        "212",
        "213",
        "216",
        "218",
        "220",
        "221",
        "222",
        "223",
        "224",
        "225",
        "226",
        "227",
        "228",
        "229",
        "230",
        "231",
        "232",
        "233",
        "234",
        "235",
        "236",
        "237",
        "238",
        "239",
        "240",
        "241",
        "242",
        "243",
        "244",
        "245",
        "246",
        "247",
        "248",
        "249",
        "250",
        "251",
        "252",
        "253",
        "254",
        "255",
        "256",
        "257",
        "258",
        "260",
        "261",
        "262",
        "263",
        "264",
        "265",
        "266",
        "267",
        "268",
        "269",
        "290",
        "291",
        "297",
        "298",
        "299",
        "350",
        "351",
        "352",
        "353",
        "354",
        "355",
        "356",
        "357",
        "358",
        "359",
        "370",
        "371",
        "372",
        "373",
        "374",
        "375",
        "376",
        "377",
        "378",
        "379",
        "380",
        "381",
        "382",
        "383",
        "385",
        "386",
        "387",
        "389",
        "420",
        "421",
        "423",
        "500",
        "501",
        "502",
        "503",
        "504",
        "505",
        "506",
        "507",
        "508",
        "509",
        "590",
        "591",
        "592",
        "593",
        "594",
        "595",
        "596",
        "597",
        "598",
        "599",
        "670",
        "672",
        "673",
        "674",
        "675",
        "676",
        "677",
        "678",
        "679",
        "680",
        "681",
        "682",
        "683",
        "685",
        "686",
        "687",
        "688",
        "689",
        "690",
        "691",
        "692",
        "800",
        "808",
        "850",
        "852",
        "853",
        "855",
        "856",
        "870",
        "878",
        "880",
        "881",
        "882",
        "883",
        "886",
        "888",
        "960",
        "961",
        "962",
        "963",
        "964",
        "965",
        "966",
        "967",
        "968",
        "970",
        "971",
        "972",
        "973",
        "974",
        "975",
        "976",
        "977",
        "979",
        "992",
        "993",
        "994",
        "995",
        "996",
        "998",
    ]
)
"""Country codes of ITU-T E.164."""
NORTH_AMERICA = "1"
"""Its countries are told by the three digits behind it."""

_SEPARATORS = re.compile(r"[,;|\n\r]+|(?<=[0-9])\s*/\s*(?=[0-9+])|\s+(?:and|&)\s+")
_DASHES = "[-\u2010-\u2015\u2212]"
_DASH = re.compile(rf"\s*{_DASHES}\s*")
_TO = re.compile(r"(?<=[0-9])(?:\s+to\s+|\s*\.{2,3}\s*)(?=[0-9+])")
_BLANKS = re.compile(r"\s+")
_EXPONENT = re.compile(r"[0-9](?:[.,][0-9]+)?[eE]\+?[0-9]+")


class Dash(StrEnum):
    """What `93-76` means in a column."""

    RANGE = "range"
    """The codes from one to the other."""
    PAIR = "pair"
    """A country's code, and within it an area's."""


class UnclearCode(ValueError):
    """The cell is no code; the text says why."""


def country_of(code: str) -> str:
    """The country code that a code begins with; in North America with three digits more. Empty: none."""
    if code.startswith(NORTH_AMERICA):
        return code[:4]
    return next((code[:length] for length in (3, 2) if code[:length] in COUNTRIES), code[:1] if code[:1] == "7" else "")


def dashes_of(cells: Iterable[str]) -> set[Dash]:
    """What the dashes of a column can only mean; both: it says one thing here and the other there; none: neither."""
    found: set[Dash] = set()
    for cell in cells:
        for part in _SEPARATORS.split(cell):
            first, *rest = _DASH.split(part.strip().lstrip("+"))
            if len(rest) != 1 or not first.isdecimal() or not rest[0].isdecimal():
                continue
            last = rest[0]
            if first not in COUNTRIES:
                found.add(Dash.RANGE)
            elif len(first) != len(last) or first >= last:
                found.add(Dash.PAIR)
    return found


def has_dashes(cells: Iterable[str]) -> bool:
    """Whether a cell has two numbers with a dash between them."""
    return any(re.search(rf"[0-9]\s*{_DASHES}\s*[0-9]", cell) for cell in cells)


def parse_codes(text: str, dash: Dash | None, country: str = "") -> list[str]:
    """The codes of a cell. `country`: stands before each of them. Raises UnclearCode."""
    if _EXPONENT.fullmatch(text):
        raise UnclearCode(f"code {text} has lost its digits to a spreadsheet's notation: ask for them as text")
    parts = [part.strip() for part in _SEPARATORS.split(text) if part.strip()]
    if not parts and country:
        return [country]
    if not parts:
        raise UnclearCode("no code")
    parts = _with_country_once(parts)
    found: list[str] = []
    for part in parts:
        found += _parse(part, dash if not country else Dash.RANGE, country)
        if len(found) > CODES_MAX:
            raise UnclearCode(f"more than {CODES_MAX} codes in one cell")
    return found


def _with_country_once(parts: list[str]) -> list[str]:
    """`61 38,39` is 6138 and 6139: the first one alone has a blank, and a country's code before it."""
    first, *others = parts
    country, *area = first.lstrip("+").split()
    if not others or len(area) != 1 or country not in COUNTRIES or any(_BLANKS.search(one) for one in others):
        return parts
    return [country + area[0], *(country + one for one in others)]


def _parse(part: str, dash: Dash | None, country: str) -> list[str]:
    if _TO.search(part):
        part, dash = _TO.sub("-", part), Dash.RANGE
    first, *rest = [digits_of(piece) for piece in _DASH.split(part)]
    if len(rest) > 1:
        raise UnclearCode(f"code {part} has several dashes")
    if not rest:
        return [_whole(country + first, part)]
    (last,) = rest
    if dash is Dash.PAIR:
        return [_whole(first + last, part)]
    if len(last) < len(first):  # 234803-6
        last = first[: len(first) - len(last)] + last
    if len(first) != len(last) or first > last:
        raise UnclearCode(f"{part} is no range of codes")
    if int(last) - int(first) >= RANGE_MAX:
        raise UnclearCode(f"{part} is a range of more than {RANGE_MAX} codes")
    return [_whole(country + f"{one:0{len(first)}}", part) for one in range(int(first), int(last) + 1)]


def country_code(text: str) -> str:
    """Of a cell that has only that; `1-809` is one. Raises UnclearCode."""
    return digits_of(_DASH.sub("", text)) if text else ""


def first_digits(text: str) -> str:
    """Those of the first code of a cell, without `+` and `00`; empty: it begins with something else."""
    match = re.match(r"[+ ]*(?:00)?([0-9 ]+)", text)
    return match[1].replace(" ", "") if match else ""


def digits_of(piece: str) -> str:
    """Of one code, without blanks, `+` and `00`. Raises UnclearCode."""
    bare = _BLANKS.sub("", piece).strip(".'\"()=").removeprefix("+").removeprefix("00")
    if not (bare.isascii() and bare.isdecimal()):
        raise UnclearCode(f"{piece or 'nothing'} is no code")
    return bare


def _whole(code: str, part: str) -> str:
    if len(code) > DIGITS_MAX:
        raise UnclearCode(f"code {part} has more than {DIGITS_MAX} digits")
    return code
