"""Re-rating: what calls of a period were charged wrongly is corrected, at every level, once."""
