"""Episodes in files: MCAP for what is recorded, CSV for logs of other programs."""
