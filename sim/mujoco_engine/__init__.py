"""sim/mujoco_engine."""
