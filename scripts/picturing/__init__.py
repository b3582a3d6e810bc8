"""Documents of invented companies, for pictures and measurements."""
