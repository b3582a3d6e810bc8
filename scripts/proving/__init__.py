"""All proofs of `scripts/test`, and how they share the machine."""
