"""`kambill apply`: a file says what stands; the difference is shown, then done in one transaction."""
