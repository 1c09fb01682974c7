"""sim/adopt."""
