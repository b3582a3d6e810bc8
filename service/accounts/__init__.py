"""Who owes and is owed: the tree of accounts."""
