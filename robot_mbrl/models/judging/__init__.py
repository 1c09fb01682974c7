"""How far a learned model's predictions can be relied on: errors, intervals, drift."""
