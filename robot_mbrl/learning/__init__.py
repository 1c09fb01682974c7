"""robot_mbrl/learning."""
