"""The API of users, roles, sessions, tokens and the audit."""
