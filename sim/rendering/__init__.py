"""sim/rendering."""
