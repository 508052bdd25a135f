"""What the tests of both cluster tiers stand on: a cluster's processes, its users, and asking it."""
