"""The only holder of a driver's `send`: limits, freshness, ramps, latched stops."""
