"""Mail: the queue's sender, and broadcasts."""
