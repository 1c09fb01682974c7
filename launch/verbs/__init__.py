"""launch/verbs."""
