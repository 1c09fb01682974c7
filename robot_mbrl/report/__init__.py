"""HTML pages with figures of what was learned and measured, for people."""
