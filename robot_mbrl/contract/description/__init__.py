"""robot_mbrl/contract/description."""
