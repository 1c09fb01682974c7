"""launch/bench/peers."""
