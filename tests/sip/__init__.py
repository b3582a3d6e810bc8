"""A real Kamailio with real SIP on loopback."""
