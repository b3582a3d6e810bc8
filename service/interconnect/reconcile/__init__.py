"""A partner's call records against ours. Everything but storage and API is pure."""
