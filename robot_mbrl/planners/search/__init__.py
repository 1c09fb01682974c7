"""robot_mbrl/planners/search."""
