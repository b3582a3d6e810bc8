"""The kambill command."""
