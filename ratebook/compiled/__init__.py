"""Tariffs as workers read them: rows of one LMDB environment, keyed by tariff version and prefix."""
