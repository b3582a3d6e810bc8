"""The call path: what Kamailio's embedded Python runs. Standard library and lmdb only."""
