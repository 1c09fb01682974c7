"""How wrong a run's model is, where, and what its own uncertainty knows of it."""
