"""What people see of a simulated robot: pictures without a screen, a window, movie files."""
