"""A robot folder from anybody's URDF: mended, given first numbers, written and tried."""
