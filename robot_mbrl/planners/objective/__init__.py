"""robot_mbrl/planners/objective."""
