"""robot_mbrl/contract/parameters."""
