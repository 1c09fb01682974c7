"""What learning reaches, measured over seeds, worlds and realities: one study a file."""
