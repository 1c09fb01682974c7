"""Searches for the best plan, each a pure function of a score and given noise."""
