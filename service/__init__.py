"""The aiohttp service and the `kambill` command: the tree of accounts, the ledger, and what feeds the call path."""
