"""Tariffs in the ledger: what of the ratebook is published, and when it was."""
