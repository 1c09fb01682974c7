"""robot_mbrl/onboard/supervisor."""
