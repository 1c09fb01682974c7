"""robot_mbrl/contract/urdf."""
