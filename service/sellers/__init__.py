"""What a seller shows of itself: its brand, the numbers of its invoices, its mails."""
