"""What may be sent: soft limits, braking in time, ramps, position commands."""
