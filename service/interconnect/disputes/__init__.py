"""Disputes: what a partner and we count differently, from the first letter to the money."""
