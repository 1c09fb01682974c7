"""robot_mbrl/onboard/monitor."""
