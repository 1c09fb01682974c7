"""robot_mbrl/models/judging."""
