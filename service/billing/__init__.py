"""From settled calls to money in the bank."""
