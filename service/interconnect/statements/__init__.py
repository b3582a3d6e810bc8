"""Statements: both directions of a partner's traffic, netted."""
