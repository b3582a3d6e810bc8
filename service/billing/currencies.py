"""How many decimals a currency is paid with: the exponents of ISO 4217."""

from __future__ import annotations

_BY_DECIMALS = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
_OTHERS = {currency: decimals for decimals, listed in _BY_DECIMALS.items() for currency in listed.split()}


def decimals_of(currency: str) -> int:
    """Of its minor unit: 2 for EUR, 0 for JPY."""
    return _OTHERS.get(currency, 2)
