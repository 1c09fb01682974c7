"""A pretrained run corrected by real episodes, accepted only if held-out data agree."""
