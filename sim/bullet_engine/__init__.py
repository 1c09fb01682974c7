"""sim/bullet_engine."""
