"""robot_mbrl/runs."""
