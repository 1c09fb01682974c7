"""What this machine can do: speed, memory, deadlines and stops, one measurement a file."""
