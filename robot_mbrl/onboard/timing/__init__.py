"""Time of the loop: periods on a grid, observations over the time that passed."""
