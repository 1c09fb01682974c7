"""robot_mbrl/envs."""
