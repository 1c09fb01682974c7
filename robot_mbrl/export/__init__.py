"""robot_mbrl/export."""
