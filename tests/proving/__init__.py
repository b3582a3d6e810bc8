"""Of how all proofs share the machine."""
