"""Rates that change: each customer is told of its own, in its seller's name, some days before."""
