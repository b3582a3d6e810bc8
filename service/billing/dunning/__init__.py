"""What is done about invoices that aren't paid: reminders, late fees, barring, and how it is lifted again."""
