"""Double entry: what every amount is said with."""
