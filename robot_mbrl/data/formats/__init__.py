"""robot_mbrl/data/formats."""
