"""Numbers of B worlds at once that engines lack: motors, friction, payloads, latency, chance."""
