"""Commission: what resellers earn who sell at their parent's tariff."""
