"""The robot folder as dataclasses: robot.toml, randomization, calibration, realities."""
