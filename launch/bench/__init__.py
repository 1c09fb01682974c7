"""What this machine can do: planner, simulator, control loop, learning, stops."""
