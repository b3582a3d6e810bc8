"""How traffic arrives and leaves: trunks, gateways, routing plans."""
