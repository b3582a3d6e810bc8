"""Calls in the ledger: from the journal's lines to records, charges and postings."""
