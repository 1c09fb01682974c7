"""The command line: parsing and wiring only. One file a verb; nobody imports launch."""
