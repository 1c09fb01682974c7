"""The project's own serial protocol: frames, messages and the host's driver."""
