"""sim/laws."""
