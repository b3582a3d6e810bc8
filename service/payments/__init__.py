"""What is paid: which invoices it pays, and the ways that it comes in by beside a person's hand."""
