"""robot_mbrl/agents/imagination."""
