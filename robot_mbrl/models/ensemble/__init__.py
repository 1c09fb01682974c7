"""The probabilistic ensemble: E networks at once, and the form that planners use."""
