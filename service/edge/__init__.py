"""The edge: who is banned from sending SIP to us."""
