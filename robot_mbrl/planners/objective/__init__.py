"""What plans are scored by: imagined rollouts, rewards, terminal value, disagreement."""
