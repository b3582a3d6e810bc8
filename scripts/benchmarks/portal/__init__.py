"""Lists, pages and files over millions of calls."""
