"""What pages are made of: lists, forms, facts, plots. All is worked out here; templates only print."""
