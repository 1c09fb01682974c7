"""The command line: one file a verb, parsing and wiring only. Nobody imports this package."""
