"""What is sold beside calls: subscriptions, rented numbers, packages of seconds or money."""
