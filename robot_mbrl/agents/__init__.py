"""Learning agents, one file an algorithm."""
