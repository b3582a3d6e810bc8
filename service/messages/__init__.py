"""Mail: the queue's sender, broadcasts, notices of rates that change."""
