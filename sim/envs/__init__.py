"""sim/envs."""
