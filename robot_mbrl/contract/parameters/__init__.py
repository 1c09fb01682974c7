"""Physical parameters by path: their vocabulary, effects and random variation."""
