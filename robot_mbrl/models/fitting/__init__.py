"""Fitting an ensemble to transitions: losses, bootstrap, held-out best weights."""
