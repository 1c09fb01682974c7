"""Files: read once and checked, written whole, folders that one process at a time writes into."""
