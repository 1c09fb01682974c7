"""Learned dynamics: a batched probabilistic ensemble, its normalizer and its training."""
