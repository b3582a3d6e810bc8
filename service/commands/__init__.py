"""Commands, ledger to store: numbered in SQL, copied to the inbox, sent anew for a new store."""
