"""Carriers' rate sheets, in and out: whatever they send becomes rows of a deck, and decks become sheets.

Runs in the service and at the command line, never inside Kamailio. Pure but for reading the file that it is given.
"""
