"""launch/studies."""
