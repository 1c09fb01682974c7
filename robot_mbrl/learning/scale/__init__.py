"""Work in several processes: the one place where they are made."""
