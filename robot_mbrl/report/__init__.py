"""robot_mbrl/report."""
