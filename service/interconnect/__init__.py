"""Partners that send us calls and get some: what both sides say of them, what is owed, what is disputed."""
