"""robot_mbrl/networks."""
