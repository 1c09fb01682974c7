"""Rollouts in the learned model, and how far they are relied on as learning goes on."""
