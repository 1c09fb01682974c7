"""Simulated robots: the same description, as many differently built worlds as you like."""
