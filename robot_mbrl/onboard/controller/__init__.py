"""robot_mbrl/onboard/controller."""
