"""robot_mbrl/models/ensemble."""
