"""What attackers send, as values: messages and what must become of them."""
