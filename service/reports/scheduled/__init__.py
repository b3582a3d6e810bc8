"""Summaries that are mailed: each whole day, week or month once, to people of an account, as each may see it."""
