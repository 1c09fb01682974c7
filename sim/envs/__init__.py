"""Gymnasium environments over worlds: one robot, B robots, and what is drawn for each and when."""
