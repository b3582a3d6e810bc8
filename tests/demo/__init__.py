"""The demo: its files, its telephones, and a run of a changed copy."""
