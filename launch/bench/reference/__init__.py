"""Reference implementations: what other packages reach at the same job."""
