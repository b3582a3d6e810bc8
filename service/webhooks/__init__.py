"""What happens to accounts, told to servers that their people name: signed, sent again until it is taken, logged."""
