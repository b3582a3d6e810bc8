"""Volume commitments: steps, minimums, swaps, by periods."""
