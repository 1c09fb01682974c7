"""robot_mbrl/models/fitting."""
