"""One file a verb: its Settings and `run(settings) -> Outcome`."""
