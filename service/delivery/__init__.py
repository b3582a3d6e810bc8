"""Call records to whom they concern: files of chosen columns, each call in one of them, sent until they are taken."""
