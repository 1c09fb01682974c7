"""robot_mbrl/contract/observation."""
