"""A device is not believed: what it says is held against what it said before and was asked."""
