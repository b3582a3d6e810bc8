"""Sheets as carriers send them, each with the rates that a careful person would type from it, typed by hand.

A rate is `code price [increments] [from date] [until date] [first=price] [fee=price] [word]`; what is left out is the
line and a part of the reason.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from tests.ratebook.sheets.build import text, xls, xlsx


class Sheet(NamedTuple):
    """A file and what is in it."""

    raw: bytes
    rates: list[str]
    left_out: dict[int, str] = {}  # noqa: RUF012 -- never changed
    questions: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
    """A part of each."""
    currency: str = ""
    names: dict[str, str] = {}  # noqa: RUF012 -- never changed
    """Destinations by code, where they matter."""


def _merged(sheet: Any) -> None:
    sheet.merge_cells("A1:D1")
    sheet.merge_cells("A3:A5")


def _formulas(sheet: Any) -> None:
    sheet["C2"] = "=1/8"
    sheet["C3"] = "=B3*2"


HOSTILE: dict[str, Sheet] = {
    # --- where the table begins and ends
    "a notice block above, a footer below": Sheet(
        text("""
            Carrier Ltd,,
            Issue date:,01/09/2026,
            Currency:,EUR,

            Destination,Prefix,Rate
            France,33,0.01
            ,,
            All prices exclude taxes.,,
            Page 1 of 1,,
        """),
        ["33 0.01"],
        {8: "text", 9: "text"},
        currency="EUR",
        names={"33": "France"},
    ),
    "the header comes again on each page": Sheet(
        text("""
            Prefix,Rate
            33,0.01
            Prefix,Rate
            34,0.02
        """),
        ["33 0.01", "34 0.02"],
        {3: "header again"},
    ),
    "two header rows": Sheet(
        xlsx(["Destination", "Dial", "Price"], ["Name", "Code", "USD/min"], ["France", 33, 0.01]),
        ["33 0.01"],
        names={"33": "France"},
    ),
    "units below the header": Sheet(
        text("""
            Code,Destination,Rate,Increment
            ,,(USD),(sec)
            33,France,0.01,60/1
        """),
        ["33 0.01 60/1"],
        currency="USD",
    ),
    "headings of regions between the rows": Sheet(
        text("""
            Destination;Code;Rate
            EUROPE;;
            France;33;0,01
            AFRICA;;
            Kenya;254;0,12
        """),
        ["254 0.12", "33 0.01"],
        {2: "text", 4: "text"},
    ),
    "a title in merged cells, a country over three rows": Sheet(
        xlsx(
            ["Rate notification"], ["Country", "Network", "Code", "Rate"], ["Kenya", "Safaricom", 25472, 0.2],
            [None, "Airtel", 25473, 0.19], [None, "Telkom", 25477, 0.18], change=_merged,
        ),
        ["25472 0.2", "25473 0.19", "25477 0.18"],
        names={"25473": "Kenya Airtel"},
    ),
    "several sheets, the longest table counts": Sheet(
        xlsx(
            ["Prefix", "Rate"], [33, 0.01], [34, 0.02],
            more={"Old": [["Prefix", "Rate"], [33, 9]], "Terms": [["Hello"]]},
        ),
        ["33 0.01", "34 0.02"],
        notices=("sheet Old has a table too",),
    ),
    # --- numbers that a spreadsheet has touched
    "formulas without their values": Sheet(
        xlsx(["Code", "Base", "Rate"], [33, 1, None], [34, 2, None], [35, 3, 0.5], change=_formulas),
        ["35 0.5"],
        {2: "no price", 3: "no price"},
    ),
    "scientific notation in a CSV": Sheet(
        text("""
            Code,Rate
            4.47E+11,0.01
            33,1.5E-2
        """),
        ["33 0.015"],
        {2: "lost its digits"},
    ),
    "large numbers in a workbook are whole": Sheet(
        xlsx(["Code", "Rate"], [447000000000, 0.0125], [123456789012345, 0.1]),
        ["123456789012345 0.1", "447000000000 0.0125"],
    ),
    "noise behind the fifteenth digit, and prices finer than a rate": Sheet(
        xlsx(["Code", "Rate"], [33, 0.1 + 0.2], [34, 1 / 3], [35, 0.31135104]),
        ["33 0.3", "34 0.333333334", "35 0.31135104"],
    ),
    "dates as days of Excel, and as dates": Sheet(
        xlsx(["Code", "Rate", "Effective"], [33, 0.01, 46266], [34, 0.02, datetime(2026, 9, 2)]),  # noqa: DTZ001
        ["33 0.01 from 2026-09-01", "34 0.02 from 2026-09-02"],
    ),
    "the format of 1997": Sheet(
        xls(["Prefix", "Destination", "Rate"], [33.0, "France", 0.01], ["0034", "Spain", "0.02"]),
        ["33 0.01", "34 0.02"],
    ),
    # --- codes
    "plus signs, international prefixes, blanks": Sheet(
        text("""
            Dial Code,Rate
            +33 6,0.01
            0044 20,0.02
            1 876,0.03
        """),
        ["1876 0.03", "336 0.01", "4420 0.02"],
    ),
    "lists by every separator": Sheet(
        text("""
            Codes;Price
            336, 337;0.01
            49151|49152;0.02
            "25471
            25472";0.03
            21261/21262;0.04
            9171 and 9172;0.05
        """),
        [
            "21261 0.04", "21262 0.04", "25471 0.03", "25472 0.03", "336 0.01", "337 0.01", "49151 0.02", "49152 0.02",
            "9171 0.05", "9172 0.05",
        ],
    ),
    "ranges, whole and short": Sheet(
        text("""
            Code,Rate
            447400-447402,0.01
            234803-6,0.02
            25470\u201325471,0.03
        """),
        [
            "234803 0.02", "234804 0.02", "234805 0.02", "234806 0.02", "25470 0.03", "25471 0.03", "447400 0.01",
            "447401 0.01", "447402 0.01",
        ],
    ),
    "pairs of country and area": Sheet(
        text("""
            City Code(s),Price($)
            93-76,0.15
            84-35,0.05
            44-77,0.03
            1-204,0.01
        """),
        ["1204 0.01", "4477 0.03", "8435 0.05", "9376 0.15"],
    ),
    "ranges and pairs in one column are asked about": Sheet(
        text("""
            Code,Rate
            93-76,0.15
            447400-447402,0.01
        """),
        ["447400 0.01", "447401 0.01", "447402 0.01"],
        {2: "no range"},
        ("dash",),
    ),
    "what may be either is asked about": Sheet(
        text("""
            Code,Rate
            44-49,0.15
        """),
        ["44 0.15", "45 0.15", "46 0.15", "47 0.15", "48 0.15", "49 0.15"],
        questions=("dash",),
    ),
    "country and area in columns of their own": Sheet(
        text("""
            Country,Country Code,Area Code,Rate
            United Kingdom,44,,0.01
            United Kingdom,44,"7, 71-73",0.02
        """),
        ["44 0.01", "447 0.02", "4471 0.02", "4472 0.02", "4473 0.02"],
    ),
    "a country's code beside whole codes": Sheet(
        text("""
            Country Code,Code,Destination,Rate
            44,44,UK,0.01
            44,447,UK mobile,0.02
        """),
        ["44 0.01", "447 0.02"],
    ),
    "a country's code beside what follows it": Sheet(
        text("""
            Country Code,Code,Destination,Rate
            254,20,Kenya Nairobi,0.01
            254,72,Kenya mobile,0.02
        """),
        ["25420 0.01", "25472 0.02"],
    ),
    "the country's code once in a list": Sheet(
        text("""
            Prefix,Rate
            "61 38,39",0.01
        """),
        ["6138 0.01", "6139 0.01"],
    ),
    "codes that are none": Sheet(
        text("""
            Code,Rate
            abc,0.01
            33,0.02
            ,0.03
            447409-447400,0.04
            1234567890123456789,0.05
        """),
        ["33 0.02"],
        {2: "is no code", 4: "no code", 5: "no range", 6: "18 digits"},
    ),
    # --- prices
    "decimal commas, currencies, blanks": Sheet(
        text("""
            Code;Rate (EUR)
            33;0,0125
            34;€ 0,02
            35;1.234,50
            36;0,03 EUR
        """),
        ["33 0.0125", "34 0.02", "35 1234.5", "36 0.03"],
        currency="EUR",
    ),
    "prices that are none": Sheet(
        text("""
            Code,Rate
            33,
            34,n/a
            35,-0.01
            36,TBA
            37,0.01
        """),
        ["37 0.01"],
        {2: "no price", 3: "no price", 4: "below zero", 5: "no price"},
    ),
    "zero prices stay, and are told": Sheet(
        text("""
            Code,Rate
            33,0
            34,0.0000
            35,0.01
        """),
        ["33 0", "34 0", "35 0.01"],
        notices=("2 codes have a price of zero",),
    ),
    "the new rate counts, not the current one": Sheet(
        text("""
            Code,Current Rate,New Rate,Difference
            33,0.01,0.02,0.01
        """),
        ["33 0.02"],
    ),
    "a price far below the others of its country": Sheet(
        text("""
            Code,Rate
            2331,0.25
            2332,0.25
            2333,0.26
            2334,0.27
            2335,0.0025
        """),
        ["2331 0.25", "2332 0.25", "2333 0.26", "2334 0.27", "2335 0.0025"],
        notices=("code 2335",),
    ),
    "a first and a next price, a fee for the connection": Sheet(
        text("""
            Prefix,Price 1,Price N,Interval 1,Interval N,Setup Fee
            33,0.02,0.01,60,6,0.005
            34,0.03,0.03,1,1,
        """),
        ["33 0.01 60/6 first=0.02 fee=0.005", "34 0.03 1/1"],
    ),
    # --- increments
    "increments in every way": Sheet(
        text("""
            Code,Rate,Billing
            33,0.01,60/1
            34,0.01,30 / 6
            35,0.01,60+60
            36,0.01,1
            37,0.01,60 sec
            38,0.01,
            39,0.01,sometimes
        """),
        ["33 0.01 60/1", "34 0.01 30/6", "35 0.01 60/60", "36 0.01 1/1", "37 0.01 60/60", "38 0.01"],
        {8: "no increment"},
    ),
    "increments in two columns": Sheet(
        text("""
            Code,Rate,Min Time,Interval
            33,0.01,30,6
            34,0.01,0,1
        """),
        ["33 0.01 30/6", "34 0.01 1/1"],
    ),
    "increments in a note": Sheet(
        text("""
            The following are billed 60/60: Mexico and Gambia. All other destinations are billed 1/1.

            Destination,Code,Rate
            Mexico Mobile,521,0.01
            Gambia,220,0.2
            France,33,0.01
        """),
        ["220 0.2 60/60", "33 0.01 1/1", "521 0.01 60/60"],
    ),
    "a note that names what the sheet has not": Sheet(
        text("""
            Destination,Code,Rate
            France,33,0.01
            Note: Mexico is billed 60/60,,
        """),
        ["33 0.01"],
        {3: "text"},
        notices=("names mexico",),
    ),
    # --- dates
    "every form of date": Sheet(
        text("""
            Code;Rate;Effective Date
            31;1;28-12-2026
            32;1;2026-12-28
            33;1;28.12.2026
            34;1;2026/12/28
            35;1;20261228
            36;1;28-Dec-26
            37;1;28 December 2026
            38;1;December 28, 2026
            39;1;ASAP
            40;1;2026-12-28 08:30:00
            41;1;soon
            42;1;31/02/2026
        """),
        [
            *(f"{code} 1 from 2026-12-28" for code in range(31, 39)), "39 1", "40 1 from 2026-12-28 08:30:00",
        ],
        {12: "no date", 13: "no date"},
    ),
    "03/04 is told by another row": Sheet(
        text("""
            Code,Rate,Effective
            33,0.01,03/04/2026
            34,0.01,17/04/2026
        """),
        ["33 0.01 from 2026-04-03", "34 0.01 from 2026-04-17"],
    ),
    "03/04 is told by another row, in America": Sheet(
        text("""
            Code,Rate,Effective
            33,0.01,03/04/2026
            34,0.01,04/17/2026
        """),
        ["33 0.01 from 2026-03-04", "34 0.01 from 2026-04-17"],
    ),
    "03/04 is told by the date of issue": Sheet(
        text("""
            Issued on 28/03/2026

            Code,Rate,Effective
            33,0.01,03/04/2026
        """),
        ["33 0.01 from 2026-04-03"],
    ),
    "03/04 is told by the header": Sheet(
        text("""
            Code,Rate,Effective (MM/DD/YYYY)
            33,0.01,03/04/2026
        """),
        ["33 0.01 from 2026-03-04"],
    ),
    "03/04 is asked about where nothing tells": Sheet(
        text("""
            Code,Rate,Effective
            33,0.01,03/04/2026
            34,0.01,05/05/2026
        """),
        ["33 0.01 from 2026-04-03", "34 0.01 from 2026-05-05"],
        questions=("date_order",),
    ),
    "one date above the table for all": Sheet(
        text("""
            Rates in USD effective from 1 October 2026
            Code,Rate
            33,0.01
        """),
        ["33 0.01 from 2026-10-01"],
        currency="USD",
    ),
    "an end beside the beginning": Sheet(
        text("""
            Code,Rate,Valid From,Valid To
            33,0.01,2026-10-01,2026-11-01
            33,0.02,2026-11-01,
        """),
        ["33 0.01 from 2026-10-01 until 2026-11-01", "33 0.02 from 2026-11-01"],
    ),
    # --- words
    "closed, blocked, and words where a price should be": Sheet(
        text("""
            Code,Rate,Effective,Status
            31,0.01,2026-10-01,Increase
            32,0.01,2026-10-01,Closed
            33,,2026-10-01,Code removal
            34,Blocked,,
            35,,2026-10-01,FORBIDDEN
            36,0.01,2026-10-01,No Change
        """),
        [
            "31 0.01 from 2026-10-01", "32 0 from 2026-10-01 withdrawn", "33 0 from 2026-10-01 withdrawn",
            "34 0 blocked", "35 0 from 2026-10-01 blocked", "36 0.01 from 2026-10-01",
        ],
    ),
    "flags of their own": Sheet(
        text("""
            Prefix,Rate,Forbidden,Discontinued
            33,0.01,0,0
            34,0.01,1,0
            35,0.01,0,1
        """),
        ["33 0.01", "34 0 blocked", "35 0 withdrawn"],
    ),
    # --- prices that are not in units a minute
    "prices in cents, by the header": Sheet(
        text("""
            Code,Rate (US cents/min),Setup Fee
            33,1.25,0.01
            34,2.5,
        """),
        ["33 0.0125 fee=0.01", "34 0.025"],
        notices=("count 0.01 a minute",),
    ),
    "prices in cents, by the unit below the header": Sheet(
        text("""
            Destination,Code,Rate
            ,(digits),(cents)
            France,33,1.25
        """),
        ["33 0.0125"],
        notices=("count 0.01 a minute",),
    ),
    "prices in cents, by the cells": Sheet(
        text("""
            Code,Rate
            33,1.25¢
            34,2.5 cents
            35,0.01
        """),
        ["33 0.0125", "34 0.025", "35 0.01"],
    ),
    "prices of a second": Sheet(
        text("""
            Code,Rate per second
            33,0.0001
        """),
        ["33 0.006"],
        notices=("count 60 a minute",),
    ),
    "prices below zero in every way, and percents": Sheet(
        text("""
            Code,Rate
            31,0.01-
            32,$(0.01)
            33,$-0.01
            34,5%
            35,(USD) 0.01
            36,1_0
        """),
        ["35 0.01"],
        {2: "below zero", 3: "below zero", 4: "below zero", 5: "no price", 7: "no price"},
    ),
    "thousands by narrow blanks": Sheet(
        "Code;Rate\n881;1\u202f234,50\n882;1\u2019234.50\n".encode(),
        ["881 1234.5", "882 1234.5"],
    ),
    "a decimal comma that splits its cell": Sheet(
        text("""
            Code,Rate
            33,0,01
            34,0
        """),
        ["34 0"],
        {2: "more cells than the header"},
        notices=("1 codes have a price of zero",),
    ),
    "prices of a thousand minutes": Sheet(
        text("""
            Code,Rate per 1000 min (USD)
            33,12.5
        """),
        ["33 0.0125"],
        notices=("count 0.001 a minute",),
        currency="USD",
    ),
    "prices with and without taxes, and a surcharge of something else": Sheet(
        text("""
            Code,Price incl. VAT,Price excl. VAT,Origin Surcharge EEA,Call Setup Fee
            33,0.0119,0.01,0.05,0.002
        """),
        ["33 0.01 fee=0.002"],
    ),
    "currencies in the cells": Sheet(
        text("""
            Code,Rate
            33,0.01 EUR
            34,USD 0.02
        """),
        ["33 0.01", "34 0.02"],
        questions=("currency",),
        notices=("several currencies: EUR, USD",),
    ),
    # --- columns by other names
    "German headers": Sheet(
        text("""
            Preisliste gültig ab 15.12.2026;;;;
            Land;Ziel;Vorwahl;Preis pro Minute (EUR);Taktung
            Deutschland;Mobil;4915;0,0450 €;60/60
        """, "cp1252"),
        ["4915 0.045 60/60 from 2026-12-15"],
        currency="EUR",
        names={"4915": "Deutschland Mobil"},
    ),
    "Spanish headers": Sheet(
        text("""
            País;Destino;Código;Precio;Fecha efectiva
            España;Móvil;346;0,025;15/12/2026
        """),
        ["346 0.025 from 2026-12-15"],
    ),
    "the head of a name is its last word": Sheet(
        text("""
            DESTINATION NAME,DESTINATION PREFIXES,RATE PER MINUTE IN EUR,EFF,INCR
            Belgium,32,0.01,2026-12-01,30/6
        """),
        ["32 0.01 30/6 from 2026-12-01"],
        currency="EUR",
    ),
    "codes and rates that are something else": Sheet(
        text("""
            Rate Code,Currency Code,ISO Code,Dialled Prefix,Setup Rate,Price per min
            7,EUR,49,33,0.05,0.01
        """),
        ["33 0.01 fee=0.05"],
        currency="EUR",
    ),
    "a notice of two cells right above the header": Sheet(
        text("""
            Effective from,12/13/2026,
            Destination,Code,Rate
            France,33,0.01
        """),
        ["33 0.01 from 2026-12-13"],
    ),
    # --- what is written once
    "a country's code and name once, then blanks": Sheet(
        text("""
            Country,Country Code,Area Code,Network,Price
            United Kingdom,44,20,London,0.01
            ,,161,Manchester,0.011
            EUROPE,,,,
            France,33,Proper,,0.02
            ,,6,Mobile,0.03
            Spain,,91,Madrid,0.04
            Malta,356,-,,0.05
        """),
        ["33 0.02", "336 0.03", "356 0.05", "44161 0.011", "4420 0.01"],
        {4: "text", 7: "no country code"},
        names={"44161": "United Kingdom Manchester", "336": "France Mobile", "33": "France"},
    ),
    "a country's name is not another's": Sheet(
        text("""
            Country,Network,Code,Rate
            Zimbabwe,Fixed,263,0.1
            ,Mobile,26377,0.2
            ,Inmarsat,870,4
        """),
        ["263 0.1", "26377 0.2", "870 4"],
        names={"26377": "Zimbabwe Mobile", "870": "Inmarsat"},
    ),
    # --- codes as spreadsheets and Americans write them
    "codes of North America without its 1": Sheet(
        text("""
            NPANXX,Interstate Rate
            201202,0.0012
            1201203,0.0013
        """),
        ["1201202 0.0012", "1201203 0.0013"],
    ),
    "codes as a formula, with other dashes, with a 0": Sheet(
        'Code,Rate\n="33",0.01\n447400\u2011447401,0.02\n034,0.03\n'.encode(),
        ["034 0.03", "33 0.01", "447400 0.02", "447401 0.02"],
        notices=("1 codes begin with 0",),
    ),
    "ranges in words, a country's code with a dash": Sheet(
        text("""
            Country Code,Area Code,Rate
            1-809,,0.05
            44,7400 to 7402,0.01
            44,7500...7501,0.02
        """),
        ["1809 0.05", "447400 0.01", "447401 0.01", "447402 0.01", "447500 0.02", "447501 0.02"],
    ),
    # --- increments in pieces
    "a minimum beside the increment": Sheet(
        text("""
            Prefix,Rate,Minimum Duration,Increment
            331,0.01,30,6
            332,0.01,0,60
            333,0.01,1,60/1
            334,0.01,,6
        """),
        ["331 0.01 30/6", "332 0.01 60/60", "333 0.01 60/1", "334 0.01 6/6"],
    ),
    "increments with their units": Sheet(
        text("""
            Code,Rate,Billing
            33,0.01,60 seconds / 1 second
            34,0.01,1 min/1 sec
            36,0.01,1\\1
        """),
        ["33 0.01 60/1", "34 0.01 60/1", "36 0.01 1/1"],
    ),
    "exceptions in a note": Sheet(
        text("""
            "Billing increments are 1/1 for all destinations except Mexico (60/60) and Gambia, Cuba 60/1.",,
            Destination,Code,Rate
            Mexico Mobile,521,0.01
            Gambia,220,0.2
            France,33,0.01
        """),
        ["220 0.2 60/1", "33 0.01 1/1", "521 0.01 60/60"],
        notices=("names cuba",),
    ),
    "an exception of which nothing is said": Sheet(
        text("""
            All destinations are billed 1/1 except Mexico.,,
            Destination,Code,Rate
            Mexico Mobile,521,0.01
            France,33,0.01
        """),
        ["33 0.01 1/1", "521 0.01"],
    ),
    # --- more forms of dates
    "dates by America's clocks, weekdays, other languages": Sheet(
        text("""
            Code;Rate;Effective Date
            31;1;12/28/2026 12:00:00 AM
            32;1;12/28/2026 1:30 PM
            33;1;Monday, December 28, 2026
            34;1;28DEC2026
            36;1;2026-Dec-28
            39;1;28. Dezember 2026
            40;1;28 déc. 2026
            41;1;2027/1/5
            43;1;With immediate effect
            44;1;12/28/2026 13:30
            45;1;effective from 12/28/2026
            46;1;28 Dec '26
        """),
        [
            "31 1 from 2026-12-28", "32 1 from 2026-12-28 13:30:00", "33 1 from 2026-12-28", "34 1 from 2026-12-28",
            "36 1 from 2026-12-28", "39 1 from 2026-12-28", "40 1 from 2026-12-28", "41 1 from 2027-01-05", "43 1",
            "44 1 from 2026-12-28 13:30:00", "45 1 from 2026-12-28", "46 1 from 2026-12-28",
        ],
    ),
    "ends that are none, and one before its beginning": Sheet(
        text("""
            Code,Rate,Start Date,End Date
            33,0.01,2026-12-01,9999-12-31
            34,0.01,2026-12-01,2026-11-01
        """),
        ["33 0.01 from 2026-12-01"],
        {3: "before it begins"},
    ),
    "a date above that no row needs": Sheet(
        xlsx(["Rates valid from 01/12/2026"], ["Code", "Rate", "Effective"], [33, 0.01, datetime(2026, 12, 1)]),  # noqa: DTZ001
        ["33 0.01 from 2026-12-01"],
    ),
    # --- words that end a code
    "words around the word": Sheet(
        text("""
            Code,Rate,Status
            31,0.01,Code Deleted
            32,0.01,to be removed
            33,0.01,Destination closed
            34,0.01,not blocked
            36,0.01,D
            39,0.01,12%
        """),
        [
            "31 0 withdrawn", "32 0 withdrawn", "33 0 withdrawn", "34 0.01", "36 0.01", "39 0.01",
        ],
        notices=("say nothing to us: not blocked (1), D (1)",),
    ),
    # --- twice
    "the same code twice": Sheet(
        text("""
            Code,Destination,Rate
            33,France,0.01
            33,France,0.01
            34,Spain,0.02
            34,Spain mobile,0.03
        """),
        ["33 0.01", "34 0.03"],
        {3: "the same stands in line 2", 4: "another price for the same code and date stands in line 5"},
    ),
    # --- bytes
    "UTF-16 without its mark": Sheet("Prefix\tRate\n33\t0,01\n".encode("utf-16-le"), ["33 0.01"]),
    "tabs and UTF-16": Sheet("Prefix\tRate\n33\t0,01\n".encode("utf-16"), ["33 0.01"]),
    "an old code page": Sheet(
        "Code;Destination;Rate\n225;Côte d'Ivoire;0.2\n".encode("cp1252"),
        ["225 0.2"],
        names={"225": "Côte d'Ivoire"},
    ),
}  # fmt: skip
"""By what is hostile about them."""
